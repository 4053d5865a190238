package state

import (
	"fmt"
	"slices"
	"testing"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// keyed is the command of a message with one key.
func keyed(topic uint32, hash uint32, storeTime int64) []byte {
	return AppendMessage(nil, topic, 0, []uint32{hash}, testMessage("T", 0, storeTime, "x"))
}

func (m *member) find(hash uint32, begin, end int64, max int) []offset.Physical {
	m.t.Helper()
	found, err := m.state.FindByKey(hash, begin, end, max)
	if err != nil {
		m.t.Fatal(err)
	}
	return found
}

func TestMessagesAreFoundByKey(t *testing.T) {
	m := newMember(t)
	topic := m.createTopic("T", 1)
	var want []offset.Physical // newest first
	for n := range 60 {
		results := m.append(keyed(topic.ID, 5, int64(n)), keyed(topic.ID, 6, int64(n)), AppendBoundary(nil))
		want = slices.Insert(want, 0, results[0].Position)
	}
	check := func(what string) {
		t.Helper()
		if got := m.find(5, 0, 100, 100); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("at once")
	if got := m.find(5, 10, 20, 4); !slices.Equal(got, want[39:43]) {
		t.Errorf("four of a range: %v, want %v", got, want[39:43])
	}
	if got := m.find(7, 0, 100, 10); len(got) != 0 {
		t.Errorf("a key that no message has: %v", got)
	}
	for _, p := range want {
		if _, err := m.state.MessageAt(p); err != nil {
			t.Errorf("at %d: %v", p, err)
		}
	}
	m.restart()
	check("after a restart")
	if behind := m.state.KeysBehind(); behind != 0 {
		t.Errorf("%d entries behind after a look-up", behind)
	}
}

// TestKeysOfAnEntry: commands without keys, and those that had no effect, do no harm.
func TestKeysOfAnEntry(t *testing.T) {
	data := batch(1, 2, AppendBoundary(nil), keyed(1, 9, 7), AppendPutTopic(nil, Topic{Name: "A"}, true), keyed(2, 10, 8))
	got := keysOf(data, 1000)
	if len(got) != 2 || got[0].Hash != 9 || got[1].Hash != 10 || got[1].StoreTime != 8 || got[0].Position <= 1000 {
		t.Errorf("got %+v", got)
	}
	sub, err := commitlog.DecodeSubRecord(data[got[1].Position-1000:], true)
	if err != nil || Kind(sub.Kind) != KindMessage {
		t.Errorf("no message lies at %d: %v", got[1].Position, err)
	}
	for n := range len(data) {
		keysOf(data[:n], 0) // must not panic
	}
	if fmt.Sprint(keysOf(nil, 0)) != "[]" {
		t.Error("keys of nothing")
	}
}
