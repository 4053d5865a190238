package namesrv

import (
	"time"
)

// forgetAfter is how long a group without members is remembered with its term and topics.
const forgetAfter = 24 * time.Hour

// departure is a member that has left the table.
type departure struct {
	broker, addr string
	id           int64
	cause        string
}

// heartbeat renews a registration (code 904). It reports false if there is none: the broker has to register.
// id -1 is one that was not said; timeout 0 leaves the member's own. The connection that carried it owns the registration from now on.
func (t *table) heartbeat(now time.Time, broker, addr string, id int64, timeout time.Duration, conn uint64) bool {
	g := t.groups[broker]
	if g == nil {
		return false
	}
	m := g.members[addr]
	if m == nil || id >= 0 && m.id != id {
		return false
	}
	m.seen, m.conn = now, conn
	if timeout > 0 {
		m.timeout = timeout
	}
	return true
}

// unregister removes a member on its own request (code 104). Only the connection that owns the registration may do that:
// a request of an earlier connection that arrives late removes nothing.
func (t *table) unregister(now time.Time, broker, addr string, id int64, conn uint64) (departure, bool) {
	g := t.groups[broker]
	if g == nil {
		return departure{}, false
	}
	m := g.members[addr]
	if m == nil || m.id != id || m.conn != conn {
		return departure{}, false
	}
	return g.remove(now, m, "unregistered"), true
}

// connClosed removes the registrations that the closed connection still owns (design section 9, interleaving 12).
func (t *table) connClosed(now time.Time, conn uint64) []departure {
	return t.removeIf(now, "connection closed", func(m *member) bool { return m.conn == conn })
}

// expire removes members that have been silent for their timeout, and forgets groups that have long been empty.
func (t *table) expire(now time.Time) []departure {
	gone := t.removeIf(now, "expired", func(m *member) bool { return now.Sub(m.seen) >= m.timeout })
	for _, g := range t.groups {
		if len(g.members) == 0 && now.Sub(g.emptySince) >= forgetAfter {
			t.dropGroup(g)
		}
	}
	return gone
}

func (t *table) removeIf(now time.Time, cause string, leaves func(*member) bool) []departure {
	var gone []departure
	for _, name := range t.names {
		g := t.groups[name]
		for _, m := range g.members {
			if leaves(m) {
				gone = append(gone, g.remove(now, m, cause))
			}
		}
	}
	return gone
}

func (g *group) remove(now time.Time, m *member, cause string) departure {
	delete(g.members, m.addr)
	if len(g.members) == 0 {
		g.emptySince = now
		g.writeWiped = false
	}
	return departure{g.name, m.addr, m.id, cause}
}
