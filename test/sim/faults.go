package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting/protocol"
)

func (c *Cluster) createGroups(admin *client.Admin) error {
	for _, name := range []string{consumerGroup, offsetGroup, "tailers", "resets", "drain"} {
		g := protocol.SubscriptionGroupConfig{GroupName: name, ConsumeEnable: true, ConsumeFromMinEnable: true, RetryQueueNums: 1, RetryMaxTimes: 16,
			NotifyConsumerIDsChangedEnable: true}
		if err := admin.CreateGroup(context.Background(), "Sim", g); err != nil {
			return err
		}
	}
	return nil
}

// Start starts members that are down.
func (c *Cluster) Start(names ...string) {
	for _, name := range names {
		m := c.member(name)
		if m.proc == nil && m.quarantined == nil {
			c.History.event("start %s", name)
			m.start()
		}
	}
}

// Kill ends processes as kill -9 does: what they had written is on their disks. They stay down until Start.
func (c *Cluster) Kill(names ...string) { c.halt("kill", (*vfs.Mem).KillClone, names) }

// PowerCut ends machines at one instant: what was not synced may be there, in part, or not. They stay down until Start.
func (c *Cluster) PowerCut(names ...string) {
	running := slices.ContainsFunc(names, func(name string) bool { return c.member(name).proc != nil })
	c.halt("power cut", func(m *vfs.Mem) *vfs.Mem { return m.CrashClone(c.rng) }, names)
	if running {
		c.History.count(func(n *Counts) { n.PowerCuts++ })
	}
}

func (c *Cluster) halt(what string, leave func(*vfs.Mem) *vfs.Mem, names []string) {
	c.History.event("%s %v", what, names)
	for _, name := range names {
		m := c.member(name)
		m.down = true
		if m.proc != nil {
			m.proc.host.Kill()
		}
	}
	c.quiet()
	for _, name := range names {
		c.member(name).halt(leave)
	}
}

// Stop ends a process as SIGTERM does. It returns at once.
func (c *Cluster) Stop(name string) {
	m := c.member(name)
	m.down = true
	if m.proc != nil {
		c.History.event("stop %s", name)
		m.stopping = true
		m.proc.cancel()
	}
}

// supervise looks whether a member's process has ended, and starts it again if nobody wanted that.
func (c *Cluster) supervise(m *Member) {
	p := m.proc
	if p == nil || !p.hasEnded() {
		return
	}
	if p.disk.left() != p.disk.mem {
		return // halted at a trap: what ends is not heard
	}
	p.host.Kill()
	m.proc, m.files.mem = nil, m.files.mem.KillClone()
	stopping := m.stopping
	m.stopping = false
	switch {
	case errors.Is(p.err, raftlog.ErrQuarantined):
		m.quarantined = p.err
		c.History.count(func(n *Counts) { n.Quarantines++ })
		c.History.event("%s quarantined: %v", m.name, p.err)
		if !m.damaged {
			c.fail("K15", "%s was not damaged and is quarantined: %v", m.name, p.err)
		}
	case stopping && p.err != nil && !m.hurt:
		c.fail("K16", "%s did not stop in order: %v", m.name, p.err)
	case !stopping:
		c.History.event("%s ended: %v", m.name, p.err)
		if !m.hurt && !m.damaged {
			c.fail("K16", "%s ended by itself: %v", m.name, p.err)
		}
		c.After(restartIn, func() {
			if !m.down {
				m.start()
			}
		})
	}
}

// stopMembers stops every process in order and waits for it.
func (c *Cluster) stopMembers() {
	for _, m := range c.members {
		c.Stop(m.name)
	}
	c.until("every member has stopped", time.Minute, func() bool {
		return !slices.ContainsFunc(c.members, func(m *Member) bool { return m.proc != nil })
	})
}

// hosts are the addresses of all machines but one.
func (c *Cluster) hosts(but string) []string {
	var all []string
	for _, m := range c.members {
		all = append(all, m.host)
	}
	for _, n := range c.names {
		all = append(all, n.host)
	}
	for i := range c.clients {
		all = append(all, clientHost(i))
	}
	return slices.DeleteFunc(all, func(h string) bool { return h == but })
}

// Cut takes a member off the network, clients included.
func (c *Cluster) Cut(name string) {
	c.History.event("cut %s", name)
	m := c.member(name)
	for _, other := range c.hosts(m.host) {
		c.net.Cut(m.host, other)
	}
}

