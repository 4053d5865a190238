package bench

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/raftmq/raftmq/client"
)

// checkedSender sends messages with marks and tells a ledger of them.
type checkedSender struct {
	links   *links
	payload *payload
	size    int
	ledger  *Ledger
	gaps    *gapTracker
	clock   func() time.Duration
	id      uint64 // of the run, in each mark
	by      func(l *lane, body []byte, done func(client.SendResult, error))

	bodies [][]byte // of each lane
	done   []func(client.SendResult, error)
}

func newCheckedSender(r *running, by func(*lane, []byte, func(client.SendResult, error))) (*checkedSender, error) {
	body, err := newPayload(r.settings.Payload, r.settings.Size)
	if err != nil {
		return nil, err
	}
	n := r.settings.Concurrency
	return &checkedSender{links: r.links, payload: body, size: r.settings.Size, ledger: NewLedger(), gaps: &gapTracker{}, clock: r.clock, id: rand.Uint64(), by: by,
		bodies: make([][]byte, n), done: make([]func(client.SendResult, error), n)}, nil
}

func (c *checkedSender) send(l *lane) {
	if c.bodies[l.id] == nil {
		c.bodies[l.id] = make([]byte, c.size)
		c.done[l.id] = func(r client.SendResult, err error) { c.answered(l, r, err) }
	}
	body := c.bodies[l.id]
	copy(body, c.payload.body(l.seq))
	mark{c.id, l.seq, l.intended}.put(body)
	c.ledger.Sent(l.seq, c.clock())
	c.by(l, body, c.done[l.id])
}

func (c *checkedSender) answered(l *lane, r client.SendResult, err error) {
	if err == nil && r.Code == 0 {
		now := c.clock()
		c.gaps.acked(now)
		c.ledger.Acked(l.seq, now, c.links.index[r.Queue], int64(r.QueueOffset))
	}
	l.done(r, err)
}

// deliveryWait is how long the last messages may take to be delivered by long polls, before they are looked for.
const deliveryWait = 5 * time.Second

// endToEnd sends and reads at the same time. Latencies of both run from the intended time of sending.
func (r *running) endToEnd(ctx context.Context) error {
	s, err := r.openStreams(ctx)
	if err != nil {
		return err
	}
	c, err := newCheckedSender(r, s.send)
	if err != nil {
		return err
	}
	start, err := r.links.offsets(ctx, (*client.Client).MaxOffset)
	if err != nil {
		return err
	}
	acks, deliveries := NewRecorder("acked", r.settings, r.settings.Connections), NewRecorder("delivered", r.settings, r.settings.Connections)
	rd := &readers{r: r, ledger: c.ledger, id: c.id, next: start}
	rd.arrived = func(m mark, bytes int, now time.Duration) {
		deliveries.Shard(int(m.number)).Answered(m.intended, now, 1, int64(bytes))
	}
	if err := s.connect(ctx, r); err != nil {
		return err
	}
	r.begin(acks, deliveries)
	reading := r.goBeside(context.WithoutCancel(ctx), rd.follow)
	r.generate(ctx, c, acks)
	for deadline := r.clock() + deliveryWait; c.ledger.Missing() > 0 && r.clock() < deadline; {
		pause(context.Background(), pullPause)
	}
	reading.stop()
	rd.verify(context.WithoutCancel(ctx))
	return nil
}
