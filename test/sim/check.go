package sim

import (
	"fmt"
	"slices"
)

// report collects what a checker finds, the first few of a kind.
type report struct {
	checker string
	found   []Problem
	left    int
}

const perChecker = 5

func (r *report) add(format string, args ...any) {
	if len(r.found) < perChecker {
		r.found = append(r.found, Problem{r.checker, fmt.Sprintf(format, args...)})
	} else {
		r.left++
	}
}

func (r *report) done() []Problem {
	if r.left > 0 {
		r.found = append(r.found, Problem{r.checker, fmt.Sprintf("and %d more", r.left)})
	}
	return r.found
}

// Check runs every checker over a history and what the group holds at its end. clocks is whether the members' wall clocks were right
// all the time.
func Check(h *History, f *Final, clocks bool) []Problem {
	var all []Problem
	for _, check := range []func(*History, *Final) []Problem{
		checkLoss, checkOneValue, checkDense, checkPhantoms, checkDuplicates, checkRealTime, checkProgramOrder, checkReads, checkOffsets, checkDelivered,
	} {
		all = append(all, check(h, f)...)
	}
	return append(all, checkDelays(h, f, clocks)...)
}

// place is where a message stands.
type place struct {
	queue  int32
	offset int64
}

// checkLoss is K1: each send that was answered with success stands where the answer said, on every member.
func checkLoss(h *History, f *Final) []Problem {
	r := report{checker: "K1 no loss"}
	for member, content := range f.Queues {
		at := map[place]string{}
		for q, c := range content {
			for _, s := range c.Seen {
				at[place{q, s.Offset}] = s.Value
			}
		}
		for _, s := range h.Sends {
			if s.Outcome != OK || s.Delay > 0 || s.Offset < content[s.Queue].Min {
				continue
			}
			if got := at[place{s.Queue, s.Offset}]; got != s.Value {
				r.add("%s was acknowledged at offset %d of queue %d (begun %v, ended %v); %s has %q there", s.Value, s.Offset, s.Queue, s.BeginAt, s.EndAt, member, got)
			}
		}
	}
	return r.done()
}

// checkOneValue is K2: nobody ever saw two values at one place.
func checkOneValue(h *History, f *Final) []Problem {
	r := report{checker: "K2 one value per offset"}
	values := map[place]string{}
	see := func(who string, s Seen) {
		p := place{s.Queue, s.Offset}
		if v, ok := values[p]; ok && v != s.Value {
			r.add("offset %d of queue %d is %s, and %s for %s", s.Offset, s.Queue, v, s.Value, who)
			return
		}
		values[p] = s.Value
	}
	for member, content := range f.Queues {
		for _, c := range content {
			for _, s := range c.Seen {
				see("the drain of "+member, s)
			}
		}
	}
	for _, read := range h.Reads {
		if read.Topic != topic {
			continue
		}
		for _, s := range read.Seen {
			see(fmt.Sprintf("%s from %s at %v", read.Client, read.Node, read.EndAt), s)
		}
	}
	return r.done()
}

// checkDense is K3: the queues have no holes and the same bounds on all members.
func checkDense(_ *History, f *Final) []Problem {
	r := report{checker: "K3 dense"}
	bounds := map[int32][2]int64{}
	for member, content := range f.Queues {
		for q, c := range content {
			if b, ok := bounds[q]; ok && b != [2]int64{c.Min, c.Max} {
				r.add("queue %d holds [%d, %d) on %s and [%d, %d) elsewhere", q, c.Min, c.Max, member, b[0], b[1])
			}
			bounds[q] = [2]int64{c.Min, c.Max}
			if int64(len(c.Seen)) != c.Max-c.Min {
				r.add("queue %d of %s has %d messages in [%d, %d)", q, member, len(c.Seen), c.Min, c.Max)
			}
			for i, s := range c.Seen {
				if s.Offset != c.Min+int64(i) {
					r.add("queue %d of %s has offset %d in the place of %d", q, member, s.Offset, c.Min+int64(i))
					break
				}
			}
		}
	}
	return r.done()
}

