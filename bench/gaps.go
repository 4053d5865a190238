package bench

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Gap is a time without any acknowledgement, in seconds since the start of the run.
type Gap struct {
	From   float64 `json:"from"`
	Millis float64 `json:"ms"`
}

// gapTracker finds the gaps between acknowledgements. It keeps those of gapMin and more. Safe for concurrent use.
type gapTracker struct {
	mu   sync.Mutex
	last time.Duration
	gaps []span
}

// span is the time [from, to).
type span struct{ from, to time.Duration }

func (s span) length() time.Duration { return s.to - s.from }

const (
	gapMin  = 5 * time.Millisecond
	gapsMax = 100_000
)

// acked notes an acknowledgement. Goroutines may call it in another order than they read the clock.
func (t *gapTracker) acked(now time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now-t.last >= gapMin && len(t.gaps) < gapsMax {
		t.gaps = append(t.gaps, span{t.last, now})
	}
	t.last = max(t.last, now)
}

// longest returns the longest gap that touches [from, to), in which the end of the run closes a gap too.
func (t *gapTracker) longest(from, to time.Duration) span {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.gaps
	if to > t.last {
		all = append(slices.Clip(all), span{t.last, to})
	}
	all = slices.DeleteFunc(slices.Clone(all), func(s span) bool { return s.to <= from || s.from >= to })
	if len(all) == 0 {
		return span{from, from}
	}
	return slices.MaxFunc(all, func(a, b span) int { return cmp.Compare(a.length(), b.length()) })
}

func (s span) gap() Gap {
	return Gap{From: round(s.from.Seconds(), 3), Millis: round(float64(s.length())/float64(time.Millisecond), 1)}
}
