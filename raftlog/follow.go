package raftlog

import (
	"sync"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

// followed is what the leader's heartbeats say of its log (design D8): a follower whose replication has stalled while heartbeats
// come in must not look fresh.
type followed struct {
	mu      sync.Mutex
	leader  ServerID
	commit  offset.Index
	next    offset.Physical
	contact time.Time
}

// beat takes note of a heartbeat that raft accepted.
func (f *followed) beat(from ServerID, h heartbeat) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if from != f.leader {
		f.leader, f.commit = from, 0
	}
	f.commit, f.next, f.contact = max(f.commit, h.commit), h.next, time.Now()
}

func (f *followed) last() (leader ServerID, commit offset.Index, next offset.Physical, contact time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leader, f.commit, f.next, f.contact
}
