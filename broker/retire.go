package broker

import (
	"context"
	"time"
)

const (
	// transferMax bounds one attempt to hand leadership over.
	transferMax = 2 * time.Second
	// lingerLook is how often a member that is leaving looks whether it may go.
	lingerLook = 100 * time.Millisecond
)

// Retire makes a planned stop unnoticed by clients: it hands leadership over, takes the member out of the routes and refuses leadership
// from then on. The member goes on as a follower, which forwards and serves reads, because clients keep an address until they ask for
// the route again: stock ones every 30 s.
//
// It returns when no client is connected, when nobody leads for longer than a request would wait, when nobody can take leadership, or
// when ctx ends, which bounds it. Run is to be ended then; it must run meanwhile.
func (b *Broker) Retire(ctx context.Context) {
	m := b.member.Load()
	if m == nil || ctx.Err() != nil {
		return
	}
	m.node.Decline()
	b.handOver(m)
	m.stopRegistrar()
	if n := b.server.Stats().Connections.Load(); n > 0 {
		b.logger.Info("left the routes, serving those who still have this address", "connections", n)
	}
	b.linger(ctx, m)
}

// linger waits until this member is of use to no client. Raft may elect it once more, when the others are gone or far behind.
func (b *Broker) linger(ctx context.Context, m *member) {
	tick := time.NewTicker(lingerLook)
	defer tick.Stop()
	led := time.Now() // when a leader was known last
	for b.server.Stats().Connections.Load() > 0 && time.Since(led) <= b.options.ForwardBudget {
		b.handOver(m)
		switch now := b.roles.load(); {
		case now.ready:
			return // nobody can take it
		case now.known():
			led = time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// handOver gives leadership away, if this member has it and somebody can take it.
func (b *Broker) handOver(m *member) {
	if !b.roles.load().self {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), transferMax)
	defer cancel()
	m.gather.flush()
	if m.state.BytesSinceBoundary() > 0 {
		if _, err := b.Boundary(ctx); err != nil {
			b.logger.Debug("no boundary at the stop", "error", err)
		}
	}
	if len(m.node.Status().Members) < 2 {
		return
	}
	if err := m.node.TransferLeadership(ctx, ""); err != nil {
		b.logger.Warn("leadership not handed over", "error", err)
		return
	}
	for now, changed := b.roles.watch(); !now.known(); now, changed = b.roles.watch() {
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
