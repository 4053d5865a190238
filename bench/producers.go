package bench

import (
	"strconv"
	"strings"

	"github.com/raftmq/raftmq/client"
)

// producers send the messages of a fail-over run by package client: each is tried again until it is acknowledged.
type producers struct {
	links    *links
	settings *Settings

	sinks    []*client.Producer // one for each client
	messages []client.Message   // of each lane
	filler   string             // the property of PropertyBytes
}

func newProducers(l *links, s *Settings, o client.ProducerOptions) *producers {
	o.Timeout, o.CompressAbove, o.NoAutoCreate = s.Timeout.Duration, s.CompressAbove, true
	p := &producers{links: l, settings: s, messages: make([]client.Message, s.Concurrency), filler: strings.Repeat("x", s.PropertyBytes)}
	for _, c := range l.clients {
		p.sinks = append(p.sinks, c.NewProducer(o))
	}
	return p
}

// send sends body, which is to stay as it is until done, as the lane's message.
func (p *producers) send(l *lane, body []byte, done func(client.SendResult, error)) {
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
