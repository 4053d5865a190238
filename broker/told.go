package broker

import (
	"slices"
	"sync"
	"time"
)

// toldMax is how long a request waits for NameServers that do not answer.
const toldMax = time.Second

// told knows which changes each NameServer was told, and holds what waits for that: a client that created a topic asks for its route at
// once, and if it is not there, looks again only 30 s later. RocketMQ's broker registers before it answers, too.
type told struct {
	mu      sync.Mutex
	changes uint64   // made so far
	heard   []uint64 // by NameServer: changes that it was told, or that it could not be told
	waiting []toldWaiter
	closed  bool
	wake    chan struct{} // one slot: somebody waits
}

type toldWaiter struct {
	change   uint64
	deadline time.Time
	then     func()
}

func newTold(nameServers int) *told {
	return &told{heard: make([]uint64, nameServers), wake: make(chan struct{}, 1)}
}

// change notes a change. It never blocks.
func (t *told) change() {
	t.mu.Lock()
	t.changes++
	t.mu.Unlock()
}

// made is the number of changes so far: what a NameServer is told after this call contains them.
func (t *told) made() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changes
}

// tell notes that NameServer i was told, or could not be told, the first changes; what waited for it goes on.
func (t *told) tell(i int, changes uint64) {
	t.mu.Lock()
	t.heard[i] = max(t.heard[i], changes)
	t.mu.Unlock()
	t.release(time.Now())
}

// after calls then when every NameServer was told all changes made so far, at the latest after toldMax. It may call it at once.
func (t *told) after(then func()) {
	t.mu.Lock()
	if t.closed || t.allHeardLocked(t.changes) {
		t.mu.Unlock()
		then()
		return
	}
	t.waiting = append(t.waiting, toldWaiter{t.changes, time.Now().Add(toldMax), then})
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *told) allHeardLocked(change uint64) bool {
	return len(t.heard) == 0 || slices.Min(t.heard) >= change
}

// release lets go what was told or has waited long enough, and returns how long until the next has.
func (t *told) release(now time.Time) time.Duration {
	next := time.Hour
	var ready []func()
	t.mu.Lock()
	t.waiting = slices.DeleteFunc(t.waiting, func(w toldWaiter) bool {
		if !t.closed && !t.allHeardLocked(w.change) && now.Before(w.deadline) {
			next = min(next, w.deadline.Sub(now))
			return false
		}
		ready = append(ready, w.then)
		return true
	})
	t.mu.Unlock()
	for _, then := range ready {
		then()
	}
	return next
}

// close lets everything go, now and later.
func (t *told) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.release(time.Now())
}
