package netsim

import "time"

// Cut stops everything between two hosts in both directions. Connections stay; what is sent waits for Heal.
func (n *Network) Cut(a, b string) {
	n.CutOneWay(a, b)
	n.CutOneWay(b, a)
}

// CutOneWay stops what goes from one host to another.
func (n *Network) CutOneWay(from, to string) {
	n.change(func() { n.linkLocked(from, to).cut.Store(true) })
}

// Heal undoes every cut and refusal between two hosts.
func (n *Network) Heal(a, b string) {
	n.change(func() {
		n.linkLocked(a, b).heal()
		n.linkLocked(b, a).heal()
	})
}

// HealAll undoes every cut and refusal.
func (n *Network) HealAll() {
	n.change(func() {
		for _, l := range n.links {
			l.heal()
		}
	})
}

func (l *link) heal() {
	l.cut.Store(false)
	l.refuse.Store(false)
}

// Isolate cuts a host from every other host known so far.
func (n *Network) Isolate(name string) {
	for _, other := range n.names() {
		if other != name {
			n.Cut(name, other)
		}
	}
}

// Partition cuts every pair of hosts that are in different groups.
func (n *Network) Partition(groups ...[]string) {
	for i, g := range groups {
		for _, other := range groups[i+1:] {
			for _, a := range g {
				for _, b := range other {
					n.Cut(a, b)
				}
			}
		}
	}
}

// Refuse makes dials from one host to another fail as if nobody listened, although the process lives, and resets the
// connections between them: a firewall that rejects.
func (n *Network) Refuse(from, to string) {
	n.change(func() { n.linkLocked(from, to).refuse.Store(true) })
	n.Reset(from, to)
}

// Reset breaks every connection between two hosts.
func (n *Network) Reset(a, b string) {
	n.mu.Lock()
	var hit []*pair
	for p := range n.pairs {
		x, y := p.ends[0].host.name, p.ends[1].host.name
		if x == a && y == b || x == b && y == a {
			hit = append(hit, p)
		}
	}
	n.mu.Unlock()
	for _, p := range hit {
		p.reset()
	}
}

// SetLatency sets the one-way latency between two hosts, both ways. Bytes under way keep theirs.
func (n *Network) SetLatency(a, b string, d time.Duration) {
	n.change(func() {
		n.linkLocked(a, b).latency.Store(int64(d))
		n.linkLocked(b, a).latency.Store(int64(d))
	})
}

// SetDefaultLatency sets the one-way latency of every link, present and future.
func (n *Network) SetDefaultLatency(d time.Duration) {
	n.change(func() {
		n.latency = d
		for _, l := range n.links {
			l.latency.Store(int64(d))
		}
	})
}

// Connections is the number of connections of which at least one end is open.
func (n *Network) Connections() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.pairs)
}

func (n *Network) names() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	names := make([]string, 0, len(n.hosts))
	for name := range n.hosts {
		names = append(names, name)
	}
	return names
}

// change applies f and wakes whoever waits for the network.
func (n *Network) change(f func()) {
	n.mu.Lock()
	f()
	n.changedLocked()
	pairs := make([]*pair, 0, len(n.pairs))
	for p := range n.pairs {
		pairs = append(pairs, p)
	}
	n.mu.Unlock()
	for _, p := range pairs {
		p.wake()
	}
}
