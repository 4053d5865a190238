package raftlog

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
)

// Leadership is one change of what this member knows of the group's leader.
type Leadership struct {
	Term   offset.Term
	Leader ServerID // empty while unknown
	Self   bool     // this member is the leader
}

// leadershipWatch publishes changes of leadership. Raft's observers only kick it; it looks for itself, so that a lost kick
// costs one tick and no truth.
type leadershipWatch struct {
	look     func() Leadership
	onChange func(old, now Leadership)
	wake     chan struct{} // one slot

	mu      sync.Mutex
	current Leadership
	changed chan struct{} // closed and replaced when current changes
}

const leadershipTick = 100 * time.Millisecond

func newLeadershipWatch(look func() Leadership, onChange func(old, now Leadership)) *leadershipWatch {
	return &leadershipWatch{look: look, onChange: onChange, wake: make(chan struct{}, 1), changed: make(chan struct{})}
}

func (w *leadershipWatch) kick() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run publishes until ctx ends.
func (w *leadershipWatch) run(ctx context.Context) {
	tick := time.NewTicker(leadershipTick)
	defer tick.Stop()
	for {
		w.refresh()
		select {
		case <-w.wake:
		case <-tick.C:
		case <-ctx.Done():
			w.set(Leadership{})
			return
		}
	}
}

func (w *leadershipWatch) refresh() { w.set(w.look()) }

func (w *leadershipWatch) set(now Leadership) {
	w.mu.Lock()
	old := w.current
	if now == old {
		w.mu.Unlock()
		return
	}
	w.current = now
	close(w.changed)
	w.changed = make(chan struct{})
	w.mu.Unlock()
	w.onChange(old, now)
}

func (w *leadershipWatch) get() (Leadership, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.current, w.changed
}

// lookAtLeadership reads what raft knows. Term, state and leader are three reads; they are repeated until the term holds
// still, so that a leader is never paired with another's term.
func (n *Node) lookAtLeadership() Leadership {
	in := n.running()
	if in == nil {
		return Leadership{}
	}
	for {
		term := in.raft.CurrentTerm()
		_, leader := in.raft.LeaderWithID()
		self := in.raft.State() == raft.Leader
		if in.raft.CurrentTerm() != term {
			continue
		}
		if self {
			leader = raft.ServerID(n.ID())
		}
		return Leadership{Term: offset.Term(term), Leader: ServerID(leader), Self: self}
	}
}

// leadershipChanged runs on the watch's goroutine.
func (n *Node) leadershipChanged(old, now Leadership) {
	n.lease.lead(now.Self, uint64(now.Term))
	n.proposer.lead(now.Self)
	switch {
	case now.Self && !(old.Self && old.Term == now.Term):
		n.logger.Info("became leader", "term", now.Term, "index", n.store.log.LastIndex())
	case old.Self && !now.Self:
		n.logger.Info("lost leadership", "term", old.Term, "leader", now.Leader)
	case now.Leader != "" && now.Leader != old.Leader:
		n.logger.Info("following a leader", "term", now.Term, "leader", now.Leader)
	}
	if in := n.running(); in != nil && now.Leader != "" {
		n.warmVotes(in)
	}
}

// warmVotes opens vote connections to the other members, so that an election costs no handshakes.
func (n *Node) warmVotes(in *instance) {
	for _, s := range in.servers() {
		if id := ServerID(s.ID); id != n.ID() && s.Suffrage == raft.Voter {
			n.loops.Go(func() { in.trans.warm(id) })
		}
	}
}

// Leadership returns the current knowledge and a channel that is closed when it changes.
func (n *Node) Leadership() (Leadership, <-chan struct{}) { return n.leadership.get() }
