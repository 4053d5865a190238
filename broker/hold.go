package broker

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/consumequeue"
)

// wakeup says why a parked pull is looked at again.
type wakeup int

const (
	wakeAppend   wakeup = iota // its queue grew
	wakeRecheck                // every recheckInterval, as RocketMQ's PullRequestHoldService does
	wakeDeadline               // it has waited as long as it asked for
	wakeRelease                // shutdown, an install, or another leader (design D23)
)

const (
	recheckInterval = 5 * time.Second
	holdShards      = 4
)

// parked is a pull that waits for messages at the end of a queue.
type parked struct {
	r        *request
	pull     *pull
	key      consumequeue.Key
	deadline time.Time

	due   time.Time // of the next look: a recheck or the deadline
	place int       // in the shard's heap
}

// hold keeps the parked pulls by queue. OnAppend wakes a queue only if somebody waits for it. Each shard has one goroutine, which
// answers; a look that does not answer leaves the pull parked.
type hold struct {
	// look decides and answers; it reports whether p was answered. It runs on a shard's goroutine.
	look func(p *parked, why wakeup) bool
	// grown reports whether p's queue has units that no look has seen.
	grown func(p *parked) bool

	max    int64
	count  atomic.Int64
	closed atomic.Bool
	shards [holdShards]*holdShard
}

func newHold(max int, grown func(*parked) bool, look func(*parked, wakeup) bool) *hold {
	h := &hold{max: int64(max), grown: grown, look: look}
	for i := range h.shards {
		h.shards[i] = &holdShard{hold: h, queues: map[consumequeue.Key][]*parked{}, dirty: map[consumequeue.Key]bool{}, wake: make(chan struct{}, 1)}
	}
	return h
}

// park keeps p until a look answers it. It reports false when too many pulls are parked or the hold has ended; p is then not kept.
func (h *hold) park(p *parked) bool {
	if h.closed.Load() {
		return false
	}
	if h.count.Add(1) > h.max || !h.shard(p.key).add(p) {
		h.count.Add(-1)
		return false
	}
	if h.grown(p) { // what was applied since the caller looked woke nobody
		h.shard(p.key).touch(p.key)
	}
	return true
}

// onAppend wakes the queues that grew and have waiters. It is called on the Apply goroutine.
func (h *hold) onAppend(advances []state.Advance) {
	if h.count.Load() == 0 {
		return
	}
	for i := range advances {
		h.shard(advances[i].Queue).touch(advances[i].Queue)
	}
}

// wake has the pulls that wait at a queue looked at, although it did not grow.
func (h *hold) wake(k consumequeue.Key) { h.shard(k).touch(k) }

// release makes every parked pull be answered soon.
func (h *hold) release() {
	for _, s := range h.shards {
		s.mu.Lock()
		s.all = true
		s.mu.Unlock()
		s.signal()
	}
}

// close has every parked pull answered and parks no more.
func (h *hold) close() {
	h.closed.Store(true)
	h.release()
}

// forget drops the parked pulls of a connection that closed.
func (h *hold) forget(conn uint64) {
	if h.count.Load() == 0 {
		return
	}
	for _, s := range h.shards {
		s.mu.Lock()
		s.gone = append(s.gone, conn)
		s.mu.Unlock()
		s.signal()
	}
}

// run looks after the parked pulls until ctx ends, and answers all of them then.
func (h *hold) run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range h.shards {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
}

func (h *hold) parked() int { return int(h.count.Load()) }

func (h *hold) shard(k consumequeue.Key) *holdShard {
	return h.shards[(k.Topic*31+uint32(k.Queue))%holdShards]
}

// holdShard owns the parked pulls of some queues.
type holdShard struct {
	hold *hold
	wake chan struct{} // one slot: something below changed

	mu     sync.Mutex
	queues map[consumequeue.Key][]*parked
	byDue  dueHeap
	dirty  map[consumequeue.Key]bool
	gone   []uint64
	all    bool
	closed bool
}

