package bench

import (
	"context"
	"time"

	"github.com/raftmq/raftmq/client"
)

// Fault is something that is done to the cluster during a run.
type Fault struct {
	At   time.Duration // since the start of sending
	Name string        // "kill leader"
	// Do does it and says what was done: "n1 killed". The text becomes part of the report.
	Do func(ctx context.Context) (string, error)
}

// Mark says when a fault was made and what followed.
type Mark struct {
	Name   string  `json:"name"`
	Detail string  `json:"detail,omitempty"`
	Error  string  `json:"error,omitempty"`
	From   float64 `json:"from"` // seconds since the start of the run
	To     float64 `json:"to"`   // when Do returned
	// Gap is the longest time without an acknowledgement from the fault until the next one.
	Gap Gap `json:"gap"`
}

// TookMillis is how long making the fault took.
func (m Mark) TookMillis() float64 { return (m.To - m.From) * 1000 }

// retryFor is how long a message of a fail-over run is tried again before it counts as failed.
const retryFor = 30 * time.Second

// failover sends messages until each is acknowledged, makes faults meanwhile, and reads everything back.
func (r *running) failover(ctx context.Context) error {
	p := newProducers(r.links, r.settings, client.ProducerOptions{Group: "raftmq-bench", RetryFor: retryFor})
	c, err := newCheckedSender(r, p.send)
	if err != nil {
		return err
	}
	start, err := r.links.offsets(ctx, (*client.Client).MaxOffset)
	if err != nil {
		return err
	}
	acks := NewRecorder("acked", r.settings, len(r.links.clients))
	r.begin(acks)
	faulty := r.goBeside(ctx, r.makeFaults)
	r.generate(ctx, c, acks)
	faulty.stop()

	r.measureGaps(c.gaps)
	rd := &readers{r: r, ledger: c.ledger, id: c.id, next: start}
	rd.verify(context.WithoutCancel(ctx))
	return nil
}

// makeFaults makes each fault at its time, one after the other, until ctx ends.
func (r *running) makeFaults(ctx context.Context) {
	for _, f := range r.faults {
		pause(ctx, f.At-r.clock())
		if ctx.Err() != nil {
			return
		}
		m := Mark{Name: f.Name, From: round(r.clock().Seconds(), 3)}
		detail, err := f.Do(context.WithoutCancel(ctx))
		m.To, m.Detail = round(r.clock().Seconds(), 3), detail
		if err != nil {
			m.Error = err.Error()
		}
		r.run.Faults = append(r.run.Faults, m)
		if r.onFault != nil {
			r.onFault(m)
		}
	}
}

func (r *running) measureGaps(gaps *gapTracker) {
	longest := gaps.longest(0, r.ended).gap()
	r.run.Gap = &longest
	for i := range r.run.Faults {
		m := &r.run.Faults[i]
		until := r.ended
		if i+1 < len(r.run.Faults) {
			until = time.Duration(r.run.Faults[i+1].From * float64(time.Second))
		}
		m.Gap = gaps.longest(time.Duration(m.From*float64(time.Second)), until).gap()
	}
}
