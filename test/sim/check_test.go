package sim

import (
	"strings"
	"testing"
	"time"
)

// whole is a history without faults: two ordered sends, one delayed message, a batch tailed and consumed, an offset committed.
func wholeHistory() (*History, *Final) {
	h := newHistory()
	h.Sends = []*Send{
		{Span: Span{Begin: 1, End: 2}, Value: "a-1", Client: "a", Seq: 1, Ordered: true, Queue: 0, Offset: 0, Attempts: 1, Outcome: OK},
		{Span: Span{Begin: 3, End: 4}, Value: "a-2", Client: "a", Seq: 2, Ordered: true, Queue: 0, Offset: 1, Attempts: 2, Outcome: OK},
		{Span: Span{Begin: 5, End: 6}, Value: "d-1", Client: "d", Seq: 1, Delay: time.Second, Queue: 3, Offset: 7, Attempts: 1, Outcome: OK},
		{Span: Span{Begin: 7, End: 8}, Value: "b-1", Client: "b", Seq: 1, Queue: -1, Offset: -1, Attempts: 1, Outcome: Fail, Error: "refused"},
		{Span: Span{Begin: 9}, Value: "b-2", Client: "b", Seq: 2, Queue: -1, Offset: -1, Attempts: 1, Outcome: Unknown},
	}
	seen := []Seen{{0, 0, "a-1"}, {0, 1, "a-2"}, {0, 2, "d-1"}, {0, 3, "b-2"}}
	h.Reads = []*Read{
		{Span: Span{Begin: 10, End: 11}, Client: "tail-n1", Node: "n1", Topic: topic, Seen: seen[:2]},
		{Span: Span{Begin: 12, End: 13}, Client: "tail-n1", Node: "n1", Topic: topic, Seen: seen[2:]},
		{Span: Span{Begin: 14, End: 15}, Client: "consumer0", Group: consumerGroup, Topic: topic, Seen: seen[:3]},
	}
	h.Offsets = []*OffsetOp{
		{Span: Span{Begin: 16, End: 17}, Kind: "commit", Group: offsetGroup, Queue: 0, Offset: 2, Outcome: OK},
		{Span: Span{Begin: 18, End: 19}, Kind: "query", Group: offsetGroup, Queue: 0, Offset: 2, Outcome: OK},
		{Span: Span{Begin: 20, End: 21}, Kind: "max", Queue: 0, Offset: 4, Outcome: OK},
	}
	f := &Final{Queues: map[string]map[int32]QueueContent{}, Committed: map[string]map[int32]int64{consumerGroup: {0: 3}, offsetGroup: {0: 2}}}
	due := h.began.Add(time.Second).UnixMilli()
	for _, member := range []string{"n0", "n1", "n2"} {
		content := append([]Seen(nil), seen...)
		f.Queues[member] = map[int32]QueueContent{0: {Min: 0, Max: 4, Seen: content, Stored: []int64{due - 900, due - 900, due, due}}}
	}
	return h, f
}

func TestAWholeHistoryPasses(t *testing.T) {
	if problems := Check(wholeHistoryAnd(t, nil)); len(problems) > 0 {
		t.Errorf("found %v", problems)
	}
}

func wholeHistoryAnd(t *testing.T, spoil func(*History, *Final)) (*History, *Final, bool) {
	t.Helper()
	h, f := wholeHistory()
	if spoil != nil {
		spoil(h, f)
	}
	return h, f, true
}

// set changes what one member has in queue 0.
func set(f *Final, member string, change func(*QueueContent)) {
	c := f.Queues[member][0]
	change(&c)
	f.Queues[member][0] = c
}

func everywhere(f *Final, change func(*QueueContent)) {
	for member := range f.Queues {
		set(f, member, change)
	}
}

