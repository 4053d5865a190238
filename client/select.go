package client

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// selector chooses the queue of each message: round-robin from a random start, around the broker that failed last and
// around brokers that failed a moment ago (RocketMQ's MQFaultStrategy, with failures in place of latencies).
type selector struct {
	next     atomic.Uint32
	avoidFor time.Duration

	mu      sync.Mutex
	avoided map[string]time.Time // broker name → until when
	n       atomic.Int32         // len(avoided), read without mu on the path of every message
}

func newSelector(avoidFor time.Duration) *selector {
	s := &selector{avoidFor: avoidFor, avoided: map[string]time.Time{}}
	s.next.Store(rand.Uint32())
	return s
}

// choose returns a queue of queues, which is not empty. Avoided brokers are used when there are no others; then the one that
// has just failed (last) is the last resort.
func (s *selector) choose(now time.Time, queues []Queue, last string) Queue {
	start := int(s.next.Add(1) % uint32(len(queues)))
	if last == "" && s.quiet() {
		return queues[start]
	}
	fallback := queues[start]
	for i := range queues {
		q := queues[(start+i)%len(queues)]
		if q.Broker == last {
			continue
		}
		if !s.isAvoided(now, q.Broker) {
			return q
		}
		if fallback.Broker == last {
			fallback = q
		}
	}
	return fallback
}

// failed makes choose avoid the broker for a while.
func (s *selector) failed(now time.Time, broker string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.avoided[broker] = now.Add(s.avoidFor)
	s.n.Store(int32(len(s.avoided)))
}

// succeeded ends that.
func (s *selector) succeeded(broker string) {
	if s.quiet() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.avoided, broker)
	s.n.Store(int32(len(s.avoided)))
}

func (s *selector) isAvoided(now time.Time, broker string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.avoided[broker]
	if ok && !now.Before(until) {
		delete(s.avoided, broker)
		s.n.Store(int32(len(s.avoided)))
		return false
	}
	return ok
}

func (s *selector) quiet() bool { return s.n.Load() == 0 }
