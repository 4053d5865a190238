package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind names a fault.
type Kind string

// The faults. For is how long each lasts, after which it is undone: a process is started again, a network or disk healed.
const (
	KindKill      Kind = "kill"
	KindStop      Kind = "stop"
	KindPause     Kind = "pause"
	KindPower     Kind = "power"      // of the members On names
	KindKillAt    Kind = "kill-at"    // at an operation on the log
	KindPowerAt   Kind = "power-at"   // the same, a power cut
	KindCut       Kind = "cut"        // from everybody
	KindCutOut    Kind = "cut-out"    // what it sends to the other members
	KindCutIn     Kind = "cut-in"     // what they send to it
	KindBridge    Kind = "bridge"     // the two others are cut from each other
	KindFlap      Kind = "flap"       // cut and healed, five times
	KindReset     Kind = "reset"      // its connections break
	KindRefuse    Kind = "refuse"     // the others cannot dial it, though it lives
	KindDelay     Kind = "delay"      // Arg ms to and from everybody
	KindHang      Kind = "hang"       // its disk
	KindSlow      Kind = "slow"       // Arg ms for each sync
	KindFailSync  Kind = "fail-sync"  // EIO
	KindFailWrite Kind = "fail-write" // EIO
	KindFull      Kind = "full"       // its disk, Arg KiB left
	KindSkew      Kind = "skew"       // its wall clock, Arg seconds
	KindRot       Kind = "rot"        // halted, damaged by Arg, started
	KindTransfer  Kind = "transfer"
	KindReplace   Kind = "replace" // by an empty instance of the same name
	KindNames     Kind = "names"   // a NameServer is restarted, empty
)

// Fault is one planned fault.
type Fault struct {
	At   time.Duration
	For  time.Duration
	Kind Kind
	// On is a member ("n1"), or who has the role when the time has come: "leader", "follower"; "all" and "majority" for a power cut.
	On  string
	Arg int64
}

func (f Fault) String() string {
	return fmt.Sprintf("%v %s %s for %v arg %d", f.At, f.Kind, f.On, f.For, f.Arg)
}

// Class is a kind of history; it says which faults may happen.
type Class string

const (
	Crash  Class = "H-crash"
	Net    Class = "H-net"
	Power  Class = "H-power"
	Rot    Class = "H-rot"
	Disk   Class = "H-disk"
	Time   Class = "H-time"
	Change Class = "H-member"
	Mix    Class = "H-mix"
)

// Classes are all classes.
var Classes = []Class{Crash, Net, Power, Rot, Disk, Time, Change, Mix}

var classKinds = map[Class][]Kind{
	Crash:  {KindKill, KindKill, KindKillAt, KindStop, KindPause, KindNames},
	Net:    {KindCut, KindCutOut, KindCutIn, KindBridge, KindFlap, KindReset, KindRefuse, KindDelay},
	Power:  {KindPower, KindPower, KindPower, KindPowerAt, KindKill},
	Rot:    {KindRot, KindRot, KindKill, KindPower},
	Disk:   {KindHang, KindSlow, KindFailSync, KindFailWrite, KindFull},
	Time:   {KindSkew, KindSkew, KindKill, KindTransfer},
	Change: {KindReplace, KindTransfer, KindKill, KindCut, KindPower},
	Mix:    {KindKill, KindKillAt, KindPause, KindPower, KindPowerAt, KindCut, KindBridge, KindReset, KindRefuse, KindDelay, KindHang, KindSlow, KindFailSync, KindFull, KindSkew, KindTransfer, KindReplace},
}

// Schedule is the whole plan of a history.
type Schedule struct {
	Seed   uint64
	Class  Class
	Length time.Duration // of the load
	// Retention bounds the log in bytes, 0 does not: members that were away for long then need an image.
	Retention int64
	// Sync is how long an fsync takes: the longer, the more is written and not durable when a fault comes.
	Sync   time.Duration
	Faults []Fault
}

// onLeader is how many in ten faults are aimed at who leads at that time.
const onLeader = 4

// NewSchedule draws the plan of a history from a seed.
func NewSchedule(class Class, seed uint64, length time.Duration, faults int) Schedule {
	r := rand.New(rand.NewPCG(seed, 2))
	s := Schedule{Seed: seed, Class: class, Length: length}
	if r.IntN(3) == 0 {
		s.Retention = 2 << 20
	}
	victim := fmt.Sprint("n", r.IntN(3))
	s.Sync = []time.Duration{syncTime, 2 * time.Millisecond, 20 * time.Millisecond}[r.IntN(3)]
	for range faults {
		f := Fault{At: time.Second + time.Duration(r.Int64N(int64(length-time.Second))), Kind: classKinds[class][r.IntN(len(classKinds[class]))]}
		f.On = target(r)
		f.draw(r)
		if f.Kind == KindRot || f.Kind == KindReplace {
			f.On = victim // a minority
		}
		s.Faults = append(s.Faults, f)
	}
	slices.SortStableFunc(s.Faults, func(a, b Fault) int { return int(a.At - b.At) })
	return s
}

// NewPowerCuts draws a plan of so many power cuts, each of machines that run: one comes every half second, when those of the one before
// have been started again and may not have caught up.
func NewPowerCuts(seed uint64, cuts int) Schedule {
	const every = 500 * time.Millisecond
	r := rand.New(rand.NewPCG(seed, 4))
	s := Schedule{Seed: seed, Class: Power, Length: time.Duration(cuts+2) * every}
	s.Sync = []time.Duration{2 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond}[r.IntN(3)]
	for i := range cuts {
		f := Fault{Kind: KindPower, On: target(r)}
		f.draw(r)
		f.At = time.Duration(i+1)*every + time.Duration(r.Int64N(int64(every/5)))
		f.For = time.Duration(1+r.Int64N(250)) * time.Millisecond
		s.Faults = append(s.Faults, f)
	}
	return s
}

func target(r *rand.Rand) string {
	switch n := r.IntN(10); {
	case n < onLeader:
		return "leader"
	case n < onLeader+2:
		return "follower"
	}
	return fmt.Sprint("n", r.IntN(3))
}

// draw fills how long and how much.
func (f *Fault) draw(r *rand.Rand) {
	between := func(low, high time.Duration) time.Duration { return low + time.Duration(r.Int64N(int64(high-low))) }
	f.For = between(200*time.Millisecond, 3*time.Second)
	f.Arg = r.Int64()
	switch f.Kind {
	case KindPower:
		f.For = between(50*time.Millisecond, time.Second)
		if n := r.IntN(10); n < 4 {
			f.On = "all"
		} else if n < 6 {
			f.On = "majority"
		}
	case KindPowerAt, KindKillAt:
		f.Arg = r.Int64N(40)
	case KindDelay:
		f.Arg = 5 + r.Int64N(295)
	case KindSlow:
		f.Arg = 5 + r.Int64N(400)
	case KindFull:
		f.Arg, f.For = r.Int64N(2048), between(time.Second, 6*time.Second)
	case KindSkew:
		f.Arg, f.For = (r.Int64N(7200)-3600)*[]int64{1, 1, 24 * 365}[r.IntN(3)], between(time.Second, 8*time.Second)
	case KindHang:
		if r.IntN(5) == 0 {
			f.For = 32 * time.Second // until the process gives up
		}
	}
}
