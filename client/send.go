package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// send is one message or batch on its way, over all its attempts. It is a chain of callbacks, so that no goroutine waits for an
// answer. It belongs to one chain link at a time and returns to the producer's pool in end.
//
//	attempt → (route) → launch → answered → end
//	   ↑                            │ failed, worth another try
//	   └── again ← (RetryWait) ─────┘
type send struct {
	p    *Producer
	done func(SendResult, error)
	ctx  context.Context // of a caller who waits; nil: none

	topic    string
	fixed    *Queue // the caller's choice
	uniqueID string
	cmd      remoting.Command
	header   protocol.SendMessageHeader

	started  time.Time
	attempts int
	queue    Queue
	addr     string
	last     string // broker of the attempt that failed
	refresh  bool   // the next attempt asks for the route

	// Kept over the lives of the object, so that a message costs no closure and one copy of its properties.
	answer  func(*remoting.Command, error)
	routed  func(*Route, error)
	scratch []byte
}

func newSend(p *Producer) *send {
	s := &send{p: p}
	s.answer, s.routed = s.answered, s.launch
	return s
}

func (s *send) begin(done func(SendResult, error)) {
	*s = send{p: s.p, answer: s.answer, routed: s.routed, scratch: s.scratch, cmd: remoting.Command{Ext: s.cmd.Ext[:0]},
		done: done, started: time.Now()}
}

func (s *send) end(r SendResult, err error) {
	done := s.done
	s.done, s.ctx, s.cmd.Body = nil, nil, nil
	s.p.sends.Put(s)
	done(r, err)
}

func (s *send) encode(m *Message) error {
	if m.UniqueID == "" {
		m.UniqueID = s.p.client.ids.Next()
	}
	properties, err := s.propertiesOf(m)
	if err != nil {
		return err
	}
	s.topic, s.uniqueID, s.cmd.Body = m.Topic, m.UniqueID, m.Body
	s.header = s.headerOf(m.Topic, properties)
	s.header.Flag = m.Flag
	if above := s.p.opts.CompressAbove; above > 0 && len(m.Body) >= above {
		s.cmd.Body = s.p.compressor.Compress(m.Body)
		s.header.SysFlag |= message.FlagCompressed | compressedZlib
	}
	s.cmd.Code = protocol.CodeSendMessageV2
	return nil
}

func (s *send) encodeBatch(messages []*Message) error {
	if len(messages) == 0 {
		return fmt.Errorf("%w: empty batch", ErrMessage)
	}
	var body []byte
	for _, m := range messages {
		if m.Topic != messages[0].Topic || m.DelayLevel > 0 {
			return fmt.Errorf("%w: a batch has one topic and no delay", ErrMessage)
		}
		if m.UniqueID == "" {
			m.UniqueID = s.p.client.ids.Next()
		}
		properties, err := s.propertiesOf(m)
		if err != nil {
			return err
		}
		body = message.AppendBatchPart(body, message.BatchPart{Flag: m.Flag, Properties: properties, Body: m.Body})
	}
	s.topic, s.cmd.Body, s.cmd.Code = messages[0].Topic, body, protocol.CodeSendBatchMessage
	s.header = s.headerOf(s.topic, "")
	s.header.Batch = true
	return nil
}

func (s *send) propertiesOf(m *Message) (string, error) {
	encoded, err := m.appendProperties(s.scratch[:0])
	if err != nil {
		return "", err
	}
	s.scratch = encoded
	return string(encoded), nil
}

func (s *send) headerOf(topic, properties string) protocol.SendMessageHeader {
	return protocol.SendMessageHeader{
		ProducerGroup: s.p.opts.Group, Topic: topic, DefaultTopic: templateTopic, DefaultTopicQueueNums: s.p.opts.DefaultQueues,
		BornTimestamp: time.Now().UnixMilli(), Properties: properties, MaxReconsumeTimes: -1,
	}
}

