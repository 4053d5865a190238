package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// ProducerOptions configure a Producer. Zero fields take the defaults in brackets.
type ProducerOptions struct {
	Group string // ["raftmq-producer"]
	// Timeout is for one attempt [Options.Timeout].
	Timeout time.Duration
	// Retries is the number of attempts after the first [2]; negative: none. RetryFor, if set, counts time from the first attempt
	// instead: attempts go on until it has passed.
	Retries  int
	RetryFor time.Duration
	// RetryWait is the pause before each further attempt [0, with RetryFor 20 ms].
	RetryWait time.Duration
	// RetryCodes are the answers after which another attempt is made [RocketMQ's: 17, 14, 1, 16, 204, 205, 2, 1500]. Failures of the
	// connection are always such.
	RetryCodes []int32
	// OnlyNotSent makes no further attempt after an outcome that is unknown, so that the producer makes no duplicates.
	OnlyNotSent bool
	// KeepRoute does not ask for the route after an error, as stock clients do; they find a new leader at the next poll.
	KeepRoute bool
	// AvoidFor is how long queues of a broker that failed are avoided while others can be used [1 s].
	AvoidFor time.Duration
	// NoAutoCreate does not send to brokers that would create the topic. DefaultQueues is how many queues they make at most [4].
	NoAutoCreate  bool
	DefaultQueues int32
	CompressAbove int // bodies of at least so many bytes are compressed; 0: none
}

func (o *ProducerOptions) ensureDefaults(c *Client) {
	setDefault(&o.Group, "raftmq-producer")
	setDefault(&o.Timeout, c.opts.Timeout)
	setDefault(&o.AvoidFor, time.Second)
	setDefault(&o.DefaultQueues, 4)
	if o.Retries == 0 {
		o.Retries = 2
	}
	if o.RetryFor > 0 {
		setDefault(&o.RetryWait, 20*time.Millisecond) // a refused connection fails at once
	}
	if o.RetryCodes == nil {
		o.RetryCodes = retryCodes
	}
}

// retryCodes is DefaultMQProducer's retryResponseCodes; 204 and 205 are answers of commercial versions.
var retryCodes = []int32{protocol.TopicNotExist, protocol.ServiceNotAvailable, protocol.SystemError, protocol.NoPermission,
	204, 205, protocol.SystemBusy, protocol.GoAway}

// Producer sends messages. It starts no goroutine; all methods may be called from any goroutine.
type Producer struct {
	client   *Client
	opts     ProducerOptions
	selector *selector
	sends    sync.Pool // of *send

	compressor Compressor
}

// SendResult says where a message was stored.
type SendResult struct {
	Queue       Queue
	QueueOffset offset.Queue // of the first message of a batch
	UniqueID    string       // UNIQ_KEY of the message; "" for a batch
	OffsetID    string       // offsetMsgId; of a batch all, joined by commas
	Addr        string       // the broker that answered
	Attempts    int
	// Code is 0, or 10, 11 or 12 when the broker stored the message but not as safely as configured.
	Code int32
}

func (c *Client) NewProducer(o ProducerOptions) *Producer {
	o.ensureDefaults(c)
	p := &Producer{client: c, opts: o, selector: newSelector(o.AvoidFor)}
	p.sends.New = func() any { return newSend(p) }
	return p
}

// Send sends m to a queue of the producer's choice and waits until it is stored or given up. After an error OutcomeOf tells whether
// it may have been stored. ctx bounds all attempts together.
func (p *Producer) Send(ctx context.Context, m *Message) (SendResult, error) {
	return p.await(ctx, func(s *send) error { return s.encode(m) })
}

// SendTo sends m to one queue; further attempts go there too.
func (p *Producer) SendTo(ctx context.Context, q Queue, m *Message) (SendResult, error) {
	return p.await(ctx, func(s *send) error { s.fixed = &q; return s.encode(m) })
}

// SendBatch sends messages of one topic as one request: they are stored together, with consecutive offsets in one queue.
func (p *Producer) SendBatch(ctx context.Context, messages []*Message) (SendResult, error) {
	return p.await(ctx, func(s *send) error { return s.encodeBatch(messages) })
}

// SendAsync sends m and calls done once, with what Send would return. It does not block if the topic's route is cached. done runs on
// a connection's reader or a timer and must not block. m's Body must stay as it is until done.
func (p *Producer) SendAsync(m *Message, done func(SendResult, error)) {
	s := p.sends.Get().(*send)
	s.begin(done)
	if err := s.encode(m); err != nil {
		s.end(SendResult{}, err)
		return
	}
	s.attempt()
}

// SendToAsync is SendTo in the manner of SendAsync.
func (p *Producer) SendToAsync(q Queue, m *Message, done func(SendResult, error)) {
	s := p.sends.Get().(*send)
	s.begin(done)
	s.fixed = &q
	if err := s.encode(m); err != nil {
		s.end(SendResult{}, err)
		return
	}
	s.attempt()
}

// SendOneway sends m without an answer: nil means only that it was handed to a connection.
func (p *Producer) SendOneway(ctx context.Context, m *Message) error {
	route, err := p.route(ctx, m.Topic)
	if err != nil {
		return err
	}
	queues := route.WriteQueues()
	if len(queues) == 0 {
		return fmt.Errorf("%w: no writable queue of topic %s", ErrNoRoute, m.Topic)
	}
	s := newSend(p)
	if err := s.encode(m); err != nil {
		return err
	}
	q := p.selector.choose(time.Now(), queues, "")
	addr, _ := route.Leader(q.Broker)
	s.prepare(q)
	return p.client.remoting.Oneway(ctx, addr, &s.cmd)
}

// await runs one send and waits for it or for ctx.
func (p *Producer) await(ctx context.Context, encode func(*send) error) (SendResult, error) {
	type result struct {
		SendResult
		err error
	}
	got := make(chan result, 1)
	s := p.sends.Get().(*send)
	s.begin(func(r SendResult, err error) { got <- result{r, err} })
	s.ctx = ctx
	if err := encode(s); err != nil {
		s.end(SendResult{}, err)
	} else {
		s.attempt()
	}
	select {
	case r := <-got:
		return r.SendResult, r.err
	case <-ctx.Done():
		return SendResult{}, fmt.Errorf("send: %w", ctx.Err()) // the outcome is unknown
	}
}

// route returns the topic's route, or the one that auto-creation makes of the template topic's.
func (p *Producer) route(ctx context.Context, topic string) (*Route, error) {
	r, err := p.client.Route(ctx, topic)
	if err == nil || p.opts.NoAutoCreate || !errors.Is(err, ErrNoRoute) {
		return r, err
	}
	template, terr := p.client.Route(ctx, templateTopic)
	if terr != nil {
		return nil, err
	}
	return template.asTemplate(topic, p.opts.DefaultQueues), nil
}

// routeAsync is route without blocking; fresh ignores the cache.
func (p *Producer) routeAsync(topic string, fresh bool, done func(*Route, error)) {
	if !fresh {
		if r := p.client.cachedRoute(topic); r != nil {
			done(r, nil)
			return
		}
	}
	p.client.fetchRoute(topic, func(r *Route, err error) {
		if err == nil || p.opts.NoAutoCreate || !errors.Is(err, ErrNoRoute) {
			done(r, err)
			return
		}
		p.client.fetchRoute(templateTopic, func(template *Route, terr error) {
			if terr != nil {
				done(nil, err)
				return
			}
			done(template.asTemplate(topic, p.opts.DefaultQueues), nil)
		})
	})
}