// checkPhantoms is K4: what is there was sent, whole, and not refused.
func checkPhantoms(h *History, f *Final) []Problem {
	r := report{checker: "K4 no phantom"}
	sends := byValue(h)
	see := func(who string, s Seen) {
		switch send := sends[s.Value]; {
		case send == nil:
			r.add("offset %d of queue %d on %s: %s, which nobody sent", s.Offset, s.Queue, who, s.Value)
		case send.Outcome == Fail:
			r.add("offset %d of queue %d on %s: %s, which was refused: %s", s.Offset, s.Queue, who, s.Value, send.Error)
		}
	}
	for member, content := range f.Queues {
		for _, c := range content {
			for _, s := range c.Seen {
				see(member, s)
			}
		}
	}
	for _, read := range h.Reads {
		for _, s := range read.Seen {
			see(read.Client, s)
		}
	}
	return r.done()
}

func byValue(h *History) map[string]*Send {
	all := make(map[string]*Send, len(h.Sends))
	for _, s := range h.Sends {
		all[s.Value] = s
	}
	return all
}

// anyMember is the content as one member has it; K2 and K3 say that they are equal.
func anyMember(f *Final) map[int32]QueueContent {
	var names []string
	for name := range f.Queues {
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil
	}
	return f.Queues[slices.Min(names)]
}

// copies lists where each value stands.
func copies(f *Final) map[string][]place {
	all := map[string][]place{}
	for q, c := range anyMember(f) {
		for _, s := range c.Seen {
			all[s.Value] = append(all[s.Value], place{q, s.Offset})
		}
	}
	return all
}

// checkDuplicates is K5: no more copies than attempts.
func checkDuplicates(h *History, f *Final) []Problem {
	r := report{checker: "K5 duplicates"}
	at := copies(f)
	for _, s := range h.Sends {
		if n := len(at[s.Value]); n > s.Attempts {
			r.add("%s was sent in %d attempts and stands at %v", s.Value, s.Attempts, at[s.Value])
		}
	}
	return r.done()
}

// acked lists the immediate sends that succeeded, by queue.
func acked(h *History) map[int32][]*Send {
	all := map[int32][]*Send{}
	for _, s := range h.Sends {
		if s.Outcome == OK && s.Delay == 0 {
			all[s.Queue] = append(all[s.Queue], s)
		}
	}
	return all
}

// checkRealTime is K6: what ended before another send of the queue began stands before it.
func checkRealTime(h *History, _ *Final) []Problem {
	r := report{checker: "K6 real time"}
	for q, sends := range acked(h) {
		ended := slices.Clone(sends)
		slices.SortFunc(ended, func(a, b *Send) int { return int(a.End - b.End) })
		slices.SortFunc(sends, func(a, b *Send) int { return int(a.Begin - b.Begin) })
		var highest *Send
		for _, s := range sends {
			for len(ended) > 0 && ended[0].End < s.Begin {
				if highest == nil || ended[0].Offset > highest.Offset {
					highest = ended[0]
				}
				ended = ended[1:]
			}
			if highest != nil && s.Offset <= highest.Offset {
				r.add("queue %d: %s at offset %d began after %s at offset %d had ended", q, s.Value, s.Offset, highest.Value, highest.Offset)
			}
		}
	}
	return r.done()
}

// checkProgramOrder is K7: what an ordered producer got acknowledged stands in its order, the first copy of each.
func checkProgramOrder(h *History, f *Final) []Problem {
	r := report{checker: "K7 program order"}
	first := map[string]int64{}
	for value, places := range copies(f) {
		at := places[0].offset
		for _, p := range places {
			at = min(at, p.offset)
		}
		first[value] = at
	}
	last := map[string]*Send{}
	for _, s := range h.Sends {
		if !s.Ordered || s.Outcome != OK {
			continue
		}
		before := last[s.Client]
		last[s.Client] = s
		at, ok := first[s.Value]
		if before == nil || !ok {
			continue // lost is K1's, and retention's
		}
		if prev, ok := first[before.Value]; ok && prev >= at {
			r.add("%s stands at offset %d, %s before it at %d", s.Value, at, before.Value, prev)
		}
	}
	return r.done()
}
