package bench

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Run is one measurement, as it stands in a report.
type Run struct {
	Name     string           `json:"name"`
	Started  time.Time        `json:"started"`
	Settings Settings         `json:"settings"`
	Streams  []Stream         `json:"streams"`
	Failures map[string]int64 `json:"failures,omitempty"` // by kind
	// Unsent messages of an open loop were due, but the cluster was too far behind to send them before the end.
	Unsent int64    `json:"unsent,omitempty"`
	Checks *Checks  `json:"checks,omitempty"`
	Gap    *Gap     `json:"longest_gap,omitempty"`
	Faults []Mark   `json:"faults,omitempty"`
	Tool   Tool     `json:"tool"`
	Notes  []string `json:"notes,omitempty"`
	// Interrupted: the run was ended early by its user.
	Interrupted bool `json:"interrupted,omitempty"`
}

// Tool is what the tool itself cost.
type Tool struct {
	Cores float64 `json:"cores"` // CPU seconds a second, user and system
	// Late is how long after their intended times an open loop gave messages to the network. It is part of their latency.
	Late *Latency `json:"late,omitempty"`
}

// Main is the stream that a run is about: acknowledgements or pulls.
func (r *Run) Main() *Stream { return &r.Streams[0] }

// Job is a run to make. OnPoint and OnFault, if not nil, are called as the run goes on, from one goroutine each.
type Job struct {
	Target   Target
	Settings Settings
	Faults   []Fault
	OnPoint  func(Point)
	OnFault  func(Mark)
}

// running is a run under way.
type running struct {
	settings *Settings
	target   *Target
	links    *links
	faults   []Fault
	onPoint  func(Point)
	onFault  func(Mark)
	start    time.Time
	ended    time.Duration // when sending ended
	taken    atomic.Int64  // messages pulled
	run      Run

	recorders []*Recorder
	beside    []*besideTask
}

// Do makes the run. When ctx ends before the run does, it ends early and the result is that of the time until then. An error means that
// nothing was measured.
func (j *Job) Do(ctx context.Context) (*Run, error) {
	j.Settings.EnsureDefaults()
	if err := j.Settings.Validate(); err != nil {
		return nil, err
	}
	l, err := j.Target.open(ctx, &j.Settings)
	if err != nil {
		return nil, err
	}
	defer l.close()
	r := &running{settings: &j.Settings, target: &j.Target, links: l, faults: j.Faults, onPoint: j.OnPoint, onFault: j.OnFault}
	r.run = Run{Name: j.Settings.Name(), Settings: j.Settings}
	if l.note != "" {
		r.run.Notes = append(r.run.Notes, l.note)
	}
	if err := r.measure(ctx); err != nil {
		return nil, err
	}
	r.run.Interrupted = ctx.Err() != nil
	return &r.run, nil
}

func (r *running) clock() time.Duration { return time.Since(r.start) }

// measure makes the run by its kind and sums it up.
func (r *running) measure(ctx context.Context) error {
	before := processorTime()
	err := r.byKind(ctx)
	for _, t := range slices.Backward(r.beside) {
		t.stop()
	}
	if err != nil {
		return err
	}
	r.run.Tool.Cores = round((processorTime()-before).Seconds()/r.clock().Seconds(), 2)
	for _, rec := range r.recorders {
		rec.Tick(r.clock())
		r.run.Streams = append(r.run.Streams, rec.Stream(r.ended))
		for kind, n := range rec.ErrorKinds() {
			if r.run.Failures == nil {
				r.run.Failures = map[string]int64{}
			}
			r.run.Failures[kind] += n
		}
		if late := rec.Late(); late.Count > 0 {
			r.run.Tool.Late = &late
		}
	}
	return nil
}

func (r *running) byKind(ctx context.Context) error {
	switch r.settings.Kind {
	case Produce:
		return r.produce(ctx)
	case Consume:
		return r.consume(ctx)
	case EndToEnd:
		return r.endToEnd(ctx)
	case Failover:
		return r.failover(ctx)
	}
	return fmt.Errorf("kind %q: use %s, %s, %s or %s", r.settings.Kind, Produce, Consume, EndToEnd, Failover)
}

// begin starts the clock of the run and the series of a stream for each name, the first of which is the run's main one.
func (r *running) begin(streams ...*Recorder) {
	r.recorders = streams
	r.start = time.Now()
	r.run.Started = r.start.UTC().Truncate(time.Millisecond)
	r.goBeside(context.Background(), r.sample)
}

// sample ends a step of every series at its time, until ctx ends.
func (r *running) sample(ctx context.Context) {
	tick := time.NewTicker(r.settings.Step.Duration)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i, rec := range r.recorders {
			if p := rec.Tick(r.clock()); i == 0 && r.onPoint != nil {
				r.onPoint(p)
			}
		}
	}
}

// besideTask is a goroutine that runs beside the sending.
type besideTask struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// goBeside runs f on a goroutine that ends with the run at the latest.
func (r *running) goBeside(ctx context.Context, f func(context.Context)) *besideTask {
	ctx, cancel := context.WithCancel(ctx)
	t := &besideTask{cancel, make(chan struct{})}
	r.beside = append(r.beside, t)
	go func() {
		defer close(t.done)
		f(ctx)
	}()
	return t
}

// stop ends the task and waits for it.
func (t *besideTask) stop() {
	t.cancel()
	<-t.done
}
