package raftlog

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
)

// appliedPoll is how often a waiter looks for itself: raft says nothing when it commits an entry that the state machine does
// not see.
const appliedPoll = 5 * time.Millisecond

// appliedWatch wakes those who wait for an index.
type appliedWatch struct {
	mu      sync.Mutex
	waiting int
	next    chan struct{} // closed and replaced by changed if anyone waits
}

func newAppliedWatch() *appliedWatch { return &appliedWatch{next: make(chan struct{})} }

func (w *appliedWatch) changed() {
	w.mu.Lock()
	if w.waiting > 0 {
		close(w.next)
		w.next = make(chan struct{})
	}
	w.mu.Unlock()
}

func (w *appliedWatch) add(n int) (next <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting += n
	return w.next
}

// appliedIndex is the last entry of which all effects are in the state: the last that the Applier was handed, and the entries
// without effect that follow it.
func (n *Node) appliedIndex() offset.Index {
	in := n.running()
	if in == nil {
		if n.store == nil {
			return 0
		}
		return n.store.applier.Applied()
	}
	handed := offset.Index(in.raft.AppliedIndex()) // read first: what is handed over later does not count
	applied := offset.Index(in.fsm.applied.Load())
	for applied < handed {
		e, err := n.store.log.Header(applied + 1)
		if err != nil || raft.LogType(e.Type) == raft.LogCommand || raft.LogType(e.Type) == raft.LogConfiguration {
			break
		}
		applied++
	}
	return applied
}

// WaitApplied returns when the member has applied index or ctx ends.
func (n *Node) WaitApplied(ctx context.Context, index offset.Index) error {
	if n.isOpen() && n.appliedIndex() >= index {
		return nil
	}
	poll := time.NewTicker(appliedPoll)
	defer poll.Stop()
	next := n.applied.add(1)
	defer n.applied.add(-1)
	for {
		if n.isOpen() && n.appliedIndex() >= index {
			return nil
		}
		select {
		case <-next:
			next = n.applied.add(0)
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.done:
			return ErrStopped
		}
	}
}