func TestEveryCheckerCatchesWhatItIsFor(t *testing.T) {
	for name, test := range map[string]struct {
		checker string
		spoil   func(*History, *Final)
	}{
		"an acknowledged message is missing everywhere": {"K1", func(_ *History, f *Final) {
			everywhere(f, func(c *QueueContent) { c.Seen, c.Max = c.Seen[1:], 3 })
		}},
		"an acknowledged message is missing on one member": {"K1", func(_ *History, f *Final) {
			set(f, "n2", func(c *QueueContent) { c.Seen[1].Value = "b-2" })
		}},
		"two values at one place": {"K2", func(h *History, _ *Final) { h.Reads[0].Seen = []Seen{{0, 0, "a-1"}, {0, 1, "b-2"}} }},
		"a read of what did not stay": {"K2", func(h *History, _ *Final) {
			h.Reads[1].Seen = []Seen{{0, 2, "b-2"}}
		}},
		"a hole": {"K3", func(_ *History, f *Final) {
			everywhere(f, func(c *QueueContent) { c.Seen[3].Offset, c.Max = 4, 5 })
		}},
		"bounds that differ":              {"K3", func(_ *History, f *Final) { set(f, "n1", func(c *QueueContent) { c.Min, c.Seen = 1, c.Seen[1:] }) }},
		"a value that nobody sent":        {"K4", func(_ *History, f *Final) { everywhere(f, func(c *QueueContent) { c.Seen[3].Value = "z-9" }) }},
		"a value that was refused":        {"K4", func(_ *History, f *Final) { everywhere(f, func(c *QueueContent) { c.Seen[3].Value = "b-1" }) }},
		"a consumer got what nobody sent": {"K4", func(h *History, _ *Final) { h.Reads[2].Seen = []Seen{{0, 0, "damaged body"}} }},
		"more copies than attempts":       {"K5", func(_ *History, f *Final) { everywhere(f, func(c *QueueContent) { c.Seen[3].Value = "a-1" }) }},
		"offsets against real time": {"K6", func(h *History, _ *Final) {
			h.Sends[0].Offset, h.Sends[1].Offset = 1, 0
		}},
		"an ordered producer's messages exchanged": {"K7", func(_ *History, f *Final) {
			everywhere(f, func(c *QueueContent) { c.Seen[0].Value, c.Seen[1].Value = "a-2", "a-1" })
		}},
		"a tailer that skips":          {"K8", func(h *History, _ *Final) { h.Reads[1].Seen = h.Reads[1].Seen[1:] }},
		"a tailer that goes back":      {"K8", func(h *History, _ *Final) { h.Reads[1].Seen = []Seen{{0, 0, "a-1"}} }},
		"a max offset that is too low": {"K8", func(h *History, _ *Final) { h.Offsets[2].Offset = 1 }},
		"a committed offset that went back": {"K9", func(h *History, _ *Final) {
			h.Offsets[1].Offset = 1
		}},
		"a committed offset that nobody committed": {"K9", func(h *History, _ *Final) { h.Offsets[1].Offset = 3 }},
		"a committed offset lost at the end":       {"K9", func(_ *History, f *Final) { delete(f.Committed[offsetGroup], 0) }},
		"committed and not delivered":              {"K10", func(h *History, _ *Final) { h.Reads[2].Seen = h.Reads[2].Seen[1:] }},
		"committed beyond the end":                 {"K10", func(_ *History, f *Final) { f.Committed[consumerGroup][0] = 5 }},
		"a delayed message that never comes": {"K11", func(_ *History, f *Final) {
			everywhere(f, func(c *QueueContent) { c.Seen[2].Value = "b-2" })
		}},
		"a delayed message that comes twice": {"K5", func(_ *History, f *Final) { everywhere(f, func(c *QueueContent) { c.Seen[3].Value = "d-1" }) }},
		"a delayed message that comes early": {"K11", func(h *History, f *Final) {
			everywhere(f, func(c *QueueContent) { c.Stored[2] = h.began.UnixMilli() + 500 })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			problems := Check(wholeHistoryAnd(t, test.spoil))
			for _, p := range problems {
				if strings.HasPrefix(p.Checker, test.checker+" ") {
					return
				}
			}
			t.Errorf("%s finds nothing; the others found %v", test.checker, problems)
		})
	}
}

func TestARewindAllowsALowerOffset(t *testing.T) {
	h, f, clocks := wholeHistoryAnd(t, nil)
	h.Offsets = append(h.Offsets[:1], &OffsetOp{Span: Span{Begin: 17, End: 18}, Kind: "rewind", Group: offsetGroup, Offset: 0, Outcome: OK},
		&OffsetOp{Span: Span{Begin: 19, End: 20}, Kind: "query", Group: offsetGroup, Offset: 0, Outcome: OK})
	f.Committed[offsetGroup][0] = 0
	if problems := Check(h, f, clocks); len(problems) > 0 {
		t.Errorf("found %v", problems)
	}
}

func TestABodyProvesItself(t *testing.T) {
	b := body("p-1", 100)
	if v := valueOf(b); v != "p-1" {
		t.Errorf("value of a body = %q", v)
	}
	for i := range b {
		spoiled := append([]byte(nil), b...)
		spoiled[i] ^= 1
		if valueOf(spoiled) == "p-1" {
			t.Errorf("a body with byte %d changed passes", i)
		}
	}
	if valueOf(b[:len(b)-1]) == "p-1" {
		t.Error("a body that was cut passes")
	}
}
