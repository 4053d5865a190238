package raftlog

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/raft"
)

// A heartbeat that meets the beginning of a campaign makes raft write the old term over the new one (seen on a machine that was short of
// CPU: both followers of a group died of it at once). The store refuses, raft panics, the member goes on.
func TestHeartbeatThatMeetsACampaignIsDropped(t *testing.T) {
	store := &stableStore{term: 4, hasTerm: true}
	tr := &transport{}
	handler := func(rpc raft.RPC) {
		if err := store.SetUint64([]byte(keyTerm), 3); err != nil {
			panic(fmt.Errorf("failed to save current term: %v", err)) // as raft's setCurrentTerm
		}
	}
	tr.onBeat.Store(&handler)
	if r, flags := beatNow(tr, &raft.AppendEntriesRequest{Term: 3}); r.Success || flags != answerUnavailable {
		t.Errorf("answer %+v, flags %d", r, flags)
	}
	if store.term != 4 {
		t.Errorf("the term is %d", store.term)
	}
}

func TestOtherPanicsOfAHeartbeatGoOn(t *testing.T) {
	tr := &transport{}
	disk := errors.New("failed to save current term: disk failed")
	handler := func(raft.RPC) { panic(disk) }
	tr.onBeat.Store(&handler)
	defer func() {
		if recover() != disk {
			t.Error("the panic was swallowed")
		}
	}()
	beatNow(tr, &raft.AppendEntriesRequest{Term: 3})
}
