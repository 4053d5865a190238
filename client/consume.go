package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// queueLoop consumes one assigned queue: one goroutine pulls, one handles, a bounded channel lies between them.
type queueLoop struct {
	consumer *PushConsumer
	filter   *filter
	queue    Queue
	cancel   context.CancelFunc
	ended    chan struct{} // closed when both goroutines have returned
	stopping bool          // guarded by PushConsumer.mu

	// Everything below handled is done with; committed is what the broker knows. -1: nothing yet.
	handled, committed atomic.Int64
}

// pulled is an answer on its way to the handler. next counts as handled when its messages are.
type pulled struct {
	messages []*message.Message
	next     offset.Queue
}

func (p *PushConsumer) startQueue(ctx context.Context, f *filter, q Queue) *queueLoop {
	ctx, cancel := context.WithCancel(ctx)
	l := &queueLoop{consumer: p, filter: f, queue: q, cancel: cancel, ended: make(chan struct{})}
	l.handled.Store(-1)
	l.committed.Store(-1)
	known, remembered := p.offsets[q]
	answers := make(chan pulled, p.opts.Prefetch)
	var both sync.WaitGroup
	both.Go(func() {
		defer close(answers)
		at := known
		if !remembered {
			var ok bool
			if at, ok = l.begin(ctx); !ok {
				return
			}
		}
		l.pull(ctx, at, answers)
	})
	both.Go(func() { l.handle(ctx, answers) })
	go func() { both.Wait(); close(l.ended) }()
	return l
}

func (l *queueLoop) uncommitted() (at offset.Queue, changed bool) {
	handled := l.handled.Load()
	return offset.Queue(handled), handled >= 0 && handled != l.committed.Load()
}

// begin finds the first offset to read, repeating until it is known or ctx ends. An offset that cannot be asked for must not become
// "none": that would skip or repeat messages.
func (l *queueLoop) begin(ctx context.Context) (at offset.Queue, ok bool) {
	for {
		at, err := l.firstOffset(ctx)
		if err == nil {
			return at, true
		}
		if ctx.Err() == nil {
			l.warn("first offset unknown", err)
		}
		if !pause(ctx, l.consumer.opts.RetryPause) {
			return 0, false
		}
	}
}

func (l *queueLoop) firstOffset(ctx context.Context) (offset.Queue, error) {
	c, o := l.consumer.client, &l.consumer.opts
	if !o.Broadcasting {
		at, found, err := c.CommittedOffset(ctx, o.Group, l.queue)
		if err != nil || found {
			return at, err
		}
	}
	switch {
	case o.From == FromFirst, strings.HasPrefix(l.queue.Topic, message.RetryPrefix):
		return c.MinOffset(ctx, l.queue)
	case o.From == FromTime:
		return c.OffsetAt(ctx, l.queue, o.FromTime)
	}
	return c.MaxOffset(ctx, l.queue)
}

// pull reads ahead of the handler until ctx ends.
func (l *queueLoop) pull(ctx context.Context, at offset.Queue, answers chan<- pulled) {
	o := &l.consumer.opts
	for ctx.Err() == nil {
		result, err := l.consumer.puller.Pull(ctx, PullRequest{Queue: l.queue, Offset: at, Max: o.PullMax, Tags: l.filter.expression,
			Wait: o.PullWait, Commit: -1, SubVersion: l.filter.version})
		if err != nil {
			if ctx.Err() == nil {
				l.consumer.client.logger.Debug("pull failed", "group", o.Group, "topic", l.queue.Topic, "queueId", l.queue.ID, "error", err)
			}
			if !pause(ctx, o.RetryPause) {
				return
			}
			continue
		}
		if result.Status == OffsetMoved {
			l.warn("offset moved by the broker", fmt.Errorf("from %d to %d", at, result.Next))
		}
		if len(result.Messages) == 0 && result.Next == at {
			continue
		}
		at = result.Next
		select {
		case answers <- pulled{result.Messages, result.Next}:
		case <-ctx.Done():
			return
		}
	}
}

