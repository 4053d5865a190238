package netsim

import (
	"sync/atomic"
	"time"
)

// DefaultLatency is the one-way latency of a link. It is not zero, so that a loop over the network lets virtual time
// pass.
const DefaultLatency = 50 * time.Microsecond

// link is the one-way path from one host to another. It is read by connections without the network's lock.
type link struct {
	cut     atomic.Bool  // nothing passes; what was sent waits
	refuse  atomic.Bool  // dials are answered with a refusal
	latency atomic.Int64 // ns
}

func (l *link) delay() time.Duration { return time.Duration(l.latency.Load()) }

type linkKey struct{ from, to string }

// linkLocked returns the link between two hosts, made on first use. n.mu is held.
func (n *Network) linkLocked(from, to string) *link {
	k := linkKey{from, to}
	l := n.links[k]
	if l == nil {
		l = &link{}
		l.latency.Store(int64(n.latency))
		n.links[k] = l
	}
	return l
}

// path is both links of a connection as the dialling side sees them.
type path struct{ out, in *link }

func (p path) cut() bool { return p.out.cut.Load() || p.in.cut.Load() }

func (p path) roundTrip() time.Duration { return p.out.delay() + p.in.delay() }
