package bench

import (
	"context"

	"github.com/raftmq/raftmq/client"
)

// produceSender is producers whose failures make it look for the route.
type produceSender struct {
	*producers
	done []func(client.SendResult, error) // of each lane
}

func (p *produceSender) send(l *lane) {
	done := p.done[l.id]
	if done == nil {
		done = func(r client.SendResult, err error) {
			if err != nil {
				p.failed()
			}
			l.done(r, err)
		}
		p.done[l.id] = done
	}
	p.sendBody(l, p.payload.body(l.seq), done)
}

func (r *running) produce(ctx context.Context) error {
	base, err := newProducers(r.links, r.settings, client.ProducerOptions{Group: "raftmq-bench", Retries: -1})
	if err != nil {
		return err
	}
	p := &produceSender{producers: base, done: make([]func(client.SendResult, error), r.settings.Concurrency)}
	acks := NewRecorder("acked", r.settings, len(r.links.clients))
	r.begin(acks)
	r.goBeside(ctx, p.refresh)
	g := newGenerator(r.settings, p, acks, r.clock)
	r.ended = g.run(ctx)
	r.run.Unsent = g.unsent
	return nil
}
