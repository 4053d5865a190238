package broker

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestStoreTimestampsNeverDecrease(t *testing.T) {
	var mu sync.Mutex
	wall := noon
	clock := newStoreClock(func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		wall = wall.Add(37 * time.Microsecond)
		if wall.Nanosecond()%7 == 0 {
			wall = wall.Add(-3 * time.Millisecond) // the wall clock steps back now and then
		}
		return wall
	})
	var log []int64 // guarded by the clock itself: propose is called in order
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 500 {
				var stamped int64
				size := 100
				if i%50 == worker {
					size = optimisticBytes + 1
				}
				_ = clock.propose(size, func(ts int64) { stamped = ts }, func() error { log = append(log, stamped); return nil })
			}
		})
	}
	wg.Wait()
	if len(log) != 2000 {
		t.Fatalf("%d proposals, want 2000", len(log))
	}
	for i := range log[1:] {
		if log[i+1] < log[i] {
			t.Fatalf("timestamp %d follows %d", log[i+1], log[i])
		}
	}
}

func TestStoreClockStartsAtTheLeaderBefore(t *testing.T) {
	clock := newStoreClock(func() time.Time { return noon })
	floor := noon.UnixMilli() + 5000
	clock.raise(floor)
	_ = clock.propose(1, func(ts int64) {
		if ts != floor {
			t.Errorf("timestamp %d, want %d", ts, floor)
		}
	}, func() error { return nil })
}

func TestGroupClockGoesOnFromTheLastEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		applied := int64(1000)
		c := &groupClock{applied: func() int64 { return applied }}
		time.Sleep(time.Second)
		if c.now() != 1000 {
			t.Errorf("a follower's clock moved to %d", c.now())
		}
		c.start()
		time.Sleep(250 * time.Millisecond)
		if c.now() != 1250 {
			t.Errorf("after 250 ms of reign: %d, want 1250", c.now())
		}
		applied = 5000 // an entry of another leader
		if c.now() != 5000 {
			t.Errorf("the clock went back to %d", c.now())
		}
		c.stop()
		if c.now() != 5000 {
			t.Errorf("after the reign: %d, want 5000", c.now())
		}
	})
}