// handle calls the application. It returns early, without counting the messages at hand as handled, when ctx ends.
func (l *queueLoop) handle(ctx context.Context, answers <-chan pulled) {
	for a := range answers {
		if ctx.Err() != nil || !l.handleAll(ctx, a.messages) {
			return
		}
		l.handled.Store(int64(a.next))
	}
}

// handleAll hands messages over in calls of at most BatchMax, Concurrency of them at a time. False: some are not done.
func (l *queueLoop) handleAll(ctx context.Context, messages []*message.Message) bool {
	o := &l.consumer.opts
	if o.Concurrency == 1 {
		for part := range slices.Chunk(messages, o.BatchMax) {
			if !l.handleOne(ctx, part) {
				return false
			}
		}
		return true
	}
	var calls sync.WaitGroup
	var undone atomic.Bool
	slots := make(chan struct{}, o.Concurrency)
	for part := range slices.Chunk(messages, o.BatchMax) {
		slots <- struct{}{}
		calls.Go(func() {
			defer func() { <-slots }()
			if !l.handleOne(ctx, part) {
				undone.Store(true)
			}
		})
	}
	calls.Wait()
	return !undone.Load()
}

// handleOne is one call of the application, repeated while its messages can be neither consumed nor sent back. Its answer counts also
// when ctx has ended meanwhile.
func (l *queueLoop) handleOne(ctx context.Context, part []*message.Message) bool {
	o := &l.consumer.opts
	for {
		if ctx.Err() != nil {
			return false
		}
		for _, m := range part {
			restoreTopic(m)
		}
		if o.Handle(ctx, l.queue, part) == Consumed {
			return true
		}
		if o.Broadcasting {
			return true
		}
		if part = l.sendBack(ctx, part); len(part) == 0 {
			return true
		}
		if !pause(ctx, o.SendBackPause) {
			return false
		}
	}
}

// restoreTopic gives a message of the retry topic the topic that it was sent to.
func restoreTopic(m *message.Message) {
	if strings.HasPrefix(m.Topic, message.RetryPrefix) {
		if topic, ok := message.Property(m.Properties, message.PropertyRetryTopic); ok {
			m.Topic = topic
		}
	}
}

// sendBack asks the broker to deliver messages later and returns those it could not be told of.
func (l *queueLoop) sendBack(ctx context.Context, messages []*message.Message) (left []*message.Message) {
	c, o := l.consumer.client, &l.consumer.opts
	for _, m := range messages {
		if err := c.SendBack(ctx, o.Group, l.queue, m, 0, o.MaxReconsumeTimes); err != nil {
			l.warn("message not sent back, handling it again", err)
			left = append(left, m)
		}
	}
	return left
}

// SendBack asks the broker of the queue that m was pulled from to deliver it to the group again: after a delay that grows with every time, after
// the delay of level > 0, or with level -1 not at all but into %DLQ%group. maxTimes > 0 overrides the group's limit.
func (c *Client) SendBack(ctx context.Context, group string, q Queue, m *message.Message, level, maxTimes int32) error {
	addr, err := c.leader(ctx, q.Topic, q.Broker)
	if err != nil {
		return err
	}
	h := &protocol.SendBackHeader{Offset: int64(m.PhysicalOffset), Group: group, DelayLevel: level, OriginTopic: m.Topic, MaxReconsumeTimes: -1}
	h.OriginMsgID, _ = message.Property(m.Properties, message.PropertyUniqueKey)
	if maxTimes > 0 {
		h.MaxReconsumeTimes = maxTimes
	}
	_, err = c.Invoke(ctx, addr, protocol.CodeConsumerSendMsgBack, h, nil)
	return err
}

func (l *queueLoop) warn(what string, err error) {
	l.consumer.client.logger.Warn(what, "group", l.consumer.opts.Group, "topic", l.queue.Topic, "brokerName", l.queue.Broker, "queueId", l.queue.ID, "error", err)
}

// pause waits for d and reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
