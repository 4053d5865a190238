package bench

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/client"
	"pgregory.net/rapid"
)

// fakeSender answers each message after a time of the test's choice.
type fakeSender struct {
	answer func(l *lane, now time.Duration) (after time.Duration, err error)

	mu       sync.Mutex
	sent     []time.Duration // actual times
	intended []time.Duration
	inFlight int
	most     int
	clock    func() time.Duration
}

func (f *fakeSender) send(l *lane) {
	f.mu.Lock()
	f.sent, f.intended = append(f.sent, f.clock()), append(f.intended, l.intended)
	f.inFlight++
	f.most = max(f.most, f.inFlight)
	f.mu.Unlock()
	after, err := f.answer(l, f.clock())
	l.size = 10
	done := func() {
		f.mu.Lock()
		f.inFlight--
		f.mu.Unlock()
		l.done(client.SendResult{}, err)
	}
	if after == 0 {
		done()
		return
	}
	time.AfterFunc(after, done)
}

// generate runs settings against answers in virtual time.
func generate(t *testing.T, s Settings, answer func(*lane, time.Duration) (time.Duration, error), test func(f *fakeSender, g *generator, ended time.Duration, r Stream)) {
	synctest.Test(t, func(t *testing.T) {
		s.EnsureDefaults()
		start := time.Now()
		clock := func() time.Duration { return time.Since(start) }
		f := &fakeSender{answer: answer, clock: clock}
		r := NewRecorder("acked", &s, 2)
		g := newGenerator(&s, f, r, clock)
		ended := g.run(t.Context())
		if f.inFlight != 0 {
			t.Errorf("%d messages in flight after the run", f.inFlight)
		}
		test(f, g, ended, r.Stream(ended))
	})
}

func after(d time.Duration) func(*lane, time.Duration) (time.Duration, error) {
	return func(*lane, time.Duration) (time.Duration, error) { return d, nil }
}

func TestClosedLoopKeepsItsConcurrency(t *testing.T) {
	generate(t, Settings{Kind: Produce, Concurrency: 4, Warmup: seconds(1), Duration: seconds(2)}, after(10*time.Millisecond),
		func(f *fakeSender, g *generator, ended time.Duration, r Stream) {
			if f.most != 4 || ended != 3*time.Second {
				t.Errorf("at most %d in flight, ended at %v", f.most, ended)
			}
			// 4 lanes, 100 messages a second each, of which 2 s are measured.
			if r.Messages < 796 || r.Messages > 804 || r.Bytes != 10*r.Messages || r.Latency.P50/10 != 1000 || r.Latency.Max/10 != 1000 || r.Rate < 396 || r.Rate > 402 {
				t.Errorf("measured %+v", r)
			}
		})
}

func TestClosedLoopPausesAfterErrors(t *testing.T) {
	refused := errors.New("refused")
	generate(t, Settings{Kind: Produce, Concurrency: 1, Duration: seconds(1)}, func(*lane, time.Duration) (time.Duration, error) { return 0, refused },
		func(f *fakeSender, g *generator, _ time.Duration, r Stream) {
			if n := len(f.sent); n < 99 || n > 101 || r.Errors != int64(n) || r.Messages != 0 {
				t.Errorf("%d attempts in a second, %d errors", n, r.Errors)
			}
			if kinds := g.recorder.ErrorKinds(); kinds["refused"] != r.Errors {
				t.Errorf("kinds %v", kinds)
			}
		})
}

func TestNumberOfMessages(t *testing.T) {
	for _, rate := range []float64{0, 1000} {
		generate(t, Settings{Kind: Produce, Rate: rate, Concurrency: 3, Messages: 100, Duration: seconds(60)}, after(time.Millisecond),
			func(f *fakeSender, _ *generator, ended time.Duration, r Stream) {
				if len(f.sent) != 100 || r.Messages != 100 || ended > time.Second {
					t.Errorf("rate %g: sent %d, measured %d, ended at %v", rate, len(f.sent), r.Messages, ended)
				}
			})
	}
}

func TestOpenLoopCountsFromTheIntendedTime(t *testing.T) {
	// The cluster stands still from 1 s to 2 s: the messages of that second are answered at its end.
	stall := func(_ *lane, now time.Duration) (time.Duration, error) {
		if now >= time.Second && now < 2*time.Second {
			return 2*time.Second - now + time.Millisecond, nil
		}
		return time.Millisecond, nil
	}
	check := func(t *testing.T, concurrency int, late time.Duration) {
		generate(t, Settings{Kind: Produce, Rate: 100, Concurrency: concurrency, Duration: seconds(4)}, stall,
			func(f *fakeSender, g *generator, _ time.Duration, r Stream) {
				if r.Messages != 400 || g.unsent != 0 {
					t.Errorf("%d messages, %d unsent", r.Messages, g.unsent)
				}
				if max := r.Latency.Max; max < 990_000 || max > 1_010_000 {
					t.Errorf("the stall of a second shows as %d µs", max)
				}
				if r.Latency.P90 < 500_000 || r.Latency.P50 != 1000 {
					t.Errorf("p50 %d, p90 %d: the stall has to show in each message that it delayed", r.Latency.P50, r.Latency.P90)
				}
				if f.most > concurrency {
					t.Errorf("%d in flight", f.most)
				}
				if got := time.Duration(g.recorder.Late().Max) * time.Microsecond; got < late {
					t.Errorf("late by %v, want %v: what waits for a lane waits in the tool", got, late)
				}
			})
	}
	t.Run("with lanes enough", func(t *testing.T) { check(t, 200, 0) })
	t.Run("with ten lanes", func(t *testing.T) { check(t, 10, 850*time.Millisecond) })
}

func TestOpenLoopSaysWhatItCouldNotSend(t *testing.T) {
	generate(t, Settings{Kind: Produce, Rate: 100, Concurrency: 1, Duration: seconds(2)}, after(100*time.Millisecond),
		func(f *fakeSender, g *generator, ended time.Duration, r Stream) {
			if n := int64(len(f.sent)); n < 19 || n > 21 || g.unsent != 200-n || ended != 2*time.Second {
				t.Errorf("sent %d, unsent %d of 200, ended at %v", n, g.unsent, ended)
			}
		})
}

func TestInterruptEndsTheGenerator(t *testing.T) {
	for _, rate := range []float64{0, 100} {
		synctest.Test(t, func(t *testing.T) {
			s := Settings{Kind: Produce, Rate: rate, Duration: seconds(60)}
			s.EnsureDefaults()
			start := time.Now()
			clock := func() time.Duration { return time.Since(start) }
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			g := newGenerator(&s, &fakeSender{answer: after(time.Millisecond), clock: clock}, NewRecorder("acked", &s, 1), clock)
			if ended := g.run(ctx); ended > 1100*time.Millisecond || g.unsent != 0 {
				t.Errorf("rate %g: ended at %v, %d unsent", rate, ended, g.unsent)
			}
		})
	}
}

func TestScheduleIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(.5, 1e6).Draw(t, "rate")
		end := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "end"))
		n := messagesUntil(rate, end)
		if n > 0 && dueAt(rate, n-1) >= end || dueAt(rate, n) < end {
			t.Fatalf("rate %g: %d messages until %v, the last is due at %v, the next at %v", rate, n, end, dueAt(rate, n-1), dueAt(rate, n))
		}
		if want := rate * end.Seconds(); float64(n) < want-1 || float64(n) > want+1 {
			t.Fatalf("rate %g: %d messages in %v", rate, n, end)
		}
	})
}