// CutMembers cuts two members from each other.
func (c *Cluster) CutMembers(a, b string) {
	c.History.event("cut %s from %s", a, b)
	c.net.Cut(c.member(a).host, c.member(b).host)
}

// CutOneWay stops what a member sends to the other members (out), or what they send to it.
func (c *Cluster) CutOneWay(name string, out bool) {
	c.History.event("cut one way %s, out %v", name, out)
	m := c.member(name)
	for _, other := range c.members {
		switch {
		case other == m:
		case out:
			c.net.CutOneWay(m.host, other.host)
		default:
			c.net.CutOneWay(other.host, m.host)
		}
	}
}

// Refuse makes dials from one member to another fail as if its process were dead, and resets their connections.
func (c *Cluster) Refuse(from, to string) {
	c.History.event("refuse %s to %s", from, to)
	c.net.Refuse(c.member(from).host, c.member(to).host)
}

// Reset breaks every connection of a member.
func (c *Cluster) Reset(name string) {
	c.History.event("reset %s", name)
	m := c.member(name)
	for _, other := range c.hosts(m.host) {
		c.net.Reset(m.host, other)
	}
}

// Delay sets the latency between a member and everybody.
func (c *Cluster) Delay(name string, d time.Duration) {
	c.History.event("delay %s %v", name, d)
	m := c.member(name)
	for _, other := range c.hosts(m.host) {
		c.net.SetLatency(m.host, other, d)
	}
}

// Heal ends every fault of the network.
func (c *Cluster) Heal() {
	c.net.HealAll()
	c.net.SetDefaultLatency(normalLatency)
}

// Pause stops a process as SIGSTOP does, as far as others can tell: nothing comes from it, and nothing reaches its disk.
func (c *Cluster) Pause(name string) {
	c.Cut(name)
	c.HangDisk(name)
}

// HangDisk makes every change of a member's log wait.
func (c *Cluster) HangDisk(name string) {
	c.onDisk(name, "hang disk", (*disk).hang)
}

// FailDisk makes writes or syncs of a member's log fail.
func (c *Cluster) FailDisk(name string, kind vfs.OpKind) {
	c.onDisk(name, "fail "+kind.String(), func(d *disk) { d.fail(kind) })
}

// SlowDisk makes each sync of a member's log take so long.
func (c *Cluster) SlowDisk(name string, sync time.Duration) {
	c.onDisk(name, "slow disk", func(d *disk) { d.slow(sync, sync/10) })
}

// FillDisk leaves a member's disk so many free bytes.
func (c *Cluster) FillDisk(name string, room int64) {
	c.onDisk(name, "fill disk", func(d *disk) { d.fill(room) })
}

// HealDisk ends every fault of a member's disk.
func (c *Cluster) HealDisk(name string) { c.onDisk(name, "heal disk", (*disk).heal) }

func (c *Cluster) onDisk(name, what string, do func(*disk)) {
	c.History.event("%s %s", what, name)
	m := c.member(name)
	if m.proc != nil {
		m.hurt = true // it may end by itself, which is what it should do
		do(m.proc.disk)
	}
}

// SkewClock sets how far a member's wall clock is ahead.
func (c *Cluster) SkewClock(name string, by time.Duration) {
	c.History.event("skew %s %v", name, by)
	c.member(name).skew.Store(int64(by))
	c.skewed = c.skewed || by != 0
}

// Transfer asks the leader to hand over.
func (c *Cluster) Transfer() {
	m := c.member(c.Leader())
	if m == nil {
		return
	}
	c.History.event("transfer from %s", m.name)
	node := m.node()
	c.aside.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		node.TransferLeadership(ctx, "") // may fail while other faults go on
	})
}

// HaltAt ends a process just before the n-th operation on its disk that matches, with a kill or a power cut, when it comes. It stays
// down until Start.
func (c *Cluster) HaltAt(name string, n int, match func(vfs.Op) bool, power bool) {
	m := c.member(name)
	if m.proc == nil {
		return
	}
	p := m.proc
	hit := p.disk.setTrap(n, match, func() {
		p.host.Kill()
		p.disk.freeze()
	})
	var look func()
	look = func() {
		switch {
		case m.proc != p:
		case !isClosed(hit):
			c.After(tick, look)
		case power:
			c.PowerCut(name)
		default:
			c.Kill(name)
		}
	}
	c.After(0, look)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
