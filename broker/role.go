package broker

import (
	"sync"
	"sync/atomic"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

// role is what this member knows of the leadership of its group.
type role struct {
	term   offset.Term
	leader raftlog.ServerID // empty while unknown
	self   bool             // this member is the leader …
	ready  bool             // … and its LeaderStart entry of this term was applied (design D19)
}

// known reports whether somebody else is the leader.
func (r role) known() bool { return !r.self && r.leader != "" }

// roles holds the current role. Only leadership.run sets it.
type roles struct {
	now atomic.Pointer[role]

	mu      sync.Mutex
	changed chan struct{} // closed when now changes
}

func newRoles() *roles {
	r := &roles{changed: make(chan struct{})}
	r.now.Store(&role{})
	return r
}

func (r *roles) load() role { return *r.now.Load() }

// watch returns the role and a channel that is closed when it changes.
func (r *roles) watch() (role, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.load(), r.changed
}

func (r *roles) set(now role) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.load() == now {
		return
	}
	r.now.Store(&now)
	close(r.changed)
	r.changed = make(chan struct{})
}
