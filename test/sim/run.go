package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/internal/vfs"
)

// Result is what a run of a schedule gave.
type Result struct {
	Schedule Schedule
	History  *History
	Final    *Final
	Lines    []string // of the processes' logs
	Problems []Problem
	Kept     string // where a failure's files are; "" if there are no problems

	members []*Member
}

// Play runs a schedule in the present bubble, checks the history and returns what came out. What a failure left is kept in a new
// directory below keep; "-" keeps nothing.
func Play(t testing.TB, s Schedule, keep string) *Result {
	c := New(t, Seed(s.Seed), Retention(s.Retention), SyncTime(max(s.Sync, syncTime)))
	c.StartLoad()
	for _, f := range s.Faults {
		c.plan(action{at: c.History.now() + f.At, do: func() { c.Inflict(f) }, fault: true})
	}
	c.Run(s.Length)
	return c.Finish(s, keep)
}

// Finish ends every fault, checks everything and closes the cluster. s says what was done to it.
func (c *Cluster) Finish(s Schedule, keep string) *Result {
	var final *Final
	if c.Settle() {
		final = c.Drain()
	}
	terms := c.watch.terms()
	c.stopMembers()
	if final != nil {
		c.verify()
	}
	r := c.result(s, final, terms)
	if len(r.Problems) > 0 && keep != "-" {
		var err error
		if r.Kept, err = r.Keep(keep); err != nil {
			c.t.Logf("the failure's files are not complete: %v", err)
		}
	}
	c.Close()
	return r
}

// CheckAll is Finish in a test: it fails the test for what the checkers find.
func (c *Cluster) CheckAll() *Result {
	c.t.Helper()
	r := c.Finish(Schedule{Seed: c.opts.seed, Class: Class(c.t.Name())}, "-")
	for _, p := range r.Problems {
		c.t.Error(p)
	}
	for _, e := range r.History.Events {
		c.t.Log(e)
	}
	return r
}

func (c *Cluster) result(s Schedule, final *Final, terms int) *Result {
	h := c.History
	lines, bugs := c.logs.all()
	for _, line := range bugs {
		c.fail("K16", "%s", line)
	}
	h.Counts.Histories, h.Counts.Acked, h.Counts.Elections, h.Counts.Virtual = 1, h.acked(), terms, h.now()
	problems := slices.Clone(h.Problems)
	if final != nil {
		problems = append(problems, Check(h, final, !c.skewed)...)
	}
	return &Result{Schedule: s, History: h, Final: final, Lines: lines, Problems: problems, members: c.members}
}

// Inflict does one fault now and plans its end.
func (c *Cluster) Inflict(f Fault) {
	c.History.event("fault %v", f)
	c.History.count(func(n *Counts) { n.Faults++ })
	names := c.resolveTarget(f.On)
	if len(names) == 0 {
		return
	}
	name := names[0]
	undo := func(do func()) { c.After(f.For, do) }
	heal := func() { undo(func() { c.healMember(name) }) }
	switch f.Kind {
	case KindKill:
		c.Kill(name)
		undo(func() { c.Start(name) })
	case KindPower:
		c.PowerCut(names...)
		undo(func() { c.Start(names...) })
	case KindStop:
		c.Stop(name)
		undo(func() { c.startAfterStop(name) })
	case KindKillAt, KindPowerAt:
		c.HaltAt(name, int(f.Arg), writesLog, f.Kind == KindPowerAt)
		undo(func() { c.Start(name) })
	case KindPause:
		c.Pause(name)
		undo(func() { c.healMember(name); c.HealDisk(name) })
	case KindCut:
		c.Cut(name)
		heal()
	case KindCutOut, KindCutIn:
		c.CutOneWay(name, f.Kind == KindCutOut)
		heal()
	case KindBridge:
		c.bridge(name)
		undo(func() { c.Heal() })
	case KindFlap:
		c.flap(name, 5, f.For/10)
	case KindReset:
		c.Reset(name)
	case KindRefuse:
		c.refuseAll(name)
		heal()
	case KindDelay:
		c.Delay(name, time.Duration(f.Arg)*time.Millisecond)
		heal()
	default:
		c.inflictLocal(f, name)
	}
}

