package raftlog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
)

const (
	maxAppendEntries = 16 // it counts entries, of up to 1 MiB each; see raft-spike 3
	// commitTimeout is how long a follower may not hear of a commit when nothing more is proposed.
	commitTimeout = 20 * time.Millisecond
	// settleMax is how long an install waits for proposals of a leadership that has ended.
	settleMax = 5 * time.Second
)

// instance is one raft instance. A Node has one at a time and replaces it when an image is installed.
type instance struct {
	raft  *raft.Raft
	trans *transport
	fsm   *fsm
}

func (n *Node) raftConfig() *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(n.ID())
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = n.opts.HeartbeatTimeout, n.opts.ElectionTimeout, n.opts.LeaderLeaseTimeout
	c.CommitTimeout = commitTimeout
	c.MaxAppendEntries = maxAppendEntries
	// Unbuffered: what waits in the buffer when raft is shut down would never be answered. The buffer showed no gain.
	c.BatchApplyCh = false
	c.ShutdownOnRemove = false
	// Only retention deletes data (design D5), and only the Applier makes images (design D13).
	c.TrailingLogs, c.SnapshotThreshold, c.SnapshotInterval = math.MaxUint64, math.MaxUint64, 24*time.Hour
	c.NoSnapshotRestoreOnStart = true
	c.RestoreCommittedLogs = false
	c.NoLegacyTelemetry = true
	c.Logger = quietLogger{n.opts.Logger.Named("raft")}
	return c
}

// startInstance builds a raft instance over the storage and lets requests reach it.
func (n *Node) startInstance() error {
	n.instanceMu.Lock()
	defer n.instanceMu.Unlock()
	if n.stopping {
		return ErrStopped
	}
	in, err := n.newInstance()
	if err != nil {
		return fmt.Errorf("raft: %w", err)
	}
	n.instance.Store(in)
	n.net.current.Store(in.trans)
	n.leadership.kick()
	return nil
}

func (n *Node) newInstance() (*instance, error) {
	s := n.store
	var current atomic.Pointer[raft.Raft]
	f := &fsm{applier: s.applier, log: s.log, history: s.history, fatal: n.fail, changed: n.applied.changed}
	f.applied.Store(uint64(s.applier.Applied()))
	logs := &logStore{log: s.log, fatal: n.fail, stuck: n.stuck, applied: func() offset.Index { return offset.Index(f.applied.Load()) }, committed: func() offset.Index {
		committed := s.applier.Applied()
		if r := current.Load(); r != nil {
			committed = max(committed, offset.Index(r.CommitIndex()))
		}
		return committed
	}, leads: func() bool {
		r := current.Load()
		return r != nil && r.State() == raft.Leader && others(r, n.ID()) > 0
	}}
	t := newTransport(n.net, n.ID())
	t.durable = s.log.AwaitFlushed
	t.beat, t.leads, t.answered, t.sendImage = n.beat, n.leads, n.lease.answered, n.sender.send
	// While raft is constructed the log shows configurations only, and the snapshots show where the state stands. Raft sets
	// its heartbeat handler when it is done with that and before it starts a goroutine.
	logs.scanning.Store(true)
	s.images.setBase(s.base())
	t.onConstructed = func() {
		logs.scanning.Store(false)
		s.images.setBase(nil)
	}
	r, err := raft.NewRaft(n.raftConfig(), f, logs, s.stable, s.images, t)
	if err != nil {
		t.cancel()
		return nil, err
	}
	current.Store(r)
	r.RegisterObserver(raft.NewObserver(nil, false, func(*raft.Observation) bool {
		n.leadership.kick()
		return false
	}))
	return &instance{raft: r, trans: t, fsm: f}, nil
}

// stopInstance ends the raft instance and returns when nothing of it runs any more.
func (n *Node) stopInstance() {
	n.instanceMu.Lock()
	defer n.instanceMu.Unlock()
	n.stopInstanceLocked()
}

func (n *Node) stopInstanceLocked() {
	in := n.instance.Swap(nil)
	if in == nil {
		return
	}
	n.net.current.Store(nil)
	in.trans.cancel()
	in.raft.Shutdown().Error() // always nil
	n.leadership.kick()
}

// running returns the raft instance, nil while there is none.
func (n *Node) running() *instance { return n.instance.Load() }

// switchTo replaces log and state by a received image, between two raft instances.
func (n *Node) switchTo(w *imageWriter, m *imageMeta) error {
	n.instanceMu.Lock()
	defer n.instanceMu.Unlock()
	if n.stopping {
		return ErrStopped
	}
	n.switching.Store(true)
	defer n.switching.Store(false)
	ctx, cancel := context.WithTimeout(n.net.ctx, settleMax)
	defer cancel()
	if !n.proposer.drain(ctx) {
		return errors.New("proposals of an earlier leadership are not settled")
	}
	n.stopInstanceLocked()
	begun, err := n.store.install(w, m)
	if err != nil && begun {
		n.fail(fmt.Errorf("FATAL install of image %d: %w", m.index(), err))
		return err
	}
	n.applied.changed()
	in, startErr := n.newInstance()
	if startErr != nil {
		n.fail(fmt.Errorf("FATAL raft after the install of image %d: %w", m.index(), startErr))
		return startErr
	}
	n.instance.Store(in)
	n.net.current.Store(in.trans)
	n.leadership.kick()
	return err
}

// beat is the heartbeat of this leader to a follower.
func (n *Node) beat(term uint64, to ServerID) heartbeat {
	h := heartbeat{term: term, next: n.store.log.NextPosition()}
	if in := n.running(); in != nil {
		h.commit = offset.Index(in.raft.CommitIndex())
		h.others = n.net.tell(to, in.raft.GetConfiguration().Configuration().Servers)
	}
	return h
}

// heard takes note of a heartbeat that raft accepted.
func (n *Node) heard(from ServerID, h heartbeat) {
	n.follows.beat(from, h)
	n.net.hear(from, h)
}

// leads reports whether this member leads in term with id in its configuration.
func (n *Node) leads(term uint64, id ServerID) bool {
	in := n.running()
	return in != nil && in.raft.State() == raft.Leader && in.raft.CurrentTerm() == term && in.has(id)
}

// others is the number of voters but self in raft's latest configuration.
func others(r *raft.Raft, self ServerID) (n int) {
	for _, s := range r.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter && ServerID(s.ID) != self {
			n++
		}
	}
	return n
}

// servers is the latest configuration in member order.
func (in *instance) servers() []raft.Server {
	return inMemberOrder(in.raft.GetConfiguration().Configuration().Servers)
}

func (in *instance) has(id ServerID) bool {
	for _, s := range in.raft.GetConfiguration().Configuration().Servers {
		if ServerID(s.ID) == id {
			return true
		}
	}
	return false
}
