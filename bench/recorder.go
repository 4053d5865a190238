package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/raftmq/raftmq/client"
)

// Recorder gathers what the answers of one stream of a run tell: acknowledgements, deliveries or pulls. Times are durations since the start
// of the run, on one monotonic clock. Workers record in Shards of their own, so that they do not wait for each other.
type Recorder struct {
	name   string
	warmup time.Duration
	step   time.Duration

	shards []*Shard
	stage  *Histogram // for one point of the series; owned by Tick

	points []Point
}

// Shard is one worker's part. Its methods may be called from any goroutine.
type Shard struct {
	warmup time.Duration

	mu    sync.Mutex
	now   tally // since the last Tick
	total tally // measured ones only
	last  time.Duration
	late  *Histogram // how late the tool itself sent
	kinds map[string]int64
}

type tally struct {
	messages, bytes, errors int64
	latency                 *Histogram
	born, stored            Age
}

func newTally() tally { return tally{latency: NewHistogram()} }

func (t *tally) reset() {
	t.messages, t.bytes, t.errors, t.born, t.stored = 0, 0, 0, Age{}, Age{}
	t.latency.Reset()
}

// NewRecorder returns a recorder with shards shards.
func NewRecorder(name string, s *Settings, shards int) *Recorder {
	r := &Recorder{name: name, warmup: s.Warmup.Duration, step: s.Step.Duration, stage: NewHistogram()}
	for range shards {
		r.shards = append(r.shards, &Shard{warmup: r.warmup, now: newTally(), total: newTally(), late: NewHistogram(), kinds: map[string]int64{}})
	}
	return r
}

// Shard returns the shard of a worker; several may share one.
func (r *Recorder) Shard(worker int) *Shard { return r.shards[worker%len(r.shards)] }

// Answered records a success: messages that were meant to be sent at intended and were answered at now. It is measured unless intended lies
// in the warm-up.
func (s *Shard) Answered(intended, now time.Duration, messages, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.add(now-intended, messages, bytes)
	if intended >= s.warmup {
		s.total.add(now-intended, messages, bytes)
		s.last = max(s.last, now)
	}
}

func (t *tally) add(latency time.Duration, messages, bytes int64) {
	t.messages += messages
	t.bytes += bytes
	t.latency.Record(latency)
}

// Aged records how many milliseconds before now a message that was read had been sent and stored, by wall clocks.
func (s *Shard) Aged(born, stored int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.born.add(born)
	s.now.stored.add(stored)
}

// Failed records a failure. Errors are counted in the warm-up too: they are never to be overlooked.
func (s *Shard) Failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.errors++
	s.total.errors++
	s.kinds[errorKind(err)]++
}

// Late records how long after its intended time the tool gave a message to the network.
func (s *Shard) Late(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late.Record(d)
}

// errorKind is a text by which errors are counted: without what differs from message to message.
func errorKind(err error) string {
	for _, code := range []int32{1, 2, 10, 11, 12, 13, 14, 16, 17, 24, 29} {
		if client.IsCode(err, code) {
			return fmt.Sprintf("code %d", code)
		}
	}
	switch text := err.Error(); {
	case client.OutcomeOf(err) == client.NotSent:
		return "not sent"
	case strings.Contains(text, "no response in time"):
		return "no response in time"
	case strings.Contains(text, "connection closed"):
		return "connection closed"
	default:
		return text[:min(len(text), 80)]
	}
}

// Tick ends a step at now and returns its point. One goroutine calls it.
func (r *Recorder) Tick(now time.Duration) Point {
	p := Point{At: round(now.Seconds(), 3)}
	r.stage.Reset()
	for _, s := range r.shards {
		s.mu.Lock()
		p.Messages += s.now.messages
		p.Bytes += s.now.bytes
		p.Errors += s.now.errors
		r.stage.Merge(s.now.latency)
		p.Born.merge(s.now.born)
		p.Stored.merge(s.now.stored)
		s.now.reset()
		s.mu.Unlock()
	}
	before := 0.0
	if n := len(r.points); n > 0 {
		before = r.points[n-1].At
	}
	p.Seconds = round(p.At-before, 3)
	if l := r.stage.Summary(); l.Count > 0 {
		p.Mean, p.P50, p.P99, p.Max = l.Mean, l.P50, l.P99, l.Max
		p.Bands = r.stage.bands()
	}
	r.points = append(r.points, p)
	return p
}

// Stream is the result of a Recorder.
type Stream struct {
	Name     string     `json:"name"` // acked, delivered or pulled
	Messages int64      `json:"messages"`
	Bytes    int64      `json:"bytes"` // of bodies
	Errors   int64      `json:"errors"`
	Seconds  float64    `json:"seconds"` // from the end of the warm-up to the last measured answer, or to the end of sending if that is later
	Rate     float64    `json:"messages_per_second"`
	MBps     float64    `json:"mb_per_second"` // 10^6 bytes
	Latency  Latency    `json:"latency"`
	Bars     [][2]int64 `json:"histogram"` // (latency in µs, count)
	Series   []Point    `json:"series"`
}

// Stream sums up what is measured; ended is when sending ended.
func (r *Recorder) Stream(ended time.Duration) Stream {
	sum, last := newTally(), ended
	for _, s := range r.shards {
		s.mu.Lock()
		sum.messages += s.total.messages
		sum.bytes += s.total.bytes
		sum.errors += s.total.errors
		sum.latency.Merge(s.total.latency)
		last = max(last, s.last)
		s.mu.Unlock()
	}
	out := Stream{Name: r.name, Messages: sum.messages, Bytes: sum.bytes, Errors: sum.errors, Latency: sum.latency.Summary(),
		Bars: sum.latency.Bars(), Series: r.points}
	if seconds := (last - r.warmup).Seconds(); seconds > 0 {
		out.Seconds = round(seconds, 3)
		out.Rate = round(float64(sum.messages)/seconds, 1)
		out.MBps = round(float64(sum.bytes)/seconds/1e6, 3)
	}
	return out
}

// ErrorKinds counts the failures by kind; nil if there were none.
func (r *Recorder) ErrorKinds() map[string]int64 {
	var out map[string]int64
	for _, s := range r.shards {
		s.mu.Lock()
		for kind, n := range s.kinds {
			if out == nil {
				out = map[string]int64{}
			}
			out[kind] += n
		}
		s.mu.Unlock()
	}
	return out
}

// Late is the summary of what the shards' Late recorded.
func (r *Recorder) Late() Latency {
	sum := NewHistogram()
	for _, s := range r.shards {
		s.mu.Lock()
		sum.Merge(s.late)
		s.mu.Unlock()
	}
	return sum.Summary()
}

// byFrequency returns the name of each kind with its count, the most frequent first.
func byFrequency(kinds map[string]int64) []string {
	var out []string
	for kind := range kinds {
		out = append(out, kind)
	}
	slices.SortFunc(out, func(a, b string) int {
		if d := kinds[b] - kinds[a]; d != 0 {
			return int(max(-1, min(1, d)))
		}
		return strings.Compare(a, b)
	})
	for i, kind := range out {
		out[i] = fmt.Sprintf("%d × %s", kinds[kind], kind)
	}
	return out
}

func round(x float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(x*p) / p
}
