package bench

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestLedger(t *testing.T) {
	tests := []struct {
		name string
		tell func(l *Ledger)
		want Checks
	}{
		{"nothing", func(*Ledger) {}, Checks{}},
		{"stored where it was acknowledged", func(l *Ledger) { l.Sent(0, at(1)); l.Acked(0, at(2), 3, 7); l.Found(0, 3, 7) }, Checks{Sent: 1, Acked: 1, Found: 1}},
		{"delivered before its acknowledgement", func(l *Ledger) { l.Sent(0, at(1)); l.Found(0, 3, 7); l.Acked(0, at(2), 3, 7) }, Checks{Sent: 1, Acked: 1, Found: 1}},
		{"lost", func(l *Ledger) { l.Sent(0, at(1)); l.Acked(0, at(2), 0, 0) }, Checks{Sent: 1, Acked: 1, Lost: 1}},
		{"failed and not stored", func(l *Ledger) { l.Sent(0, at(1)) }, Checks{Sent: 1}},
		{"failed and stored", func(l *Ledger) { l.Sent(0, at(1)); l.Found(0, 0, 0) }, Checks{Sent: 1, Found: 1, StoredUnacked: 1}},
		{"stored twice", func(l *Ledger) { l.Sent(0, at(1)); l.Acked(0, at(2), 0, 5); l.Found(0, 0, 4); l.Found(0, 0, 5) }, Checks{Sent: 1, Acked: 1, Found: 1, Duplicates: 1}},
		{"stored twice, then acknowledged", func(l *Ledger) { l.Sent(0, at(1)); l.Found(0, 0, 4); l.Found(0, 0, 5); l.Acked(0, at(2), 0, 5) }, Checks{Sent: 1, Acked: 1, Found: 1, Duplicates: 1}},
		{"at another offset", func(l *Ledger) { l.Sent(0, at(1)); l.Acked(0, at(2), 0, 5); l.Found(0, 0, 6) }, Checks{Sent: 1, Acked: 1, Found: 1, Misplaced: 1}},
		{"in another queue", func(l *Ledger) { l.Sent(0, at(1)); l.Acked(0, at(2), 1, 5); l.Found(0, 0, 5) }, Checks{Sent: 1, Acked: 1, Found: 1, Misplaced: 1}},
		{"at an offset that nobody told", func(l *Ledger) { l.Sent(0, at(1)); l.Acked(0, at(2), 1, -1); l.Found(0, 0, 5) }, Checks{Sent: 1, Acked: 1, Found: 1}},
		{"never sent", func(l *Ledger) { l.Found(3, 0, 0); l.Found(-1, 0, 1); l.Found(1<<40, 0, 2); l.Foreign() }, Checks{Foreign: 4}},
		{"behind one that was sent after its acknowledgement", func(l *Ledger) {
			l.Sent(0, at(1))
			l.Acked(0, at(2), 0, 1)
			l.Sent(1, at(3))
			l.Acked(1, at(4), 0, 0)
			l.Found(1, 0, 0)
			l.Found(0, 0, 1)
		}, Checks{Sent: 2, Acked: 2, Found: 2, OutOfOrder: 1}},
		{"behind one that was in flight with it", func(l *Ledger) {
			l.Sent(0, at(1))
			l.Sent(1, at(2))
			l.Acked(0, at(3), 0, 1)
			l.Acked(1, at(4), 0, 0)
			l.Found(1, 0, 0)
			l.Found(0, 0, 1)
		}, Checks{Sent: 2, Acked: 2, Found: 2}},
		{"in another queue than one sent after it", func(l *Ledger) {
			l.Sent(0, at(1))
			l.Acked(0, at(2), 1, 0)
			l.Sent(1, at(3))
			l.Acked(1, at(4), 0, 0)
			l.Found(1, 0, 0)
			l.Found(0, 1, 0)
		}, Checks{Sent: 2, Acked: 2, Found: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := NewLedger()
			tt.tell(l)
			if got := l.Checks(); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if broken := tt.want.Lost+tt.want.Misplaced+tt.want.OutOfOrder > 0; tt.want.Broken() != broken {
				t.Errorf("Broken() = %v", tt.want.Broken())
			}
		})
	}
}

// The ledger's rule of order against its definition, on random histories of one queue.
func TestOrderAgainstItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "messages")
		type message struct{ sent, acked int }
		all := make([]message, n)
		l := NewLedger()
		for i := range all {
			all[i].sent = rapid.IntRange(0, 30).Draw(t, "sent")
			all[i].acked = all[i].sent + rapid.IntRange(1, 10).Draw(t, "took")
			l.Sent(int64(i), at(all[i].sent))
			l.Acked(int64(i), at(all[i].acked), 0, -1)
		}
		order := rapid.Permutation(indexes(n)).Draw(t, "order")
		want := int64(0)
		for place, i := range order {
			l.Found(int64(i), 0, int64(place))
			for _, before := range order[:place] {
				if all[i].acked < all[before].sent {
					want++
					break
				}
			}
		}
		if got := l.Checks().OutOfOrder; got != want {
			t.Fatalf("out of order %d, want %d", got, want)
		}
	})
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestMark(t *testing.T) {
	body := make([]byte, 30)
	m := mark{run: 7, number: 1 << 40, intended: 90 * time.Second}
	m.put(body)
	if got, ok := readMark(body, 7); !ok || got != m {
		t.Errorf("got %+v, %v", got, ok)
	}
	for name, b := range map[string][]byte{"of another run": append([]byte{1}, body[1:]...), "too short": body[:markBytes-1], "empty": nil} {
		if _, ok := readMark(b, 7); ok {
			t.Errorf("a body %s has a mark", name)
		}
	}
}

func TestGaps(t *testing.T) {
	var g gapTracker
	for _, ms := range []int{1, 2, 3, 103, 104, 102, 600, 601} { // 102 comes late from another goroutine
		g.acked(at(ms))
	}
	tests := []struct {
		name     string
		from, to int
		want     Gap
	}{
		{"of all", 0, 602, Gap{.104, 496}},
		{"of a range that touches the first", 50, 104, Gap{.003, 100}},
		{"of a range within a gap", 200, 300, Gap{.104, 496}},
		{"without one", 2, 3, Gap{.002, 0}},
		{"that the end closes", 601, 2000, Gap{.601, 1399}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := g.longest(at(tt.from), at(tt.to)).gap(); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	var none gapTracker
	if got := none.longest(0, at(500)).gap(); got != (Gap{0, 500}) {
		t.Errorf("without any acknowledgement: %+v", got)
	}
}
