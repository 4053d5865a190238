package commitlog

import (
	"sync"
	"time"
)

// storageCalls knows when each read, write, fsync and directory change under way began. Preallocation is not counted:
// it happens ahead of need and may take long where fallocate is emulated. Nor is Reset (design D12).
type storageCalls struct {
	mu sync.Mutex
	// started holds a time for each call under way; zero is free. When there are more, all of these are old enough to tell.
	started [32]time.Time
}

// watch runs call.
func (c *storageCalls) watch(call func() error) error {
	n := c.begin()
	err := call()
	c.end(n)
	return err
}

func (c *storageCalls) begin() int {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.started {
		if c.started[i].IsZero() {
			c.started[i] = now
			return i
		}
	}
	return -1
}

func (c *storageCalls) end(n int) {
	if n < 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started[n] = time.Time{}
}

// oldest is the age of the call that has been running longest.
func (c *storageCalls) oldest() time.Duration {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	var age time.Duration
	for _, t := range c.started {
		if !t.IsZero() {
			age = max(age, now.Sub(t))
		}
	}
	return age
}

// Stalled returns how long the oldest storage call under way has been running, 0 if none.
func (l *Log) Stalled() time.Duration { return l.calls.oldest() }
