package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/message"
)

// From says where a group without a stored offset begins in a queue.
type From uint8

const (
	FromLast  From = iota // with messages sent from now on; in retry topics with the first
	FromFirst             // with the oldest message
	FromTime              // with the first message stored at or after ConsumerOptions.FromTime
)

// Result is what the application did with messages.
type Result uint8

const (
	// Consumed: the messages are done.
	Consumed Result = iota
	// ReconsumeLater: the broker delivers them again after a delay, and after too many times puts them into %DLQ%group. A broadcasting
	// consumer has no such thing: the messages are dropped.
	ReconsumeLater
)

// Handler handles messages of one queue, in order. It runs on the queue's goroutine (up to ConsumerOptions.Concurrency of them); ctx ends
// when the queue is taken away or the consumer stops, and what is not finished then will be delivered again.
type Handler func(ctx context.Context, q Queue, messages []*message.Message) Result

// ConsumerOptions configure a PushConsumer. Zero fields take the defaults in brackets.
type ConsumerOptions struct {
	Group         string
	Subscriptions []Subscription
	Handle        Handler
	// Broadcasting gives every consumer all messages. Its offsets live in memory, as long as the PushConsumer.
	Broadcasting bool
	From         From
	FromTime     time.Time
	BatchMax     int // messages in one call of Handle [1]
	// Concurrency is how many calls of Handle one queue may have at a time; above 1 the order within a pull is not kept [1].
	Concurrency int
	PullMax     int32         // messages in one pull [32]
	PullWait    time.Duration // long polling [15 s]
	Prefetch    int           // answers pulled ahead of the handler per queue [8]
	// MaxReconsumeTimes overrides the group's on sending back [the group's].
	MaxReconsumeTimes int32

	HeartbeatInterval time.Duration // [30 s]
	RebalanceInterval time.Duration // [20 s]
	CommitInterval    time.Duration // of offsets [5 s]
	RetryPause        time.Duration // after a failed pull or offset query [1 s]
	SendBackPause     time.Duration // before messages that could not be sent back are handled again [5 s]
}

func (o *ConsumerOptions) ensureDefaults() {
	setDefault(&o.BatchMax, 1)
	setDefault(&o.Concurrency, 1)
	setDefault(&o.PullMax, 32)
	setDefault(&o.PullWait, 15*time.Second)
	setDefault(&o.Prefetch, 8)
	setDefault(&o.HeartbeatInterval, 30*time.Second)
	setDefault(&o.RebalanceInterval, 20*time.Second)
	setDefault(&o.CommitInterval, 5*time.Second)
	setDefault(&o.RetryPause, time.Second)
	setDefault(&o.SendBackPause, 5*time.Second)
}

// PushConsumer is a member of a consumer group: it shares the queues of its topics with the other members and hands messages to a
// Handler.
type PushConsumer struct {
	client  *Client
	opts    ConsumerOptions
	puller  *PullConsumer
	filters []filter // by topic; the last is the retry topic of a clustering group
	wake    chan struct{}
	known   map[string]bool // addresses that got a heartbeat; owned by Run

	mu      sync.Mutex
	queues  map[Queue]*queueLoop
	offsets map[Queue]offset.Queue // of a broadcasting group, for queues that come back
	stops   sync.WaitGroup         // queues that are being given up
}

// NewPushConsumer validates o. Run starts it.
func (c *Client) NewPushConsumer(o ConsumerOptions) (*PushConsumer, error) {
	o.ensureDefaults()
	if err := message.ValidateGroup(o.Group); err != nil {
		return nil, fmt.Errorf("consumer group %q: %w", o.Group, err)
	}
	if o.Handle == nil || len(o.Subscriptions) == 0 {
		return nil, fmt.Errorf("consumer group %s: Handle and Subscriptions must be set", o.Group)
	}
	p := &PushConsumer{
		client: c, opts: o, puller: c.NewPullConsumer(o.Group), wake: make(chan struct{}, 1),
		known: map[string]bool{}, queues: map[Queue]*queueLoop{}, offsets: map[Queue]offset.Queue{},
	}
	version := time.Now().UnixMilli()
	for _, s := range o.Subscriptions {
		if err := message.ValidateTopic(s.Topic); err != nil {
			return nil, fmt.Errorf("topic %q: %w", s.Topic, err)
		}
		p.filters = append(p.filters, parseFilter(s, version))
	}
	if !o.Broadcasting {
		p.filters = append(p.filters, parseFilter(Subscription{Topic: message.RetryPrefix + o.Group}, version))
	}
	return p, nil
}

// Run consumes until ctx ends. Then, in order: pulling stops, handlers finish, offsets are stored, the group is left. It owns the
// heartbeats, the assignment of queues and the commits.
func (p *PushConsumer) Run(ctx context.Context) error {
	if err := p.client.addConsumer(p.opts.Group, p.rebalanceSoon); err != nil {
		return err
	}
	defer p.client.removeConsumer(p.opts.Group)
	heartbeat := time.NewTicker(p.opts.HeartbeatInterval)
	defer heartbeat.Stop()
	rebalance := time.NewTicker(p.opts.RebalanceInterval)
	defer rebalance.Stop()
	commit := time.NewTicker(p.opts.CommitInterval)
	defer commit.Stop()
	for p.rebalance(ctx); ; {
		select {
		case <-ctx.Done():
			p.shutdown(context.WithoutCancel(ctx))
			return nil
		case <-p.wake:
			p.rebalance(ctx)
		case <-rebalance.C:
			p.rebalance(ctx)
		case <-heartbeat.C:
			p.heartbeat(ctx, p.addrs(ctx))
		case <-commit.C:
			p.commitAll()
		}
	}
}

// rebalanceSoon is level-triggered: one wake stands for any number of reasons.
func (p *PushConsumer) rebalanceSoon() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *PushConsumer) shutdown(ctx context.Context) {
	p.mu.Lock()
	for _, l := range p.queues {
		p.giveUpLocked(ctx, l)
	}
	p.mu.Unlock()
	p.stops.Wait()
	p.unregister(ctx)
}

// Queues lists the queues that are assigned now.
func (p *PushConsumer) Queues() []Queue {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Queue
	for q, l := range p.queues {
		if !l.stopping {
			out = append(out, q)
		}
	}
	return out
}

func (c *Client) addConsumer(group string, rebalance func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.consumers[group] != nil {
		return fmt.Errorf("this client consumes group %s already", group)
	}
	c.mu.consumers[group] = rebalance
	return nil
}

func (c *Client) removeConsumer(group string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mu.consumers, group)
}