// inflictLocal does the faults of one machine's disk, clock and place in the group.
func (c *Cluster) inflictLocal(f Fault, name string) {
	healDisk := func() { c.After(f.For, func() { c.HealDisk(name) }) }
	switch f.Kind {
	case KindHang:
		c.HangDisk(name)
		healDisk()
	case KindSlow:
		c.SlowDisk(name, time.Duration(f.Arg)*time.Millisecond)
		healDisk()
	case KindFailSync:
		c.FailDisk(name, vfs.OpSync)
		healDisk()
	case KindFailWrite:
		c.FailDisk(name, vfs.OpWrite)
		healDisk()
	case KindFull:
		c.FillDisk(name, f.Arg<<10)
		healDisk()
	case KindSkew:
		c.SkewClock(name, time.Duration(f.Arg)*time.Second)
		c.After(f.For, func() { c.SkewClock(name, 0) })
	case KindRot:
		c.Rot(name, uint64(f.Arg))
		c.After(f.For, func() { c.Start(name) })
	case KindTransfer:
		c.Transfer()
	case KindReplace:
		c.Replace(name)
	case KindNames:
		c.restartNameServer(int(uint64(f.Arg) % uint64(len(c.names))))
	}
}

// writesLog matches what makes appends durable.
func writesLog(op vfs.Op) bool {
	return strings.Contains(op.Path, "/commitlog/") && (op.Kind == vfs.OpWrite || op.Kind == vfs.OpSync)
}

func (c *Cluster) resolveTarget(on string) []string {
	all := []string{}
	for _, m := range c.members {
		all = append(all, m.name)
	}
	switch on {
	case "leader":
		if l := c.Leader(); l != "" {
			return []string{l}
		}
		return all[:1]
	case "follower":
		if f := c.Followers(); len(f) > 0 {
			return f[c.rng.IntN(len(f)):][:1]
		}
		return all[:1]
	case "all":
		return all
	case "majority":
		c.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all[:len(all)/2+1]
	}
	return []string{on}
}

func (c *Cluster) startAfterStop(name string) {
	if c.member(name).stopping {
		c.After(tick, func() { c.startAfterStop(name) })
		return
	}
	c.Start(name)
}

// healMember ends the faults of the network between a member and everybody.
func (c *Cluster) healMember(name string) {
	m := c.member(name)
	c.History.event("heal %s", name)
	for _, other := range c.hosts(m.host) {
		c.net.Heal(m.host, other)
		c.net.SetLatency(m.host, other, normalLatency)
	}
}

// bridge leaves one member in contact with the others, which are cut from each other.
func (c *Cluster) bridge(middle string) {
	for i, a := range c.members {
		for _, b := range c.members[i+1:] {
			if a.name != middle && b.name != middle {
				c.CutMembers(a.name, b.name)
			}
		}
	}
}

func (c *Cluster) flap(name string, times int, each time.Duration) {
	if times == 0 {
		return
	}
	c.Cut(name)
	c.After(each, func() {
		c.healMember(name)
		c.After(each, func() { c.flap(name, times-1, each) })
	})
}

// refuseAll makes every other member believe that the process is dead.
func (c *Cluster) refuseAll(name string) {
	for _, m := range c.members {
		if m.name != name {
			c.Refuse(m.name, name)
		}
	}
}

func (c *Cluster) restartNameServer(i int) {
	n := c.names[i]
	c.History.event("restart NameServer %s", n.host)
	c.net.Host(n.host).Kill()
	n.cancel()
	old := n.ended
	c.aside.Go(func() { <-old })
	c.startNameServer(i)
}
