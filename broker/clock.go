package broker

import (
	"sync"
	"sync/atomic"
	"time"
)

// storeClock gives the store timestamps of what this leader proposes and keeps proposals in their order, so that the timestamps in
// the log never decrease (invariant 7): consumers look messages up by time with a binary search.
type storeClock struct {
	wall func() time.Time

	mu   sync.Mutex
	last int64 // ms; of the newest proposal
}

func newStoreClock(wall func() time.Time) *storeClock { return &storeClock{wall: wall} }

// raise makes floor (ms) the lowest timestamp from now on: the highest of the leaders before.
func (c *storeClock) raise(floor int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last, floor)
}

// nowLocked returns the timestamp (ms) of a proposal made now. c.mu is held.
func (c *storeClock) nowLocked() int64 { return max(c.wall().UnixMilli(), c.last) }

// optimisticBytes is the size up to which a proposal is encoded outside the lock at first.
const optimisticBytes = 64 << 10

// propose calls encode with a store timestamp (ms) and then propose, with no later timestamp proposed in between. encode runs outside
// the lock first, which is right unless the millisecond changes under it; it may run again, so it must start over each time.
// size is about how many bytes it writes.
func (c *storeClock) propose(size int, encode func(timestamp int64), propose func() error) error {
	if size <= optimisticBytes {
		c.mu.Lock()
		now := c.nowLocked()
		c.mu.Unlock()
		encode(now)
		c.mu.Lock()
		if now >= c.last {
			defer c.mu.Unlock()
			c.last = now
			return propose()
		}
		c.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = c.nowLocked()
	encode(c.last)
	return propose()
}

// groupClock is the clock of leases in ms (design D16): it advances by the monotonic time of the leader and goes on across leaders from
// the last applied entry, whatever their wall clocks say.
type groupClock struct {
	applied func() int64 // the group time of the last applied batch
	reign   atomic.Pointer[reignClock]
}

type reignClock struct {
	base  int64
	begin time.Time
}

// start begins to count from the group time that was applied; stop ends it.
func (c *groupClock) start() {
	c.reign.Store(&reignClock{base: c.applied(), begin: time.Now()})
}

func (c *groupClock) stop() { c.reign.Store(nil) }

// now is the group time of a batch that is closed now. A member that does not lead keeps the clock where it is.
func (c *groupClock) now() int64 {
	applied := c.applied()
	if r := c.reign.Load(); r != nil {
		return max(applied, r.base+time.Since(r.begin).Milliseconds())
	}
	return applied
}
