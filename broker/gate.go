package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/raftmq/raftmq/raftlog"
)

// gateRetry is how often requests that wait for something other than a leader are tried again.
const gateRetry = 20 * time.Millisecond

// gate holds the requests that cannot be served yet: no leader is known, the leader has not applied its LeaderStart entry, the member has
// not recovered, or the proposer is full. They are tried again when the role changes, and answered with the reason when their
// budget is over (design D21). What waits is bounded by the connections' in-flight limits, since a request that waits is unanswered.
type gate struct {
	serve func(r *request) // tries again
	roles *roles

	mu      sync.Mutex
	waiting []waiting
	again   []*request // to be served at once
	wake    chan struct{}
	closed  bool
}

type waiting struct {
	r   *request
	why error
}

func newGate(roles *roles, serve func(*request)) *gate {
	return &gate{roles: roles, serve: serve, wake: make(chan struct{}, 1)}
}

// park keeps r until it can be served; why is what it is answered when its budget ends first.
func (g *gate) park(r *request, why error) {
	if !time.Now().Before(r.deadline) || !g.add(func() { g.waiting = append(g.waiting, waiting{r, why}) }) {
		r.fail(why)
	}
}

// retry serves r again from the gate's goroutine: a completion must not run handlers itself.
func (g *gate) retry(r *request) {
	if !g.add(func() { g.again = append(g.again, r) }) {
		r.fail(errStopping)
	}
}

func (g *gate) add(keep func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	keep()
	select {
	case g.wake <- struct{}{}:
	default: // it is awake already
	}
	return true
}

// run tries requests again until ctx ends; then it answers all that wait and refuses more.
func (g *gate) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		_, changed := g.roles.watch()
		timer.Stop()
		if g.pending() {
			timer.Reset(gateRetry)
		}
		select {
		case <-ctx.Done():
			g.close()
			return
		case <-changed:
			g.serveAgain(true)
		case <-g.wake:
			g.serveAgain(false)
		case <-timer.C:
			g.serveAgain(true)
		}
	}
}

func (g *gate) pending() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting) > 0
}

// serveAgain serves what asked for it and, if all, also what waits. A request that still cannot be served comes back through park.
func (g *gate) serveAgain(all bool) {
	g.mu.Lock()
	again := g.again
	g.again = nil
	var parked []waiting
	if all {
		parked = g.waiting
		g.waiting = nil
	}
	g.mu.Unlock()
	for _, r := range again {
		g.serve(r)
	}
	now := time.Now()
	for _, w := range parked {
		if now.Before(w.r.deadline) {
			g.serve(w.r)
		} else {
			w.r.fail(w.why)
		}
	}
}

func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	waiting, again := g.waiting, g.again
	g.waiting, g.again = nil, nil
	g.mu.Unlock()
	for _, w := range waiting {
		w.r.fail(w.why)
	}
	for _, r := range again {
		r.fail(errStopping)
	}
}

// settle ends an attempt to serve r that failed: what certainly had no effect waits and is tried again, everything else is answered
// (invariant 2).
func (g *gate) settle(r *request, err error) {
	switch {
	case errors.Is(err, raftlog.ErrDiskFull):
		r.fail(err)
	case errors.Is(err, raftlog.ErrBusy):
		g.park(r, refuse(errBusy, "[OVERLOAD]system busy, start flow control for a while"))
	case notAppended(err):
		g.park(r, errNoLeader)
	default:
		r.fail(err)
	}
}
