package raftlog

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// lease tells until when this leader may take it for granted that no other leader has been elected by timeout: a quorum has
// accepted requests that were sent less than the lease ago. All by the monotonic clock. An election that a member starts
// because it took this leader's process for dead is not covered: what was read under the lease must be checked again after
// the read where that matters.
type lease struct {
	length  time.Duration
	servers func() []raft.Server // the latest configuration
	peer    func(ServerID) *peer
	self    func() ServerID

	began time.Time    // the origin of until
	until atomic.Int64 // ns after began; 0 while not leading
	off   atomic.Int32 // > 0 while leadership is being handed over or storage is stalled

	mu      sync.Mutex
	leading bool
	term    uint64
}

// valid reports whether the lease holds.
func (l *lease) valid() bool {
	return l.off.Load() == 0 && int64(time.Since(l.began)) < l.until.Load()
}

// suspend makes the lease invalid until the returned function is called.
func (l *lease) suspend() (resume func()) {
	l.off.Add(1)
	return func() { l.off.Add(-1) }
}

// lead begins or ends a leadership.
func (l *lease) lead(leading bool, term uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leading, l.term = leading, term
	l.extendLocked()
}

// answered extends the lease after a peer accepted a request of this term.
func (l *lease) answered(term uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leading && term == l.term {
		l.extendLocked()
	}
}

// extend recomputes the lease: a group of one voter has no answers that would.
func (l *lease) extend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.extendLocked()
}

func (l *lease) extendLocked() {
	if !l.leading {
		l.until.Store(0)
		return
	}
	acked, needed := l.votersLocked()
	if needed == 0 {
		l.until.Store(int64(time.Since(l.began) + l.length))
		return
	}
	if needed > len(acked) || acked[needed-1].IsZero() {
		l.until.Store(0)
		return
	}
	l.until.Store(int64(acked[needed-1].Sub(l.began) + l.length))
}

// votersLocked returns when the other voters' accepted requests had been sent, newest first, and how many of them make a
// quorum with this member.
func (l *lease) votersLocked() (acked []time.Time, needed int) {
	voters := 0
	for _, s := range l.servers() {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if id := ServerID(s.ID); id != l.self() {
			_, at, _ := l.peer(id).progress(l.term)
			acked = append(acked, at)
		}
	}
	slices.SortFunc(acked, func(a, b time.Time) int { return b.Compare(a) })
	return acked, voters / 2
}

// LeaseValid reports whether this member is the leader and heard from a quorum within the lease, by the monotonic clock. It is
// false while leadership is being handed over and while storage is stalled. It costs two atomic reads.
func (n *Node) LeaseValid() bool { return n.lease.valid() }
