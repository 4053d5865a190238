package bench

import "context"

// produceSender sends bodies of the payload over streams.
type produceSender struct {
	streams *streams
	payload *payload
}

func (p *produceSender) send(l *lane) { p.streams.send(l, p.payload.body(l.seq), l.done) }

// produce sends messages and measures their acknowledgements.
func (r *running) produce(ctx context.Context) error {
	body, err := newPayload(r.settings.Payload, r.settings.Size)
	if err != nil {
		return err
	}
	s, err := r.openStreams(ctx)
	if err != nil {
		return err
	}
	acks := NewRecorder("acked", r.settings, r.settings.Connections)
	if err := s.connect(ctx, r); err != nil {
		return err
	}
	r.begin(acks)
	r.generate(ctx, &produceSender{s, body}, acks)
	return nil
}

// generate sends until the run is over.
func (r *running) generate(ctx context.Context, s sender, acks *Recorder) {
	g := newGenerator(r.settings, s, acks, r.clock)
	r.ended = g.run(ctx)
	r.run.Unsent = g.unsent
}
