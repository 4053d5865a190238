package cluster

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/raftmq/raftmq/client"
)

// Violation is one thing that must not be. Check is the checker's name.
type Violation struct {
	Check string
	Text  string
}

func (v Violation) String() string { return v.Check + ": " + v.Text }

// checks are all checkers: pure functions over a History. The numbers are those of the project's list of checkers.
var checks = []struct {
	name string
	find func(*History) []string
}{
	{"K1 no loss", findLost},
	{"K2 one value per offset", findTwoValues},
	{"K3 dense", findHoles},
	{"K4 no phantom", findPhantoms},
	{"K5 no duplicates", findDuplicates},
	{"K6 real-time order", findReordered},
	{"K8 tails", findBrokenTails},
	{"K9 offsets", findOffsetsGoingBack},
}

// shownMax is how many violations of one checker are told; the rest is counted.
const shownMax = 5

// Check runs every checker.
func (h *History) Check() []Violation {
	var all []Violation
	for _, c := range checks {
		found := c.find(h)
		for _, text := range found[:min(len(found), shownMax)] {
			all = append(all, Violation{c.name, text})
		}
		if more := len(found) - shownMax; more > 0 {
			all = append(all, Violation{c.name, fmt.Sprintf("and %d more", more)})
		}
	}
	return all
}

// findLost: each acknowledged message is where the broker said, on every replica.
func findLost(h *History) (bad []string) {
	for replica, seen := range h.Drains {
		at := map[Place]ID{}
		for _, s := range seen {
			at[s.Place] = s.ID
		}
		for _, s := range h.Sends {
			if s.Outcome != client.Sent {
				continue
			}
			if id, ok := at[s.Place]; !ok || id != s.ID {
				bad = append(bad, fmt.Sprintf("%v was acknowledged by %s at %v as %+v; %s has %v there (%v)", s.ID, s.Addr, s.End, s.Place, replica, id, ok))
			}
		}
	}
	return bad
}

// findTwoValues: a place never shows two messages, whoever looked and when.
func findTwoValues(h *History) (bad []string) {
	first := map[Place]Seen{}
	look := func(s Seen) {
		if f, ok := first[s.Place]; !ok {
			first[s.Place] = s
		} else if f.ID != s.ID {
			bad = append(bad, fmt.Sprintf("%+v held %v for %s at %v and %v for %s at %v", s.Place, f.ID, f.By, f.At, s.ID, s.By, s.At))
		}
	}
	for _, s := range h.Sends {
		if s.Outcome == client.Sent {
			look(Seen{At: s.End, By: "its sender", Place: s.Place, ID: s.ID})
		}
	}
	for _, s := range h.everythingSeen() {
		look(s)
	}
	return bad
}

// findHoles: a replica's queues have every offset from the first to the last, and all replicas the same first and last.
func findHoles(h *History) (bad []string) {
	type bounds struct{ first, last int64 }
	want := map[int32]bounds{}
	for _, replica := range sortedKeys(h.Drains) {
		got := map[int32]bounds{}
		for _, s := range h.Drains[replica] {
			b, ok := got[s.Place.Queue]
			if ok && s.Place.Offset != b.last+1 {
				bad = append(bad, fmt.Sprintf("%s: queue %d jumps from %d to %d", replica, s.Place.Queue, b.last, s.Place.Offset))
			}
			if !ok {
				b.first = s.Place.Offset
			}
			b.last = s.Place.Offset
			got[s.Place.Queue] = b
		}
		for q, b := range got {
			if w, ok := want[q]; ok && w != b {
				bad = append(bad, fmt.Sprintf("%s: queue %d is %+v, elsewhere %+v", replica, q, b, w))
			}
			want[q] = b
		}
	}
	return bad
}

