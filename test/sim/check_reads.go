package sim

import (
	"slices"
	"strings"
	"time"
)

// checkReads is K8: a tailer sees a rising run without gaps, and a max offset covers what was acknowledged before it was asked for.
func checkReads(h *History, f *Final) []Problem {
	r := report{checker: "K8 reads"}
	type stream struct {
		client string
		queue  int32
	}
	next := map[stream]int64{}
	for _, read := range h.Reads {
		if read.Group != "" || !strings.HasPrefix(read.Client, "tail") {
			continue
		}
		for _, s := range read.Seen {
			at := stream{read.Client, s.Queue}
			if want, ok := next[at]; ok && s.Offset != want && s.Offset >= minOf(f, s.Queue) {
				r.add("%s read offset %d of queue %d where %d was next", read.Client, s.Offset, s.Queue, want)
			}
			next[at] = s.Offset + 1
		}
	}
	r.maxOffsets(h)
	return r.done()
}

func minOf(f *Final, queue int32) int64 { return anyMember(f)[queue].Min }

func (r *report) maxOffsets(h *History) {
	for q, sends := range acked(h) {
		slices.SortFunc(sends, func(a, b *Send) int { return int(a.End - b.End) })
		var asked []*OffsetOp
		for _, o := range h.Offsets {
			if o.Kind == "max" && o.Queue == q && o.Outcome == OK {
				asked = append(asked, o)
			}
		}
		slices.SortFunc(asked, func(a, b *OffsetOp) int { return int(a.Begin - b.Begin) })
		highest := int64(-1)
		for _, o := range asked {
			for len(sends) > 0 && sends[0].End < o.Begin {
				highest = max(highest, sends[0].Offset)
				sends = sends[1:]
			}
			if o.Offset <= highest {
				r.add("the max offset of queue %d was %d at %v, and offset %d had been acknowledged", q, o.Offset, o.EndAt, highest)
			}
		}
	}
}

// checkOffsets is K9: a query answers at least what was committed before it began, unless a rewind lies between, and never more than
// anybody tried to commit before it ended.
func checkOffsets(h *History, f *Final) []Problem {
	r := report{checker: "K9 offsets"}
	type register struct {
		group string
		queue int32
	}
	ops := map[register][]*OffsetOp{}
	for _, o := range h.Offsets {
		if o.Kind != "max" {
			at := register{o.Group, o.Queue}
			ops[at] = append(ops[at], o)
		}
	}
	for at, list := range ops {
		for _, q := range list {
			if q.Kind == "query" && q.Outcome == OK {
				r.offsetQuery(list, q)
			}
		}
		if last, ok := f.Committed[at.group][at.queue]; len(list) > 0 && !rewound(list) {
			var floor int64 = -1
			for _, o := range list {
				if o.Kind == "commit" && o.Outcome == OK {
					floor = max(floor, o.Offset)
				}
			}
			if floor >= 0 && (!ok || last < floor) {
				r.add("group %s ends at offset %d of queue %d, and %d was committed", at.group, last, at.queue, floor)
			}
		}
	}
	return r.done()
}

func rewound(list []*OffsetOp) bool {
	return slices.ContainsFunc(list, func(o *OffsetOp) bool { return o.Kind == "rewind" })
}

func (r *report) offsetQuery(list []*OffsetOp, q *OffsetOp) {
	floor, ceiling := int64(-1), int64(-1)
	for _, o := range list {
		if o.Kind == "query" || o.Outcome == Fail {
			continue
		}
		if o.Begin < q.End {
			ceiling = max(ceiling, o.Offset)
		}
		if o.Kind == "rewind" && o.Begin < q.End {
			floor = -1
		} else if o.Kind == "commit" && o.Outcome == OK && o.End < q.Begin {
			floor = max(floor, o.Offset)
		}
	}
	if q.Offset < floor {
		r.add("group %s, queue %d: %d was committed, and the offset was %d at %v", q.Group, q.Queue, floor, q.Offset, q.EndAt)
	}
	if q.Offset > ceiling {
		r.add("group %s, queue %d: the offset was %d at %v, and nobody committed more than %d", q.Group, q.Queue, q.Offset, q.EndAt, ceiling)
	}
}

// checkDelivered is K10: what lies below the committed offset of the consumer group was delivered to one of its members.
func checkDelivered(h *History, f *Final) []Problem {
	r := report{checker: "K10 at least once"}
	delivered := map[place]bool{}
	for _, read := range h.Reads {
		if read.Group == consumerGroup && read.Topic == topic {
			for _, s := range read.Seen {
				delivered[place{s.Queue, s.Offset}] = true
			}
		}
	}
	for q, end := range f.Committed[consumerGroup] {
		for at := minOf(f, q); at < end; at++ {
			if !delivered[place{q, at}] {
				r.add("offset %d of queue %d lies below the committed %d and was never delivered", at, q, end)
			}
		}
		if high := anyMember(f)[q].Max; end > high {
			r.add("the committed offset %d of queue %d lies beyond the end at %d", end, q, high)
		}
	}
	return r.done()
}

// earliest is how much before its time a delayed message may be stored: the store clock counts milliseconds.
const earliest = 2 * time.Millisecond

// checkDelays is K11: each delayed message that was taken comes out, and not early, if all clocks were right: due times are wall-clock
// times of the leader that took it. That it comes out once is K5's.
func checkDelays(h *History, f *Final, clocks bool) []Problem {
	r := report{checker: "K11 delay"}
	at, stored, cut := copies(f), map[place]int64{}, false
	for q, c := range anyMember(f) {
		cut = cut || c.Min > 0 // retention may have taken what came out early
		for i, s := range c.Seen {
			if i < len(c.Stored) {
				stored[place{q, s.Offset}] = c.Stored[i]
			}
		}
	}
	for _, s := range h.Sends {
		if s.Delay == 0 || s.Outcome == Fail {
			continue
		}
		places := at[s.Value]
		if s.Outcome == OK && len(places) == 0 && !cut && clocks {
			r.add("%s was taken at %v, to come out after %v, and did not", s.Value, s.EndAt, s.Delay)
		}
		for _, p := range places {
			if early := h.at(s.BeginAt+s.Delay-earliest) - stored[p]; clocks && early > 0 {
				r.add("%s came %d ms early at %v", s.Value, early, p)
			}
		}
	}
	return r.done()
}

// at is a time of the history as a wall clock shows it, ms.
func (h *History) at(d time.Duration) int64 { return h.began.Add(d).UnixMilli() }
