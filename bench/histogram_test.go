package bench

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/remoting"
	"pgregory.net/rapid"
)

func TestHistogramAgainstASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Int64Range(1, 1e8), 1, 200).Draw(t, "µs")
		h := NewHistogram()
		for _, us := range all {
			h.Record(time.Duration(us) * time.Microsecond)
		}
		slices.Sort(all)
		s := h.Summary()
		for percent, got := range map[int]int64{5000: s.P50, 9000: s.P90, 9900: s.P99, 9990: s.P999, 9999: s.P9999, 10000: s.Max} {
			want := all[(len(all)*percent+9999)/10000-1] // the nearest rank
			if got < want || got > want+want/1000+1 {
				t.Fatalf("p%g = %d, want %d", float64(percent)/100, got, want)
			}
		}
	})
}

func TestHistogramKeepsExtremes(t *testing.T) {
	h := NewHistogram()
	h.Record(-time.Second)
	h.Record(0)
	h.Record(time.Hour)
	if s := h.Summary(); s.Count != 3 || s.Min != 1 || s.Max < latencyMax.Microseconds()*999/1000 {
		t.Errorf("summary %+v", s)
	}
	if s := NewHistogram().Summary(); s != (Latency{}) {
		t.Errorf("of nothing: %+v", s)
	}
}

func TestBands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Range(0, latencyMax.Microseconds()).Draw(t, "µs")
		band := bandOf(us)
		if us < bandFrom(band) || band < bandsMax-1 && us >= bandFrom(band+1) {
			t.Fatalf("%d µs in band %d from %d to %d", us, band, bandFrom(band), bandFrom(band+1))
		}
	})
	for us, want := range map[int64]int{0: 0, 31: 0, 32: 1, 47: 1, 48: 2, 63: 2, 64: 3, 1 << 40: bandsMax - 1} {
		if got := bandOf(us); got != want {
			t.Errorf("bandOf(%d) = %d, want %d", us, got, want)
		}
	}
}

func TestRecorder(t *testing.T) {
	s := &Settings{Kind: Produce, Warmup: seconds(1)}
	s.EnsureDefaults()
	r := NewRecorder("acked", s, 2)
	r.Shard(0).Answered(at(500), at(510), 1, 100) // in the warm-up
	r.Shard(1).Failed(errors.New("boom"))
	r.Tick(time.Second)
	r.Shard(0).Answered(at(999), at(1500), 1, 100) // meant for the warm-up
	r.Shard(1).Answered(at(1000), at(1020), 1, 100)
	r.Shard(2).Answered(at(1900), at(3500), 2, 300) // answered after the end
	r.Tick(2 * time.Second)
	got := r.Stream(3 * time.Second)
	if got.Messages != 3 || got.Bytes != 400 || got.Errors != 1 || got.Seconds != 2.5 || got.Rate != 1.2 || got.Latency.Count != 2 {
		t.Errorf("stream %+v", got)
	}
	if p := got.Series; len(p) != 2 || p[0].Messages != 1 || p[0].Errors != 1 || p[0].P50 != 10_007 || p[1].Messages != 4 || p[1].Seconds != 1 || len(p[1].Bands) == 0 {
		t.Errorf("series %+v", p)
	}
	if sum := MergePoints(got.Series); sum.Messages != 5 || sum.Seconds != 2 || sum.Errors != 1 || sum.Max < 1_590_000 {
		t.Errorf("merged %+v", sum)
	}
	if got := byFrequency(map[string]int64{"b": 2, "a": 2, "c": 9}); !slices.Equal(got, []string{"9 × c", "2 × a", "2 × b"}) {
		t.Errorf("byFrequency = %q", got)
	}
}

func TestErrorKinds(t *testing.T) {
	for want, err := range map[string]error{
		"code 2":              fmt.Errorf("send: %w", &client.ResponseError{Code: 2, Remark: "[TIMEOUT_CLEAN_QUEUE] 213 ms"}),
		"not sent":            fmt.Errorf("send: %w: dial", remoting.ErrNotSent),
		"no response in time": fmt.Errorf("send 7: %w", remoting.ErrTimeout),
		"connection closed":   fmt.Errorf("send 7: %w", remoting.ErrConnClosed),
		"something else":      errors.New("something else"),
	} {
		if got := errorKind(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
