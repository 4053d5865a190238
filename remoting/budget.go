package remoting

import (
	"sync"
	"sync/atomic"
)

// budget counts the bytes of unanswered requests over all connections of a server or client. Readers stop between
// frames while it is spent; a frame that has begun may still take as much again, so that it can be completed.
type budget struct {
	limit   int64
	used    atomic.Int64
	waiting atomic.Int32

	mu   sync.Mutex
	wake chan struct{} // closed and replaced when bytes come free while someone waits
}

func newBudget(limit int64) *budget { return &budget{limit: limit, wake: make(chan struct{})} }

func (b *budget) add(n int64) { b.used.Add(n) }

func (b *budget) spent() bool { return b.used.Load() >= b.limit }

// exhausted reports whether not even begun frames may grow.
func (b *budget) exhausted() bool { return b.used.Load() >= 2*b.limit }

func (b *budget) release(n int64) {
	if b.used.Add(-n) < b.limit && b.waiting.Load() > 0 {
		b.mu.Lock()
		close(b.wake)
		b.wake = make(chan struct{})
		b.mu.Unlock()
	}
}

// wait returns when the budget is not spent, or false when stop closes first.
func (b *budget) wait(stop <-chan struct{}) bool {
	b.waiting.Add(1)
	defer b.waiting.Add(-1)
	for {
		b.mu.Lock()
		wake := b.wake
		b.mu.Unlock()
		if !b.spent() { // checked after taking wake: a release from now on closes it
			return true
		}
		select {
		case <-wake:
		case <-stop:
			return false
		}
	}
}
