package raftlog

import (
	"context"
	"sync"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

const retainRetry = time.Second // while something that was asked for is still pinned

// retention removes log and images below what the state machine asked for, off its goroutine (design D5, D13).
type retention struct {
	pins pins
	wake chan struct{} // one slot

	mu     sync.Mutex
	wanted offset.Index
}

func newRetention() *retention { return &retention{wake: make(chan struct{}, 1)} }

// ask asks for the removal of everything below from.
func (r *retention) ask(from offset.Index) {
	r.mu.Lock()
	r.wanted = max(r.wanted, from)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *retention) want() offset.Index {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wanted
}

// retain does what was asked for until ctx ends.
func (n *Node) retain(ctx context.Context) {
	tick := time.NewTicker(retainRetry)
	defer tick.Stop()
	for {
		select {
		case <-n.retention.wake:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := n.retainOnce(); err != nil {
			n.fail(err)
			return
		}
	}
}

func (n *Node) retainOnce() error {
	wanted := n.retention.want()
	if wanted <= n.store.log.FirstIndex() || !n.installing.TryLock() {
		return nil
	}
	defer n.installing.Unlock()
	from := wanted
	if ok, _ := n.store.log.HasSpace(); ok { // a member that catches up must not fill the disk
		from = n.retention.pins.floor(wanted, n.matchOf)
	}
	if from <= n.store.log.FirstIndex() {
		return nil
	}
	// Images first: an image without its boundary in the log serves nobody, a log without an image in front only waits.
	if err := n.store.images.retain(from); err != nil {
		return err
	}
	return n.store.log.Retain(from)
}

// matchOf is how far a member's log is known to reach.
func (n *Node) matchOf(id ServerID) offset.Index {
	in := n.running()
	if in == nil {
		return 0
	}
	match, _, _ := n.net.peer(id).progress(in.raft.CurrentTerm())
	return match
}
