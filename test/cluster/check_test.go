package cluster

import (
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/client"
)

// good is a history in which all is well: three messages in queue 0, one whose outcome is unknown and that is there, one that was refused.
func good() *History {
	id := func(n uint32) ID { return ID{1, n} }
	send := func(n uint32, o client.Outcome, at int64) Send {
		t := time.Duration(n) * time.Second
		return Send{ID: id(n), Start: t, End: t + time.Millisecond, Outcome: o, Place: Place{0, at}}
	}
	drain := func(by string) []Seen {
		return []Seen{{By: by, Place: Place{0, 0}, ID: id(0)}, {By: by, Place: Place{0, 1}, ID: id(1)}, {By: by, Place: Place{0, 2}, ID: id(3)}}
	}
	return &History{
		Sends: []Send{send(0, client.Sent, 0), send(1, client.Unknown, 0), send(2, client.NotSent, 0), send(3, client.Sent, 2)},
		Seen:  drain("tail 0"),
		Commits: []Commit{{Start: 1, End: 2, Offset: 2}, {Start: 3, End: 4, Offset: 2, Query: true},
			{Start: 5, End: 6, Offset: 1, Unknown: true}, {Start: 7, End: 8, Offset: 1, Query: true}},
		Drains: map[string][]Seen{"n0": drain("n0"), "n1": drain("n1"), "n2": drain("n2")},
	}
}

func TestCheckersCatchBadHistories(t *testing.T) {
	if bad := good().Check(); len(bad) > 0 {
		t.Fatalf("a good history: %v", bad)
	}
	for _, test := range []struct {
		name, check string
		spoil       func(*History)
	}{
		{"a replica lacks the last acknowledged message", "K1", func(h *History) { h.Drains["n2"] = h.Drains["n2"][:2] }},
		{"an acknowledged message is elsewhere", "K1", func(h *History) { h.Sends[0].Place.Offset = 1 }},
		{"two replicas differ at one place", "K2", func(h *History) { h.Drains["n1"][1].ID.Number = 3 }},
		{"a tail read what no replica has there", "K2", func(h *History) { h.Seen[1].ID.Number = 2 }},
		{"a hole in a queue", "K3", func(h *History) {
			for r := range h.Drains {
				h.Drains[r] = append(h.Drains[r][:1:1], h.Drains[r][2:]...)
			}
		}},
		{"a replica begins later", "K3", func(h *History) { h.Drains["n0"] = h.Drains["n0"][1:] }},
		{"a message that nobody sent", "K4", func(h *History) { h.Seen[1].ID = ID{9, 9} }},
		{"a message that was refused", "K4", func(h *History) { h.Sends[1].Outcome = client.NotSent }},
		{"wrong bytes", "K4", func(h *History) { h.Drains["n0"][0].Bad = "checksum" }},
		{"a message twice", "K5", func(h *History) {
			h.Drains["n0"] = append(h.Drains["n0"], Seen{By: "n0", Place: Place{0, 3}, ID: ID{1, 0}})
		}},
		{"a later message lies before an earlier one", "K6", func(h *History) { h.Sends[0].Place.Offset, h.Sends[3].Place.Offset = 2, 0 }},
		{"a tail skips a message", "K8", func(h *History) { h.Seen = append(h.Seen[:1:1], h.Seen[2:]...) }},
		{"a tail steps back", "K8", func(h *History) { h.Seen = append(h.Seen, h.Seen[0]) }},
		{"a committed offset goes back", "K9", func(h *History) { h.Commits[1].Offset = 1 }},
		{"it goes back to what nobody tried to commit", "K9", func(h *History) {
			h.Commits = []Commit{{Offset: 1, Unknown: true}, h.Commits[0], {Start: 3, End: 4, Offset: 0, Query: true}}
		}},
	} {
		h := good()
		test.spoil(h)
		found := false
		for _, v := range h.Check() {
			found = found || strings.HasPrefix(v.Check, test.check+" ")
		}
		if !found {
			t.Errorf("%s: %s found nothing, all found %v", test.name, test.check, h.Check())
		}
	}
}

func TestBodiesTellWhoTheyAre(t *testing.T) {
	for _, size := range []int{0, bodyBytesMin, 13, 1 << 10, 64 << 10} {
		b := appendBody(nil, ID{7, 9}, size)
		if len(b) != max(size, bodyBytesMin) {
			t.Errorf("%d bytes became %d", size, len(b))
		}
		if id, bad := parseBody(b); id != (ID{7, 9}) || bad != "" {
			t.Errorf("%d bytes: %v, %q", size, id, bad)
		}
		for _, at := range []int{0, len(b) / 2, len(b) - 1} {
			b[at] ^= 1
			if _, bad := parseBody(b); bad == "" {
				t.Errorf("%d bytes: a flipped bit in byte %d is not noticed", size, at)
			}
			b[at] ^= 1
		}
	}
	if _, bad := parseBody(make([]byte, bodyBytesMin-1)); bad == "" {
		t.Error("a short body is not noticed")
	}
}

func TestSchedulesFollowFromTheSeed(t *testing.T) {
	for class, kinds := range classes {
		a, b := Draw(7, class, 3, time.Minute), Draw(7, class, 3, time.Minute)
		if len(a.Faults) < 6 {
			t.Errorf("%s: %d faults in a minute", class, len(a.Faults))
		}
		drawn := map[string]bool{}
		for i, f := range a.Faults {
			if f != b.Faults[i] {
				t.Fatalf("%s: the same seed gives %v and %v", class, f, b.Faults[i])
			}
			drawn[f.Kind] = true
			if f.At+f.For > a.Length {
				t.Errorf("%s: %v ends after the load", class, f)
			}
		}
		if want := min(len(kinds), len(a.Faults)); len(drawn) < want {
			t.Errorf("%s: %d kinds of %d", class, len(drawn), want)
		}
	}
}
