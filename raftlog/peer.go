package raftlog

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
)

// peer is what this member knows of another one: idle connections, whether it can be reached, and, while leading, how much
// of the log it holds (raft exports none of it; design D8).
type peer struct {
	id ServerID

	mu   sync.Mutex
	good string          // the address at which it answered last
	idle [purposes]*link // at most one a purpose
	// down is open while the last attempt to reach the peer failed, and nil while it can be reached.
	down chan struct{}
	term uint64 // the leadership in which the fields below were learned
	// match is the highest index that the peer is known to hold as the leader of term does.
	match offset.Index
	// acked is when the newest request that the peer accepted from the leader of term had been sent.
	acked   time.Time
	contact time.Time // when it last answered

	promised promises  // over all leaderships
	image    time.Time // when a piece of an image that it is sent went out, or it said that it works on it
}

func (p *peer) address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.good
}

func (p *peer) reachedAt(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.good = addr
}

// takeIdle returns an idle connection, nil if there is none.
func (p *peer) takeIdle(pur purpose) *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.idle[pur]
	p.idle[pur] = nil
	return l
}

// put makes l the idle connection of its purpose; the one before it is closed.
func (p *peer) put(l *link) {
	p.mu.Lock()
	old := p.idle[l.purpose]
	p.idle[l.purpose] = l
	p.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

// drop forgets l if it is idle.
func (p *peer) drop(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle[l.purpose] == l {
		p.idle[l.purpose] = nil
	}
}

// setReachable records the outcome of a heartbeat or of a dial, and reports whether it is news. Coming back wakes what is
// parked.
func (p *peer) setReachable(ok bool) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case ok && p.down != nil:
		close(p.down)
		p.down = nil
	case !ok && p.down == nil:
		p.down = make(chan struct{})
	default:
		return false
	}
	return true
}

// unreachable returns a channel that is closed when the peer is reachable again, nil if it is.
func (p *peer) unreachable() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

// record takes note of an answer to a request that was sent at sent.
func (p *peer) record(a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse, sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.contact = now
	p.promised.term = max(p.promised.term, r.Term)
	if a.Term < p.term {
		return
	}
	if a.Term > p.term {
		p.term, p.match, p.acked = a.Term, 0, time.Time{}
	}
	if !r.Success || r.Term != a.Term {
		return
	}
	if sent.After(p.acked) {
		p.acked = sent
	}
	held := offset.Index(a.PrevLogEntry)
	if n := len(a.Entries); n > 0 {
		held = offset.Index(a.Entries[n-1].Index)
	}
	p.match = max(p.match, held)
	p.promised.held = max(p.promised.held, min(p.match, offset.Index(a.LeaderCommitIndex)))
}

// imageMoves records that the installation of an image goes on.
func (p *peer) imageMoves() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.image = time.Now()
}

func (p *peer) imageProgress() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.image
}

// installed records that the peer took an image.
func (p *peer) installed(term uint64, index offset.Index) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if term == p.term {
		p.match = max(p.match, index)
	}
	p.promised.held = max(p.promised.held, index)
}

// progress is what was learned in the given leadership.
func (p *peer) progress(term uint64) (match offset.Index, acked, contact time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if term != p.term {
		return 0, time.Time{}, p.contact
	}
	return p.match, p.acked, p.contact
}
