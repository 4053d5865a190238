package bench

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseSLO(t *testing.T) {
	for text, want := range map[string]SLO{"p99=10ms": {99, Duration{10 * time.Millisecond}}, "p99.9<1s": {99.9, Duration{time.Second}}, "MAX=2s": {100, Duration{2 * time.Second}}, " p50 = 1ms": {50, Duration{time.Millisecond}}} {
		if got, err := ParseSLO(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "p99", "p99=", "p99=10", "p0=1ms", "p101=1ms", "x99=1ms", "p99=-1ms", "=1ms"} {
		if got, err := ParseSLO(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if s := (SLO{99.9, Duration{time.Second}}); s.String() != "p99.9=1s" {
		t.Errorf("%v", s)
	}
}

func TestFindMaxClosesIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Float64Range(30, 500_000).Draw(t, "limit")
		first := rapid.Float64Range(10, 100_000).Draw(t, "first")
		s, err := FindMax(context.Background(), SLO{}, first, func(rate float64) (bool, string, error) { return rate <= limit, "", nil })
		if err != nil || s.Best > limit+.1 || s.Best < limit/searchPrecision-.1 || len(s.Trials) > searchTrialsMax {
			t.Fatalf("limit %g from %g: %+v, %v", limit, first, s, err)
		}
	})
}

func TestFindMaxEnds(t *testing.T) {
	never := func(float64) (bool, string, error) { return false, "", nil }
	if s, err := FindMax(context.Background(), SLO{}, 1000, never); err != nil || s.Best != 0 || len(s.Trials) != 10 {
		t.Errorf("nothing holds: %+v, %v", s, err)
	}
	always := func(float64) (bool, string, error) { return true, "", nil }
	if s, err := FindMax(context.Background(), SLO{}, 1, always); err != nil || len(s.Trials) != searchTrialsMax {
		t.Errorf("all holds: %d trials, %v", len(s.Trials), err)
	}
	boom := errors.New("boom")
	if _, err := FindMax(context.Background(), SLO{}, 1, func(float64) (bool, string, error) { return false, "", boom }); err != boom {
		t.Errorf("error %v", err)
	}
}

func TestMeets(t *testing.T) {
	slo := SLO{99, Duration{10 * time.Millisecond}}
	good := func() *Run {
		return &Run{Settings: Settings{Rate: 100}, Streams: []Stream{{Messages: 100, Rate: 100, Bars: [][2]int64{{1000, 99}, {50_000, 1}}}}}
	}
	tests := []struct {
		name   string
		change func(*Run)
		want   bool
	}{
		{"a run within the limit", func(*Run) {}, true},
		{"one that is too slow", func(r *Run) { r.Streams[0].Bars[0][1] = 98 }, false},
		{"one with errors", func(r *Run) { r.Streams[0].Errors = 1 }, false},
		{"one with a backlog", func(r *Run) { r.Unsent = 1 }, false},
		{"one below its rate", func(r *Run) { r.Streams[0].Rate = 98 }, false},
		{"one that was interrupted", func(r *Run) { r.Interrupted = true }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := good()
			tt.change(r)
			if ok, why := slo.Meets(r); ok != tt.want || why == "" {
				t.Errorf("got %v, %q", ok, why)
			}
		})
	}
}