// findPhantoms: every message that was read was sent, was not refused, and is whole.
func findPhantoms(h *History) (bad []string) {
	sends := map[ID]Send{}
	for _, s := range h.Sends {
		sends[s.ID] = s
	}
	for _, s := range h.everythingSeen() {
		sent, ok := sends[s.ID]
		switch {
		case s.Bad != "":
			bad = append(bad, fmt.Sprintf("%s read wrong bytes at %+v: %s", s.By, s.Place, s.Bad))
		case !ok:
			bad = append(bad, fmt.Sprintf("%s read %v at %+v, which nobody sent", s.By, s.ID, s.Place))
		case sent.Outcome == client.NotSent:
			bad = append(bad, fmt.Sprintf("%s read %v at %+v, which was refused: %s", s.By, s.ID, s.Place, sent.Err))
		}
	}
	return bad
}

// findDuplicates: a message that was sent once is at one place at most.
func findDuplicates(h *History) (bad []string) {
	for replica, seen := range h.Drains {
		at := map[ID]Place{}
		for _, s := range seen {
			if p, ok := at[s.ID]; ok && p != s.Place {
				bad = append(bad, fmt.Sprintf("%s has %v at %+v and at %+v", replica, s.ID, p, s.Place))
			}
			at[s.ID] = s.Place
		}
	}
	return bad
}

// findReordered: what was acknowledged before another send to the queue began lies before it.
func findReordered(h *History) (bad []string) {
	queues := map[int32][]Send{}
	for _, s := range h.Sends {
		if s.Outcome == client.Sent {
			queues[s.Place.Queue] = append(queues[s.Place.Queue], s)
		}
	}
	for _, byStart := range queues {
		byEnd := slices.Clone(byStart)
		slices.SortFunc(byStart, func(a, b Send) int { return cmp.Compare(a.Start, b.Start) })
		slices.SortFunc(byEnd, func(a, b Send) int { return cmp.Compare(a.End, b.End) })
		ended, highest := 0, Send{Place: Place{Offset: -1}}
		for _, s := range byStart {
			for ; ended < len(byEnd) && byEnd[ended].End < s.Start; ended++ {
				if byEnd[ended].Place.Offset > highest.Place.Offset {
					highest = byEnd[ended]
				}
			}
			if s.Place.Offset <= highest.Place.Offset {
				bad = append(bad, fmt.Sprintf("%v at %+v began at %v, after %v at %+v had ended at %v", s.ID, s.Place, s.Start, highest.ID, highest.Place, highest.End))
			}
		}
	}
	return bad
}

// findBrokenTails: a tail sees each queue from its first message on without a gap or a step back.
func findBrokenTails(h *History) (bad []string) {
	next := map[string]int64{}
	for _, s := range h.Seen {
		key := fmt.Sprint(s.By, s.Place.Queue)
		if s.Place.Offset != next[key] {
			bad = append(bad, fmt.Sprintf("%s: queue %d gave offset %d at %v, expected %d", s.By, s.Place.Queue, s.Place.Offset, s.At, next[key]))
		}
		next[key] = s.Place.Offset + 1
	}
	return bad
}

// findOffsetsGoingBack: a query that begins after a commit has ended returns at least what was committed, or what a commit of unknown outcome
// has set it back to.
func findOffsetsGoingBack(h *History) (bad []string) {
	committed, unknown := map[int32]Commit{}, map[int32]map[int64]bool{}
	for _, c := range h.Commits {
		before := committed[c.Queue]
		switch {
		case c.Unknown:
			if unknown[c.Queue] == nil {
				unknown[c.Queue] = map[int64]bool{}
			}
			unknown[c.Queue][c.Offset] = true
		case !c.Query:
			committed[c.Queue] = c
		case c.Start >= before.End && c.Offset < before.Offset && !unknown[c.Queue][c.Offset]:
			bad = append(bad, fmt.Sprintf("queue %d: the group's offset is %d at %v; %d was committed at %v", c.Queue, c.Offset, c.End, before.Offset, before.End))
		}
	}
	return bad
}

func (h *History) everythingSeen() []Seen {
	all := slices.Clone(h.Seen)
	for _, replica := range sortedKeys(h.Drains) {
		all = append(all, h.Drains[replica]...)
	}
	return all
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
