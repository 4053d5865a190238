package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

const (
	consumerGroup = "consumers" // of push consumers
	offsetGroup   = "offsets"   // whose offsets a client commits and asks for by itself
)

// load is the clients that work while faults happen.
type load struct {
	c    *Cluster
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
	seed uint64
	// number tells the clients of one load from those of another in the same history: values are unique.
	number int

	mu    sync.Mutex
	heads [queues]int64 // highest offset answered + 1, by queue
}

// StartLoad starts producers of every kind, tailers of every replica, a consumer group and a client that commits offsets.
func (c *Cluster) StartLoad() {
	ctx, stop := context.WithCancel(context.Background())
	c.loads++
	l := &load{c: c, ctx: ctx, stop: stop, number: c.loads}
	c.load = l
	for i := range int32(2) {
		l.produce(fmt.Sprint("ordered", i), 40*time.Millisecond, client.ProducerOptions{RetryFor: 8 * time.Second}, l.ordered(i))
	}
	once := client.ProducerOptions{OnlyNotSent: true, RetryFor: 3 * time.Second}
	for i := range 4 {
		l.produce(fmt.Sprint("concurrent", i), 70*time.Millisecond, once, l.anywhere)
	}
	l.produce("retrying", 70*time.Millisecond, client.ProducerOptions{RetryFor: 8 * time.Second, Timeout: time.Second}, l.anywhere)
	l.produce("batch", 300*time.Millisecond, once, l.batch)
	l.produce("delayed", 150*time.Millisecond, once, l.delayed)
	l.produce("oneway", 100*time.Millisecond, once, l.oneway)
	for _, m := range c.members[:c.opts.members] {
		l.run("pinned-"+m.name, func(cl *client.Client, r *rand.Rand) { l.pinned(cl, m, r) })
		l.run("tail-"+m.name, func(cl *client.Client, _ *rand.Rand) { l.tail(cl, m) })
	}
	for i := range 2 {
		l.run(fmt.Sprint("consumer", i), func(cl *client.Client, r *rand.Rand) { l.consume(cl, fmt.Sprint("consumer", i), r) })
	}
	l.run("offsets", l.commit)
	l.run("max", l.askMax)
}

// SendFor lets the load and the faults that were planned go on for so long.
func (c *Cluster) SendFor(d time.Duration) {
	if c.load == nil {
		c.StartLoad()
	}
	c.Run(d)
}

// stopLoad ends the producers; what is in flight ends within its time.
func (c *Cluster) stopLoad() {
	if c.load == nil {
		return
	}
	c.load.stop()
	done := make(chan struct{})
	go func() { c.load.wg.Wait(); close(done) }()
	for {
		select {
		case <-done:
			c.load = nil
			return
		default:
			c.Run(tick)
		}
	}
}

func (l *load) named(name string) string { return fmt.Sprint(name, ".", l.number) }

// run runs one client until the load ends.
func (l *load) run(name string, work func(*client.Client, *rand.Rand)) {
	l.seed++
	r := rand.New(rand.NewPCG(l.c.opts.seed, 1000+l.seed))
	cl := l.c.client(name)
	l.wg.Go(func() { work(cl, r) })
}

