package bench

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/raftmq/raftmq/client"
)

// producers are the sender of a run that checks nothing: one attempt for each message, so that an attempt is a measurement.
type producers struct {
	links    *links
	settings *Settings
	payload  *payload

	sinks    []*client.Producer // one for each client
	messages []client.Message   // of each lane
	filler   string             // the property of PropertyBytes

	stale chan struct{} // one slot: a send failed, the route may be old
}

func newProducers(l *links, s *Settings, o client.ProducerOptions) (*producers, error) {
	body, err := newPayload(s.Payload, s.Size)
	if err != nil {
		return nil, err
	}
	o.Timeout, o.CompressAbove, o.NoAutoCreate = s.Timeout.Duration, s.CompressAbove, true
	p := &producers{links: l, settings: s, payload: body, messages: make([]client.Message, s.Concurrency),
		filler: strings.Repeat("x", s.PropertyBytes), stale: make(chan struct{}, 1)}
	for _, c := range l.clients {
		p.sinks = append(p.sinks, c.NewProducer(o))
	}
	return p, nil
}

func (p *producers) send(l *lane) {
	p.sendBody(l, p.payload.body(l.seq), l.done)
}

// sendBody sends body, which is to stay as it is until done, as the lane's message.
func (p *producers) sendBody(l *lane, body []byte, done func(client.SendResult, error)) {
	m := &p.messages[l.id]
	*m = client.Message{Topic: p.settings.Topic, Body: body}
	if p.settings.Keys {
		m.Keys = []string{strconv.FormatInt(l.seq, 10)}
	}
	if p.settings.Tags > 0 {
		m.Tags = "tag" + strconv.FormatInt(l.seq%int64(p.settings.Tags), 10)
	}
	if p.filler != "" {
		m.Properties = map[string]string{"filler": p.filler}
	}
	l.size = int64(len(body))
	p.sinks[l.id%len(p.sinks)].SendToAsync(p.links.queue(l.seq), m, done)
}

// failed has the routes asked for again.
func (p *producers) failed() {
	select {
	case p.stale <- struct{}{}:
	default:
	}
}

// refreshEvery bounds how often a failing run asks for the route.
const refreshEvery = 100 * time.Millisecond

// refresh asks for the route of every client after failures, until ctx ends: a producer of a single attempt does not do it itself.
func (p *producers) refresh(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.stale:
		}
		var asking sync.WaitGroup
		for _, c := range p.links.clients {
			asking.Go(func() { c.RefreshRoute(ctx, p.settings.Topic) })
		}
		asking.Wait()
		select {
		case <-ctx.Done():
			return
		case <-time.After(refreshEvery):
		}
	}
}
