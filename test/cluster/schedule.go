package cluster

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Fault is one fault of a schedule.
type Fault struct {
	At   time.Duration `json:"at"` // from the start of the load; later if the fault before has not ended
	Kind string        `json:"kind"`
	// Target is "leader", "follower" (the first that does not lead), or a node.
	Target string        `json:"target"`
	For    time.Duration `json:"for"` // from the fault to its end
}

func (f Fault) String() string {
	return fmt.Sprintf("%v %s %s for %v", f.At, f.Kind, f.Target, f.For)
}

// Schedule is what happens to a cluster in one history: drawn from the seed before it begins.
type Schedule struct {
	Seed   uint64        `json:"seed"`
	Class  string        `json:"class"`
	Length time.Duration `json:"length"`
	Faults []Fault       `json:"faults"`
}

// classes says of which kinds the faults of a class are. Each kind is in faults.go.
var classes = map[string][]string{
	"crash": {"kill", "term", "pause", "storm"},
	"net":   {"cut", "cut-in", "cut-out", "bridge", "delay", "loss", "no-nameserver"},
	"power": {"power", "power-all", "kill"},
	"disk":  {"full", "hang", "bad-writes", "kill"},
	"mix":   {"kill", "term", "pause", "cut", "cut-in", "cut-out", "bridge", "delay", "loss", "no-nameserver", "power", "power-all", "full", "hang", "bad-writes"},
}

// Classes are the names of all classes, in the order in which histories take turns.
func Classes() []string { return []string{"mix", "power", "net", "crash", "disk"} }

const (
	faultMin, faultMax = 500 * time.Millisecond, 3 * time.Second
	quietMin, quietMax = 300 * time.Millisecond, 2 * time.Second
)

// Draw makes the schedule of a seed: faults one after the other as long as they fit into length. A kind comes again only when the others of
// the class have had their turn, and half of the faults are aimed at the leader.
func Draw(seed uint64, class string, members int, length time.Duration) Schedule {
	r := rand.New(rand.NewPCG(seed, 0))
	between := func(least, most time.Duration) time.Duration {
		return (least + time.Duration(r.Int64N(int64(most-least)))).Round(time.Millisecond)
	}
	s := Schedule{Seed: seed, Class: class, Length: length}
	var left []string
	for at := between(quietMin, quietMax); ; {
		if len(left) == 0 {
			left = slices.Clone(classes[class])
			r.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		}
		f := Fault{At: at, Kind: left[0], Target: "leader", For: between(faultMin, faultMax)}
		left = left[1:]
		if r.IntN(2) == 0 {
			f.Target = fmt.Sprintf("n%d", r.IntN(members))
		}
		at += f.For + between(quietMin, quietMax)
		if at > length {
			return s
		}
		s.Faults = append(s.Faults, f)
	}
}
