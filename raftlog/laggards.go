package raftlog

import (
	"context"
	"sync"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

const (
	laggardLook = time.Second
	// laggardAfter is how long a member may answer heartbeats, lack committed entries and take none before that is an alarm.
	laggardAfter = 10 * time.Second
	// laggardContact is how old the last answer of a member that answers may be.
	laggardContact = 2 * time.Second
)

// laggards knows the members that answer this leader's heartbeats and do not advance. Such a member looks alive to everybody, raft says
// nothing of it, and the group has one copy less than it seems (raft-spike 5.1, 5.5).
type laggards struct {
	mu   sync.Mutex
	seen map[ServerID]advance
}

// advance is how far a member was, and since when it has been there with entries to take.
type advance struct {
	match offset.Index
	since time.Time
	told  bool
}

// stuck is for how long a member has been a laggard, 0 if it is none.
func (g *laggards) stuck(id ServerID) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a := g.seen[id]; a.told {
		return time.Since(a.since)
	}
	return 0
}

// note takes one look at a member. stuck is set for the look at which it becomes a laggard, healed for the one at which it is none again.
func (g *laggards) note(id ServerID, match offset.Index, advances bool, now time.Time) (stuck, healed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen == nil {
		g.seen = map[ServerID]advance{}
	}
	a, known := g.seen[id]
	if !known || advances || match != a.match {
		g.seen[id] = advance{match: match, since: now}
		return false, a.told
	}
	if !a.told && now.Sub(a.since) >= laggardAfter {
		a.told = true
		g.seen[id] = a
		return true, false
	}
	return false, false
}

// forget ends a leadership.
func (g *laggards) forget() {
	g.mu.Lock()
	clear(g.seen)
	g.mu.Unlock()
}

// watchLaggards looks until ctx ends.
func (n *Node) watchLaggards(ctx context.Context) {
	tick := time.NewTicker(laggardLook)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			n.lookAtLaggards(now)
		case <-ctx.Done():
			return
		}
	}
}

func (n *Node) lookAtLaggards(now time.Time) {
	in, err := n.leading()
	if err != nil {
		n.laggards.forget()
		return
	}
	term, commit := in.raft.CurrentTerm(), offset.Index(in.raft.CommitIndex())
	for _, s := range in.servers() {
		id := ServerID(s.ID)
		if id == n.ID() {
			continue
		}
		p := n.net.peer(id)
		match, _, contact := p.progress(term)
		advances := match >= commit || now.Sub(contact) > laggardContact || now.Sub(p.imageProgress()) <= laggardContact
		switch stuck, healed := n.laggards.note(id, match, advances, now); {
		case stuck:
			n.logger.Warn("member answers heartbeats and does not advance", "group", n.opts.Group, "member", id, "matchIndex", match, "commitIndex", commit)
		case healed:
			n.logger.Info("member advances again", "group", n.opts.Group, "member", id, "matchIndex", match)
		}
	}
}
