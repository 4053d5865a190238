package broker

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
)

// holdBench is a hold over queues whose lengths the test sets.
type holdBench struct {
	hold *hold
	stop func()

	mu       sync.Mutex
	ends     map[consumequeue.Key]offset.Queue
	answered map[*parked]wakeup
	looks    int
	refuse   bool // looks at appends do not match
}

func newHoldBench(t *testing.T, max int) *holdBench {
	b := &holdBench{ends: map[consumequeue.Key]offset.Queue{}, answered: map[*parked]wakeup{}}
	grown := func(p *parked) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.ends[p.key] > p.pull.checked
	}
	look := func(p *parked, why wakeup) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.looks++
		if b.refuse && why == wakeAppend {
			p.pull.checked = b.ends[p.key]
			return false
		}
		if why == wakeRecheck && b.ends[p.key] <= p.pull.from {
			return false
		}
		b.answered[p] = why
		return true
	}
	b.hold = newHold(max, grown, look)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.hold.run(ctx)
	}()
	b.stop = func() { cancel(); <-done }
	t.Cleanup(b.stop)
	return b
}

func (b *holdBench) park(queue int32, wait time.Duration) *parked {
	p := &parked{pull: &pull{}, key: consumequeue.Key{Topic: 1, Queue: queue}, deadline: time.Now().Add(wait)}
	b.hold.park(p)
	return p
}

func (b *holdBench) append(queue int32, n offset.Queue) {
	k := consumequeue.Key{Topic: 1, Queue: queue}
	b.mu.Lock()
	from := b.ends[k]
	b.ends[k] += n
	b.mu.Unlock()
	b.hold.onAppend([]state.Advance{{Queue: k, From: from, To: from + n}})
}

func (b *holdBench) why(p *parked) (wakeup, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w, ok := b.answered[p]
	return w, ok
}

func TestParkedPullIsWokenByItsQueueOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newHoldBench(t, 100)
		p, other := b.park(1, 15*time.Second), b.park(2, 15*time.Second)
		b.append(1, 3)
		synctest.Wait()
		if why, ok := b.why(p); !ok || why != wakeAppend {
			t.Errorf("the pull of the queue that grew was answered: %v, %v", ok, why)
		}
		if _, ok := b.why(other); ok {
			t.Error("the pull of another queue was answered")
		}
		if b.hold.parked() != 1 {
			t.Errorf("%d parked, want 1", b.hold.parked())
		}
	})
}

func TestParkedPullEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newHoldBench(t, 100)
		p := b.park(1, 12*time.Second)
		time.Sleep(12*time.Second - time.Millisecond)
		if _, ok := b.why(p); ok {
			t.Error("answered before the deadline")
		}
		time.Sleep(2 * time.Millisecond)
		if why, ok := b.why(p); !ok || why != wakeDeadline {
			t.Errorf("answered: %v, %v", ok, why)
		}
	})
}

func TestMessagesThatDoNotMatchLeaveThePullForTheRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newHoldBench(t, 100)
		b.refuse = true
		p := b.park(1, 30*time.Second)
		for range 4 { // appends go on for four seconds
			time.Sleep(time.Second)
			b.append(1, 1)
		}
		synctest.Wait()
		if _, ok := b.why(p); ok {
			t.Fatal("answered by messages that do not match")
		}
		time.Sleep(time.Second + time.Millisecond)
		if why, ok := b.why(p); !ok || why != wakeRecheck {
			t.Errorf("after %s: answered %v, %v", recheckInterval, ok, why)
		}
		if b.looks > 6 {
			t.Errorf("%d looks for four appends and one recheck", b.looks)
		}
	})
}

func TestMessageThatCameBeforeParkingIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newHoldBench(t, 100)
		b.append(1, 1) // after the caller read the queue, before it parks
		p := b.park(1, 15*time.Second)
		synctest.Wait()
		if why, ok := b.why(p); !ok || why != wakeAppend {
			t.Errorf("answered %v, %v", ok, why)
		}
	})
}

func TestReleaseAndStopAnswerEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newHoldBench(t, 100)
		first := b.park(1, 15*time.Second)
		b.hold.release()
		synctest.Wait()
		if why, ok := b.why(first); !ok || why != wakeRelease {
			t.Errorf("release: %v, %v", ok, why)
		}
		second := b.park(7, 15*time.Second)
		b.stop()
		if why, ok := b.why(second); !ok || why != wakeRelease {
			t.Errorf("stop: %v, %v", ok, why)
		}
		if b.hold.park(&parked{pull: &pull{}, deadline: time.Now().Add(time.Second)}) {
			t.Error("a hold that ended parks")
		}
		if b.hold.parked() != 0 {
			t.Errorf("%d parked", b.hold.parked())
		}
	})
}

func TestParkedPullsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newHoldBench(t, 2)
		b.park(1, time.Second)
		b.park(2, time.Second)
		if b.hold.park(&parked{pull: &pull{}, key: consumequeue.Key{Topic: 1, Queue: 3}, deadline: time.Now().Add(time.Second)}) {
			t.Error("a third pull was parked")
		}
		time.Sleep(time.Second + time.Millisecond)
		if b.hold.parked() != 0 {
			t.Errorf("%d parked after their deadlines", b.hold.parked())
		}
	})
}