func (s *holdShard) add(p *parked) bool {
	if now := time.Now(); !p.due.After(now) { // a look at an append does not put off the recheck
		p.due = earlier(p.deadline, now.Add(recheckInterval))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.queues[p.key] = append(s.queues[p.key], p)
	heap.Push(&s.byDue, p)
	if p.place == 0 {
		s.signal() // the timer must be set anew
	}
	return true
}

func (s *holdShard) touch(k consumequeue.Key) {
	s.mu.Lock()
	waited := len(s.queues[k]) > 0 && !s.dirty[k]
	if waited {
		s.dirty[k] = true
	}
	s.mu.Unlock()
	if waited {
		s.signal()
	}
}

func (s *holdShard) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *holdShard) run(ctx context.Context) {
	timer := time.NewTimer(recheckInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.mu.Lock()
			s.closed, s.all = true, true
			s.mu.Unlock()
			s.work()
			return
		case <-s.wake:
		case <-timer.C:
		}
		timer.Reset(s.work())
	}
}

// work looks at what is due and returns how long until the next.
func (s *holdShard) work() time.Duration {
	for _, due := range s.take() {
		if s.hold.look(due.p, due.why) || due.why == wakeRelease {
			s.hold.count.Add(-1)
		} else {
			s.keep(due.p)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byDue) == 0 {
		return recheckInterval
	}
	return max(time.Until(s.byDue[0].due), time.Millisecond)
}

type dueLook struct {
	p   *parked
	why wakeup
}

// take removes the pulls that are to be looked at.
func (s *holdShard) take() []dueLook {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked()
	var looks []dueLook
	if s.all {
		s.all = false
		for _, p := range s.byDue {
			looks = append(looks, dueLook{p, wakeRelease})
		}
		s.byDue = nil
		clear(s.queues)
		clear(s.dirty)
		return looks
	}
	for k := range s.dirty {
		for _, p := range s.queues[k] {
			heap.Remove(&s.byDue, p.place)
			looks = append(looks, dueLook{p, wakeAppend})
		}
		delete(s.queues, k)
	}
	clear(s.dirty)
	now := time.Now()
	for len(s.byDue) > 0 && !s.byDue[0].due.After(now) {
		p := s.byDue[0]
		s.removeLocked(p)
		why := wakeRecheck
		if !p.deadline.After(now) {
			why = wakeDeadline
		}
		looks = append(looks, dueLook{p, why})
	}
	return looks
}

// keep parks p again after a look that did not answer it. If the queue grew meanwhile p is looked at again.
func (s *holdShard) keep(p *parked) {
	if !s.add(p) {
		s.hold.look(p, wakeRelease)
		s.hold.count.Add(-1)
		return
	}
	if s.hold.grown(p) {
		s.touch(p.key)
	}
}

// sweepLocked drops the pulls of closed connections. s.mu is held.
func (s *holdShard) sweepLocked() {
	if len(s.gone) == 0 {
		return
	}
	gone := make(map[uint64]bool, len(s.gone))
	for _, id := range s.gone {
		gone[id] = true
	}
	s.gone = s.gone[:0]
	var drop []*parked
	for _, p := range s.byDue {
		if gone[p.r.Conn.ID()] {
			drop = append(drop, p)
		}
	}
	for _, p := range drop {
		s.removeLocked(p)
		s.hold.count.Add(-1)
	}
}

func (s *holdShard) removeLocked(p *parked) {
	heap.Remove(&s.byDue, p.place)
	rest := s.queues[p.key]
	for i := range rest {
		if rest[i] == p {
			rest[i] = rest[len(rest)-1]
			rest = rest[:len(rest)-1]
			break
		}
	}
	if len(rest) == 0 {
		delete(s.queues, p.key)
		delete(s.dirty, p.key)
	} else {
		s.queues[p.key] = rest
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// dueHeap orders parked pulls by due.
type dueHeap []*parked

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *dueHeap) Push(x any) {
	p := x.(*parked)
	p.place = len(*h)
	*h = append(*h, p)
}
func (h *dueHeap) Pop() any {
	old := *h
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return p
}
