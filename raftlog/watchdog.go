package raftlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

const (
	watchInterval = 100 * time.Millisecond
	stallSuspends = time.Second      // a storage call older than this stops the member's Raft traffic
	stallFatal    = 30 * time.Second // and one older than this ends the process
)

// watchdog looks at storage (design D12). Raft goes on heart-beating while the leader's disk hangs, so somebody else must make
// the others elect: the watchdog stops this member's Raft traffic in both directions.
type watchdog struct {
	n         *Node
	suspended bool // owned by run
	resume    func()
}

// run looks until ctx ends.
func (w *watchdog) run(ctx context.Context) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		w.look()
		select {
		case <-tick.C:
		case <-ctx.Done():
			if w.suspended {
				w.resume()
			}
			return
		}
	}
}

func (w *watchdog) look() {
	n := w.n
	stalled := n.stalled()
	err := n.store.log.Err()
	switch {
	case errors.Is(err, commitlog.ErrFailed):
		// A flush behind the appends (async mode) failed: nobody was waiting for it (design D11).
		n.fail(fmt.Errorf("FATAL the log of group %s failed: %w", n.opts.Group, err))
	case stalled > stallFatal:
		n.fail(fmt.Errorf("FATAL a storage call has been running for %v", stalled.Round(time.Second)))
	case stalled > stallSuspends && !w.suspended && !n.switching.Load():
		w.suspend(stalled)
	case stalled < stallSuspends && w.suspended:
		w.goOn()
	}
	if w.suspended {
		return // the file system does not answer
	}
	ok, remark := n.store.log.HasSpace()
	if ok {
		remark = ""
	}
	n.proposer.setFull(remark)
	n.lease.extend()
}

func (w *watchdog) suspend(stalled time.Duration) {
	n := w.n
	n.logger.Error("storage stalled, taking no part in the group", "group", n.opts.Group, "member", n.ID(), "since", stalled)
	w.suspended = true
	w.resume = n.lease.suspend()
	n.net.suspend(true)
	n.proposer.stall(true)
}

func (w *watchdog) goOn() {
	n := w.n
	n.logger.Warn("storage answers again, taking part in the group", "group", n.opts.Group, "member", n.ID())
	w.suspended = false
	n.net.suspend(false)
	n.proposer.stall(false)
	w.resume()
}

// stalled is the age of the oldest storage call under way.
func (n *Node) stalled() time.Duration {
	return max(n.store.log.Stalled(), n.store.stable.stalled())
}

// queueBytesMax bounds what is handed to the state machine and not applied yet (design D7). Raft's own bound counts batches.
const queueBytesMax = 64 << 20

// waitForRoom holds back append requests while the state machine is behind. It looks at bytes only when enough entries wait
// to be able to exceed the bound.
func (n *Node) waitForRoom(t *transport) {
	for in := n.running(); in != nil && in.trans == t && n.crowded(in); in = n.running() {
		select {
		case <-time.After(appliedPoll):
		case <-t.ctx.Done():
			return
		}
	}
}

func (n *Node) crowded(in *instance) bool {
	handed, applied := in.raft.AppliedIndex(), in.fsm.applied.Load()
	if handed <= applied+queueBytesMax/(1<<20) {
		return false
	}
	log := n.store.log
	begin, err := log.DataPosition(offset.Index(applied + 1))
	if err != nil {
		return false
	}
	end, err := log.DataPosition(offset.Index(handed))
	return err == nil && end-begin > queueBytesMax
}