// pause waits about d; it reports false at the load's end.
func (l *load) pause(r *rand.Rand, d time.Duration) bool {
	t := time.NewTimer(d/2 + time.Duration(r.Int64N(int64(d))))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// producer is one producing client.
type producer struct {
	*client.Producer
	name string
	seq  int
	rng  *rand.Rand
}

func (l *load) produce(name string, every time.Duration, o client.ProducerOptions, send func(*producer)) {
	l.run(name, func(cl *client.Client, r *rand.Rand) {
		p := &producer{Producer: cl.NewProducer(o), name: l.named(name), rng: r}
		for l.pause(r, every) {
			send(p)
		}
	})
}

// size draws the length of a padding: mostly small, sometimes 64 KiB.
func (p *producer) size() int {
	switch n := p.rng.IntN(1000); {
	case n < 700:
		return p.rng.IntN(200)
	case n < 995:
		return 1000 + p.rng.IntN(3000)
	}
	return 64 << 10
}

func (l *load) begin(p *producer) (*Send, *client.Message) {
	p.seq++
	s := &Send{Span: l.c.History.begin(), Value: fmt.Sprint(p.name, "-", p.seq), Client: p.name, Seq: p.seq, Queue: -1, Offset: -1, Attempts: 1, Outcome: Unknown}
	l.c.History.send(s)
	return s, &client.Message{Topic: topic, Body: body(s.Value, p.size())}
}

// end records the outcome. A send that was tried again counts as unknown unless it succeeded: an earlier attempt may have been executed.
func (l *load) end(s *Send, res client.SendResult, err error) {
	h := l.c.History
	h.mu.Lock()
	defer h.mu.Unlock()
	s.Attempts = max(1, res.Attempts)
	switch outcome := client.OutcomeOf(err); {
	case outcome == client.Sent:
		s.Outcome, s.Queue, s.Offset = OK, res.Queue.ID, int64(res.QueueOffset)
		if s.Delay == 0 {
			l.head(s.Queue, s.Offset)
		}
	case outcome == client.NotSent && s.Attempts == 1:
		s.Outcome = Fail
	}
	if err != nil {
		s.Error = err.Error()
	}
	h.end(&s.Span)
}

func (l *load) head(queue int32, at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heads[queue] = max(l.heads[queue], at+1)
}

func queue(id int32) client.Queue { return client.Queue{Topic: topic, Broker: brokerName, ID: id} }

func (l *load) ordered(id int32) func(*producer) {
	return func(p *producer) {
		s, m := l.begin(p)
		s.Ordered, s.Queue = true, id
		res, err := p.SendTo(context.Background(), queue(id), m)
		l.end(s, res, err)
	}
}

func (l *load) anywhere(p *producer) {
	s, m := l.begin(p)
	res, err := p.SendTo(context.Background(), queue(p.rng.Int32N(queues)), m)
	l.end(s, res, err)
}

func (l *load) batch(p *producer) {
	var sends []*Send
	var messages []*client.Message
	for range 5 {
		s, m := l.begin(p)
		m.Body = body(s.Value, 100)
		sends, messages = append(sends, s), append(messages, m)
	}
	res, err := p.SendBatch(context.Background(), messages)
	for i, s := range sends {
		one := res
		one.QueueOffset += offset.Queue(i)
		l.end(s, one, err)
	}
}

func (l *load) delayed(p *producer) {
	s, m := l.begin(p)
	m.DelayLevel = 1 + p.rng.IntN(2)
	s.Delay = []time.Duration{0, time.Second, 5 * time.Second}[m.DelayLevel]
	res, err := p.Send(context.Background(), m)
	l.end(s, res, err)
}

func (l *load) oneway(p *producer) {
	s, m := l.begin(p)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	err := p.SendOneway(ctx, m)
	if client.OutcomeOf(err) == client.NotSent {
		l.end(s, client.SendResult{}, err)
	}
}

// pinned sends to one member, whoever leads: followers forward. It never tries again, so a copy too many is the brokers' (K5).
func (l *load) pinned(cl *client.Client, m *Member, r *rand.Rand) {
	p := &producer{name: l.named("pinned-" + m.name), rng: r}
	for l.pause(r, 80*time.Millisecond) {
		s, msg := l.begin(p)
		h := &protocol.SendMessageHeader{ProducerGroup: p.name, Topic: topic, DefaultTopic: "TBW102", DefaultTopicQueueNums: queues,
			QueueID: r.Int32N(queues), BornTimestamp: time.Now().UnixMilli(), BrokerName: brokerName}
		resp, err := cl.Invoke(context.Background(), m.Addr(), protocol.CodeSendMessageV2, h, msg.Body)
		res := client.SendResult{Queue: queue(h.QueueID), QueueOffset: -1}
		if err == nil {
			text, _ := resp.Ext.Get("queueOffset")
			at, bad := strconv.ParseInt(text, 10, 64)
			if bad != nil {
				l.c.fail("K4", "%s answered a send with queueOffset %q", m.name, text)
			}
			res.QueueOffset = offset.Queue(at)
		}
		l.end(s, res, err)
	}
}

// tail reads all queues from one replica, from the beginning, in turn.
func (l *load) tail(cl *client.Client, m *Member) {
	r := rand.New(rand.NewPCG(l.c.opts.seed, 77))
	next := [queues]int64{}
	for l.pause(r, 60*time.Millisecond) {
		for q := range int32(queues) {
			next[q] = l.c.pullOnce(l.ctx, cl, m, q, next[q], l.named("tail-"+m.name))
		}
	}
}

// pullOnce reads once from one member and returns where to go on. What it saw is recorded.
func (c *Cluster) pullOnce(ctx context.Context, cl *client.Client, m *Member, q int32, at int64, name string) int64 {
	h := pullHeader("tailers", q, at)
	span := c.History.begin()
	resp, err := cl.Invoke(ctx, m.Addr(), protocol.CodePullMessage, h, nil, protocol.PullNotFound, protocol.PullRetryImmediately, protocol.PullOffsetMoved)
	if err != nil {
		return at
	}
	c.History.end(&span)
	read := &Read{Span: span, Client: name, Node: m.name, Topic: topic}
	var answer protocol.PullMessageResponseHeader
	if err := answer.Decode(resp.Ext); err != nil {
		c.fail("K8", "%s: %v", m.name, err)
		return at
	}
	switch resp.Code {
	case protocol.Success:
		read.Seen, _, err = decode(resp.Body)
		if err != nil {
			c.fail("K4", "answer of %s to a pull of queue %d at %d: %v", m.name, q, at, err)
		}
		c.History.read(read)
	case protocol.PullOffsetMoved:
		if answer.MinOffset <= at && c.opts.retention == 0 {
			c.fail("K8", "%s says at offset %d of queue %d, which it served before: moved, min %d max %d next %d", m.name, at, q, answer.MinOffset, answer.MaxOffset, answer.NextBeginOffset)
			return at
		}
	default:
		return at
	}
	return answer.NextBeginOffset
}

func pullHeader(group string, q int32, at int64) *protocol.PullMessageHeader {
	return &protocol.PullMessageHeader{ConsumerGroup: group, Topic: topic, QueueID: q, QueueOffset: at, MaxMsgNums: 32,
		SysFlag: protocol.PullSubscription, Subscription: "*", ExpressionType: "TAG"}
}

// decode returns what messages in stored form hold, and when they were stored (ms).
func decode(b []byte) (seen []Seen, stored []int64, err error) {
	for len(b) > 0 {
		m, n, err := message.DecodeStored(b)
		if err != nil {
			return seen, stored, err
		}
		seen = append(seen, Seen{Queue: m.QueueID, Offset: int64(m.QueueOffset), Value: valueOf(m.Body)})
		stored = append(stored, m.StoreTimestamp)
		b = b[n:]
	}
	return seen, stored, nil
}

// commit commits rising offsets of its own group and asks for them.
func (l *load) commit(cl *client.Client, r *rand.Rand) {
	for l.pause(r, 40*time.Millisecond) {
		q := r.Int32N(queues)
		l.mu.Lock()
		at := l.heads[q]
		l.mu.Unlock()
		op := &OffsetOp{Span: l.c.History.begin(), Kind: "commit", Group: offsetGroup, Queue: q, Offset: at, Outcome: Unknown}
		err := cl.CommitOffset(context.Background(), offsetGroup, queue(q), offset.Queue(at))
		l.endOffset(op, err)
		if !l.pause(r, 10*time.Millisecond) {
			return
		}
		op = &OffsetOp{Span: l.c.History.begin(), Kind: "query", Group: offsetGroup, Queue: q, Offset: -1, Outcome: Unknown}
		got, found, err := cl.CommittedOffset(context.Background(), offsetGroup, queue(q))
		if found {
			op.Offset = int64(got)
		}
		l.endOffset(op, err)
	}
}

func (l *load) endOffset(op *OffsetOp, err error) {
	switch client.OutcomeOf(err) {
	case client.Sent:
		op.Outcome = OK
	case client.NotSent:
		op.Outcome = Fail
	}
	l.c.History.end(&op.Span)
	l.c.History.offset(op)
}

func (l *load) askMax(cl *client.Client, r *rand.Rand) {
	for l.pause(r, 60*time.Millisecond) {
		q := r.Int32N(queues)
		op := &OffsetOp{Span: l.c.History.begin(), Kind: "max", Queue: q, Offset: -1, Outcome: Unknown}
		got, err := cl.MaxOffset(context.Background(), queue(q))
		op.Offset = int64(got)
		l.endOffset(op, err)
	}
}

// consume is a member of the consumer group that leaves and joins again.
func (l *load) consume(cl *client.Client, name string, r *rand.Rand) {
	for l.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(l.ctx, 5*time.Second+time.Duration(r.Int64N(int64(20*time.Second))))
		p, err := cl.NewPushConsumer(client.ConsumerOptions{
			Group: consumerGroup, Subscriptions: []client.Subscription{{Topic: topic}}, From: client.FromFirst, BatchMax: 16,
			HeartbeatInterval: time.Second, RebalanceInterval: 2 * time.Second, CommitInterval: 500 * time.Millisecond, RetryPause: 100 * time.Millisecond,
			PullWait: 2 * time.Second,
			Handle: func(_ context.Context, q client.Queue, messages []*message.Message) client.Result {
				return l.deliver(name, q, messages)
			},
		})
		if err == nil {
			err = p.Run(ctx)
		}
		cancel()
		if err != nil {
			l.c.fail("K16", "%s: %v", name, err)
			return
		}
		if !l.pause(r, time.Second) {
			return
		}
	}
}

func (l *load) deliver(name string, q client.Queue, messages []*message.Message) client.Result {
	read := &Read{Span: l.c.History.begin(), Client: name, Group: consumerGroup, Topic: q.Topic}
	for _, m := range messages {
		read.Seen = append(read.Seen, Seen{Queue: q.ID, Offset: int64(m.QueueOffset), Value: valueOf(m.Body)})
	}
	l.c.History.end(&read.Span)
	l.c.History.read(read)
	return client.Consumed
}
