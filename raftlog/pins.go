package raftlog

import (
	"sync"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

const pinTime = 10 * time.Minute

// pins keep what a member that was sent an image still needs from the log, for a bounded time (design D13).
type pins struct {
	mu   sync.Mutex
	held map[ServerID]pinned
}

type pinned struct {
	from  offset.Index
	until time.Time
}

func (p *pins) pin(id ServerID, from offset.Index) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = map[ServerID]pinned{}
	}
	p.held[id] = pinned{from: from, until: time.Now().Add(pinTime)}
}

// floor lowers from to what a pinned member needs. match tells how far a member's log reaches; who has reached from, or has
// had time enough, holds nothing back any more.
func (p *pins) floor(from offset.Index, match func(ServerID) offset.Index) offset.Index {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, lowest := time.Now(), from
	for id, held := range p.held {
		if now.After(held.until) || match(id) >= from {
			delete(p.held, id)
			continue
		}
		lowest = min(lowest, held.from)
	}
	return lowest
}
