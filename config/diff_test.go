package config

import (
	"slices"
	"testing"
)

func TestDiff(t *testing.T) {
	a := load(t, Source{File: "testdata/two-groups.hcl"}).Config
	b := load(t, Source{File: "testdata/two-groups.hcl"}).Config
	if keys := Diff(a, b); len(keys) != 0 {
		t.Errorf("equal: %v", keys)
	}
	b.Log.Level = "debug"
	b.Namesrv.Addrs = []string{"x:1"}
	b.Brokers[0].Store.Flush = "sync"
	b.Brokers[1].Peers[2].ID = "n9"
	want := []string{"namesrv.addrs", "broker.RaftNode00.store.flush", "broker.RaftNode01.peer.n2", "broker.RaftNode01.peer.n9", "log.level"}
	if keys := Diff(a, b); !slices.Equal(keys, want) {
		t.Errorf("got %v, want %v", keys, want)
	}
}
