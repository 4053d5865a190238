package broker

import (
	"errors"
	"strconv"
	"strings"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// propertiesReserve is left free in the property string of what is accepted, for what a delay, retries and the dead-letter topic add
// later: topic names, a message id, levels. So whatever was accepted can always be retried.
const propertiesReserve = 768

// prepare checks a send in RocketMQ's order and fills op. It reports waits when the send goes on once something it needs was created.
func (s *sender) prepare(op *sendOp) (waits bool, err error) {
	r, h := op.r, &op.header
	if err := h.Decode(r.Ext); err != nil {
		return false, err
	}
	if err := s.settings.forbids(protocol.PermWrite, "sending message", s.advertised); err != nil {
		return false, err
	}
	if err := message.ValidateTopic(h.Topic); err != nil {
		return false, refuse(errBadParameter, "%s", err)
	}
	if message.IsForbiddenTarget(h.Topic) {
		return false, refuse(errNoPermission, "%s", protocol.RemarkForbiddenTopic(h.Topic))
	}
	topic := h.Topic
	if group, isRetry := strings.CutPrefix(topic, message.RetryPrefix); isRetry {
		g := s.state.Group(group)
		if g == nil {
			return false, refuse(errNoGroup, "%s", protocol.RemarkNoSubscriptionGroup(group))
		}
		if h.Batch {
			return false, refuse(errIllegalMessage, "batch request does not support retry group %s", topic)
		}
		if s.exhausted(r, h, g) {
			topic, h.QueueID, h.Properties = message.DLQPrefix+group, -1, message.RemoveProperty(h.Properties, message.PropertyDelay)
		}
	}
	if op.topic = s.state.Topic(topic); op.topic == nil {
		return true, s.topics.createForSend(r, h, topic)
	}
	return false, s.fill(op, topic)
}

// exhausted reports whether a message sent to a retry topic was tried too often, or comes from a group that consumes in order: its clients
// retry by themselves and send on only what they give up.
func (s *sender) exhausted(r *request, h *protocol.SendMessageHeader, g *state.Group) bool {
	limit := g.RetryMaxTimes
	if r.Version >= protocol.VersionReconsumeTimes && h.MaxReconsumeTimes >= 0 {
		limit = h.MaxReconsumeTimes
	}
	return h.ReconsumeTimes > limit || s.orderly(g.Name)
}

// fill makes the message or the batch that is stored in op.topic, or in the schedule topic.
func (s *sender) fill(op *sendOp, topic string) error {
	h := &op.header
	if err := s.pickQueue(h, op.topic); err != nil {
		return err
	}
	op.m = message.Message{
		Topic: topic, QueueID: h.QueueID, Flag: h.Flag, Body: op.r.Body, SysFlag: h.SysFlag &^ message.MaskTransaction,
		BornTimestamp: h.BornTimestamp, BornHost: op.r.client, StoreHost: s.host(), ReconsumeTimes: h.ReconsumeTimes,
	}
	if len(op.r.Body) > s.settings.messageBytesMax() {
		return s.tooLong(len(op.r.Body))
	}
	if h.Batch {
		return s.fillBatch(op)
	}
	if len(op.r.Body) == 0 {
		return refuse(errIllegalMessage, "the message body is empty")
	}
	op.sent = lookAt(h.Properties)
	if err := refuseUnsupported(&op.sent); err != nil {
		return err
	}
	properties := s.storedProperties(h.Properties, &op.sent)
	if len(properties) > message.PropertiesMax-propertiesReserve {
		return refuse(errIllegalMessage, "the message is illegal, its properties are %d bytes, the limit is %d", len(properties), message.PropertiesMax-propertiesReserve)
	}
	op.m.Properties = properties
	return s.schedule(op)
}

// pickQueue checks the queue id, or picks one of those that may be written.
func (s *sender) pickQueue(h *protocol.SendMessageHeader, t *state.Topic) error {
	if h.QueueID >= max(t.ReadQueues, t.WriteQueues) {
		return refuse(errBadParameter, "request queueId[%d] is illegal, topic %s has %d write and %d read queues", h.QueueID, t.Name, t.WriteQueues, t.ReadQueues)
	}
	if h.QueueID >= 0 {
		return nil
	}
	if t.WriteQueues < 1 {
		return refuse(errNoPermission, "topic[%s] has no queue that may be written", t.Name)
	}
	h.QueueID = int32(s.spread.Add(1) % uint32(t.WriteQueues))
	return nil
}

func (s *sender) tooLong(n int) error {
	return refuse(errIllegalMessage, "the message is illegal, maybe msg body or properties length not matched. msg body length limit is %dB, it is %dB", s.settings.messageBytesMax(), n)
}

// refuseUnsupported refuses messages that ask for what does not exist yet, rather than store them as ordinary ones.
func refuseUnsupported(p *sentProperties) error {
	switch {
	case p.transaction:
		return refuse(errNoPermission, "the broker sending transaction message is forbidden")
	case p.timer && !p.delayed(): // a delay level wins over the timer properties
		return refuse(errSystem, "accurate timer message is not enabled, timerWheelEnable is false")
	}
	return nil
}

// storedProperties adds what the broker adds (messages.md section 1.2); all other bytes stay as they came.
func (s *sender) storedProperties(properties string, p *sentProperties) string {
	if p.popCheckpoint {
		properties = message.RemoveProperty(properties, message.PropertyPopCheckpoint)
	}
	if p.unique == "" {
		p.unique = s.ids.Next()
		properties = message.SetProperty(properties, message.PropertyUniqueKey, p.unique)
	}
	return s.added.to(properties, p.ours)
}

// schedule sends a message with a delay level to the schedule topic.
func (s *sender) schedule(op *sendOp) error {
	if !op.sent.delayed() {
		return nil
	}
	asked, err := strconv.ParseInt(op.sent.delay, 10, 32)
	if err != nil {
		return refuse(errIllegalMessage, "delay level %q is not a number", clip(op.sent.delay))
	}
	level := s.delays.Clamp(int32(asked))
	if level < 1 {
		return nil
	}
	schedule := s.state.Topic(message.ScheduleTopic)
	if schedule == nil {
		return refuse(errUnavailable, "topic %s does not exist yet", message.ScheduleTopic)
	}
	toSchedule(&op.m, level)
	op.topic, op.delay = schedule, s.delays.Delay(level)
	return nil
}

// toSchedule turns m into a message of the schedule topic that remembers where it belongs.
func toSchedule(m *message.Message, level int32) {
	m.Properties = message.SetProperties(m.Properties,
		message.KeyValue{Name: message.PropertyRealTopic, Value: m.Topic},
		message.KeyValue{Name: message.PropertyRealQueueID, Value: strconv.Itoa(int(m.QueueID))})
	m.Topic, m.QueueID = message.ScheduleTopic, level-1
}

// fillBatch splits a batch. Each message keeps its own properties and gets a unique key if it has none.
func (s *sender) fillBatch(op *sendOp) error {
	parts, err := message.DecodeBatch(op.r.Body, batchMax)
	if err != nil {
		return refuse(errIllegalMessage, "the batch does not decode: %s", err)
	}
	if len(parts) == 0 {
		return refuse(errIllegalMessage, "the batch is empty")
	}
	if len(op.m.Topic) > message.TopicMax {
		return refuse(errIllegalMessage, "batch message to topic %s is illegal, the name is longer than %d", op.m.Topic, message.TopicMax)
	}
	for i := range parts {
		if err := s.fillPart(&parts[i]); err != nil {
			return err
		}
	}
	op.batch = parts
	return nil
}

var errBatchKind = errors.New("a batch may hold ordinary messages only: no delay, no transaction")

func (s *sender) fillPart(part *message.BatchPart) error {
	for _, name := range []string{message.PropertyDelay, message.PropertyTransaction, message.PropertyTimerDelaySec, message.PropertyTimerDelayMillis, message.PropertyTimerDeliverMillis} {
		if v, ok := message.Property(part.Properties, name); ok && v != "0" && !strings.EqualFold(v, "false") {
			return refuse(errIllegalMessage, "%s", errBatchKind)
		}
	}
	if len(part.Body) == 0 {
		return refuse(errIllegalMessage, "a message of the batch has an empty body")
	}
	if unique, _ := message.Property(part.Properties, message.PropertyUniqueKey); unique == "" {
		part.Properties = message.SetProperty(part.Properties, message.PropertyUniqueKey, s.ids.Next())
	}
	if len(part.Properties) > message.PropertiesMax-propertiesReserve {
		return refuse(errIllegalMessage, "a message of the batch has %d bytes of properties, the limit is %d", len(part.Properties), message.PropertiesMax-propertiesReserve)
	}
	return nil
}