// attempt begins the next attempt.
func (s *send) attempt() {
	s.attempts++
	s.p.routeAsync(s.topic, s.refresh, s.routed)
}

// launch sends to a queue of the route. A refresh that failed falls back to the cached route.
func (s *send) launch(route *Route, err error) {
	if err != nil {
		if route = s.p.client.cachedRoute(s.topic); route == nil {
			s.failed(err)
			return
		}
	}
	q, ok := s.choose(route)
	if !ok {
		s.failed(fmt.Errorf("%w: no writable queue of topic %s", ErrNoRoute, s.topic))
		return
	}
	if s.addr, ok = route.Leader(q.Broker); !ok {
		s.failed(fmt.Errorf("%w: broker %s of topic %s has no leader", ErrNoRoute, q.Broker, s.topic))
		return
	}
	s.prepare(q)
	s.p.client.remoting.Go(s.addr, &s.cmd, s.p.opts.Timeout, s.answer)
}

func (s *send) choose(route *Route) (Queue, bool) {
	if s.fixed != nil {
		return *s.fixed, true
	}
	queues := route.WriteQueues()
	if len(queues) == 0 {
		return Queue{}, false
	}
	return s.p.selector.choose(time.Now(), queues, s.last), true
}

// prepare completes the header for one attempt.
func (s *send) prepare(q Queue) {
	s.queue = q
	s.header.QueueID, s.header.BrokerName = q.ID, q.Broker
	s.cmd.Ext = s.header.AppendFields(s.cmd.Ext[:0])
}

func (s *send) answered(resp *remoting.Command, err error) {
	if err == nil {
		err = answer(s.addr, resp, protocol.FlushDiskTimeout, protocol.SlaveNotAvailable, protocol.FlushSlaveTimeout)
	}
	if err != nil {
		s.p.selector.failed(time.Now(), s.queue.Broker)
		s.failed(err)
		return
	}
	s.p.selector.succeeded(s.queue.Broker)
	s.end(s.result(resp), nil)
}

func (s *send) result(resp *remoting.Command) SendResult {
	r := SendResult{Queue: s.queue, UniqueID: s.uniqueID, Addr: s.addr, Attempts: s.attempts, Code: resp.Code}
	r.OffsetID, _ = resp.Ext.Get("msgId")
	if text, ok := resp.Ext.Get("queueId"); ok {
		if id, err := strconv.ParseInt(text, 10, 32); err == nil {
			r.Queue.ID = int32(id)
		}
	}
	if text, ok := resp.Ext.Get("queueOffset"); ok {
		if at, err := strconv.ParseInt(text, 10, 64); err == nil {
			r.QueueOffset = offset.Queue(at)
		}
	}
	return r
}

// failed makes another attempt, or gives up.
func (s *send) failed(err error) {
	if !s.again(err) {
		s.end(SendResult{Attempts: s.attempts}, fmt.Errorf("send to topic %s, attempt %d: %w", s.topic, s.attempts, err))
		return
	}
	s.last, s.refresh = s.queue.Broker, !s.p.opts.KeepRoute
	if s.p.opts.RetryWait > 0 {
		time.AfterFunc(s.p.opts.RetryWait, s.attempt)
		return
	}
	s.attempt()
}

func (s *send) again(err error) bool {
	o := &s.p.opts
	switch {
	case s.ctx != nil && s.ctx.Err() != nil, errors.Is(err, ErrClosed), errors.Is(err, remoting.ErrClientClosed):
		return false
	case o.RetryFor > 0 && time.Since(s.started)+o.RetryWait >= o.RetryFor:
		return false
	case o.RetryFor == 0 && s.attempts > o.Retries:
		return false
	case o.OnlyNotSent && OutcomeOf(err) != NotSent:
		return false
	}
	var refused *ResponseError
	return !errors.As(err, &refused) || slices.Contains(o.RetryCodes, refused.Code)
}
