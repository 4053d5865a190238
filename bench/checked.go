package bench

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/raftmq/raftmq/client"
)

// checkedSender sends messages with marks and tells a ledger of them.
type checkedSender struct {
	*producers
	ledger *Ledger
	gaps   *gapTracker
	clock  func() time.Duration
	id     uint64

	bodies [][]byte // of each lane
	done   []func(client.SendResult, error)
}

func newCheckedSender(r *running, o client.ProducerOptions) (*checkedSender, error) {
	base, err := newProducers(r.links, r.settings, o)
	if err != nil {
		return nil, err
	}
	n := r.settings.Concurrency
	return &checkedSender{producers: base, ledger: NewLedger(), gaps: &gapTracker{}, clock: r.clock, id: rand.Uint64(),
		bodies: make([][]byte, n), done: make([]func(client.SendResult, error), n)}, nil
}

func (c *checkedSender) send(l *lane) {
	if c.bodies[l.id] == nil {
		c.bodies[l.id] = make([]byte, c.settings.Size)
		c.done[l.id] = func(r client.SendResult, err error) { c.answered(l, r, err) }
	}
	body := c.bodies[l.id]
	copy(body, c.payload.body(l.seq))
	mark{c.id, l.seq, l.intended}.put(body)
	c.ledger.Sent(l.seq, c.clock())
	c.sendBody(l, body, c.done[l.id])
}

func (c *checkedSender) answered(l *lane, r client.SendResult, err error) {
	if err != nil {
		c.failed()
	} else if r.Code == 0 {
		now := c.clock()
		c.gaps.acked(now)
		c.ledger.Acked(l.seq, now, c.links.index[r.Queue], int64(r.QueueOffset))
	}
	l.done(r, err)
}

// endToEnd sends and reads at the same time. Latencies of both run from the intended time of sending.
func (r *running) endToEnd(ctx context.Context) error {
	c, err := newCheckedSender(r, client.ProducerOptions{Group: "raftmq-bench", Retries: -1})
	if err != nil {
		return err
	}
	start, err := r.links.offsets(ctx, (*client.Client).MaxOffset)
	if err != nil {
		return err
	}
	acks, deliveries := NewRecorder("acked", r.settings, len(r.links.clients)), NewRecorder("delivered", r.settings, len(r.links.clients))
	rd := &readers{r: r, ledger: c.ledger, id: c.id, next: start}
	rd.arrived = func(m mark, bytes int, now time.Duration) {
		deliveries.Shard(int(m.number)).Answered(m.intended, now, 1, int64(bytes))
	}
	r.begin(acks, deliveries)
	reading := r.goBeside(context.WithoutCancel(ctx), rd.follow)
	r.goBeside(ctx, c.refresh)

	g := newGenerator(r.settings, c, acks, r.clock)
	r.ended = g.run(ctx)
	r.run.Unsent = g.unsent
	for deadline := r.clock() + patience; c.ledger.Missing() > 0 && r.clock() < deadline; {
		pause(context.Background(), pullPause)
	}
	reading.stop()
	checks := c.ledger.Checks()
	r.run.Checks = &checks
	return nil
}
