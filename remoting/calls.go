package remoting

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// expirySlack is the least time between two looks for calls that have timed out: a call may end so much late.
const expirySlack = 5 * time.Millisecond

var errTooManyCalls = errors.New("too many requests without response")

// call is one request of ours that waits for its response. Whoever takes it out of the table ends it.
type call struct {
	opaque   int32
	deadline time.Time // zero: none
	done     func(*Command, error)
	end      atomic.Int64 // where its frame ends in the stream; 0 until it is queued
	queueing sync.Mutex   // held by start, from before the call can be found in the table until the request is encoded
}

// finish calls done, when the request is not read any more: the caller may use its memory again from done on.
func (c *call) finish(resp *Command, err error) {
	c.queueing.Lock()
	c.queueing.Unlock() // only to wait
	c.done(resp, err)
}

// callTable holds the calls of one connection that wait. One timer serves all deadlines.
type callTable struct {
	mu      sync.Mutex
	pending map[int32]*call
	next    int32
	closed  bool
	timer   *time.Timer
	armed   time.Time // when timer fires; zero: it does not
}

func (t *callTable) init() { t.pending = map[int32]*call{} }

// opaque returns a number for a one-way request.
func (t *callTable) opaque() int32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	return t.next
}

// add numbers a call and lets it wait.
func (t *callTable) add(c *call, limit int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrConnClosed
	}
	if len(t.pending) >= limit {
		return errTooManyCalls
	}
	for {
		t.next++
		if _, used := t.pending[t.next]; !used {
			break
		}
	}
	c.opaque = t.next
	t.pending[c.opaque] = c
	if !c.deadline.IsZero() {
		t.armLocked(c.deadline)
	}
	return nil
}

// remove takes a call out; false means that someone else did and calls its done.
func (t *callTable) remove(c *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending[c.opaque] != c {
		return false
	}
	delete(t.pending, c.opaque)
	return true
}

// complete gives a response to the call that waits for it; false if none does.
func (t *callTable) complete(resp *Command) bool {
	t.mu.Lock()
	c := t.pending[resp.Opaque]
	delete(t.pending, resp.Opaque)
	t.mu.Unlock()
	if c == nil {
		return false
	}
	c.finish(resp, nil)
	return true
}

// failAll ends every call, and all later ones, after reader and writer have stopped. written is how far the stream was
// handed to the socket: a frame that ends beyond it was not sent (invariant 5).
func (t *callTable) failAll(written int64, reason error) {
	t.mu.Lock()
	t.closed = true
	calls := t.pending
	t.pending = nil
	if t.timer != nil {
		t.timer.Stop()
	}
	t.mu.Unlock()
	for _, c := range calls {
		if end := c.end.Load(); end == 0 || end > written {
			c.finish(nil, fmt.Errorf("%w: connection closed: %w", ErrNotSent, reason))
		} else {
			c.finish(nil, fmt.Errorf("%w: %w", ErrConnClosed, reason))
		}
	}
}

// armLocked lets the timer fire at deadline unless it fires before. It needs mu.
func (t *callTable) armLocked(deadline time.Time) {
	if !t.armed.IsZero() && !deadline.Before(t.armed) {
		return
	}
	t.armed = deadline
	if t.timer == nil {
		t.timer = time.AfterFunc(time.Until(deadline), t.expire)
	} else {
		t.timer.Reset(time.Until(deadline))
	}
}

// expire ends the calls whose time is over and arms the timer for the next. Most calls are answered long before their
// deadline, so it seldom finds any.
func (t *callTable) expire() {
	now := time.Now()
	var late []*call
	var next time.Time
	t.mu.Lock()
	for opaque, c := range t.pending {
		switch {
		case c.deadline.IsZero():
		case !c.deadline.After(now):
			late = append(late, c)
			delete(t.pending, opaque)
		case next.IsZero() || c.deadline.Before(next):
			next = c.deadline
		}
	}
	t.armed = time.Time{}
	if !next.IsZero() && !t.closed {
		if soonest := now.Add(expirySlack); next.Before(soonest) {
			next = soonest
		}
		t.armLocked(next)
	}
	t.mu.Unlock()
	for _, c := range late {
		c.finish(nil, ErrTimeout)
	}
}
