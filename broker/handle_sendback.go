package broker

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Sending back: 36 CONSUMER_SEND_MSG_BACK.
//
// Source: AbstractSendMessageProcessor#consumerSendMsgBack; behaviours.md section 8.

// firstRetryLevel is the delay level of the first redelivery; each next one is one higher.
const firstRetryLevel = 3

// retries stores consumed messages again for a later redelivery, or as dead letters.
type retries struct {
	state      *state.State
	proposer   proposer
	clock      *storeClock
	gate       *gate
	topics     *topicMaker
	host       func() netip.AddrPort
	delays     message.DelayLevels
	settings   *settings
	advertised string
}

func (s *retries) sendBack(r *request) error {
	var h protocol.SendBackHeader
	if err := h.Decode(r.Ext); err != nil {
		return err
	}
	g := s.state.Group(h.Group)
	if g == nil {
		return refuse(errNoGroup, "%s", protocol.RemarkNoSubscriptionGroup(h.Group))
	}
	if err := s.settings.forbids(protocol.PermWrite, "sending message", s.advertised); err != nil {
		return err
	}
	if g.RetryQueueNums <= 0 {
		r.succeed(nil, nil)
		return nil
	}
	stored, err := s.state.MessageAt(offset.Physical(h.Offset))
	if errors.Is(err, commitlog.ErrNotFound) {
		return refuse(errSystem, "%s", protocol.RemarkSendBackMissing(h.Offset))
	}
	if err != nil {
		return err
	}
	m, _, err := message.DecodeStored(stored)
	if err != nil {
		return err
	}
	return s.store(r, g, &h, &m)
}

// store puts m into the group's retry topic by way of the schedule topic, or into its dead-letter topic.
func (s *retries) store(r *request, g *state.Group, h *protocol.SendBackHeader, m *message.Message) error {
	wanted := retryTopic(g)
	level := s.level(r, g, h, m)
	if level < 0 {
		wanted = deadLetterTopic(g.Name)
	}
	target := s.state.Topic(wanted.Name)
	if target == nil {
		return s.topics.createFor(r, []state.Topic{wanted}, nil)
	}
	if target.Perm&protocol.PermWrite == 0 {
		return refuse(errNoPermission, "the topic[%s] sending message is forbidden", target.Name)
	}
	s.retried(m, target)
	topic, delay := target, int64(0)
	if level > 0 {
		if topic = s.state.Topic(message.ScheduleTopic); topic == nil {
			return refuse(errUnavailable, "topic %s does not exist yet", message.ScheduleTopic)
		}
		m.Properties = message.SetProperty(m.Properties, message.PropertyDelay, itoa(level))
		toSchedule(m, level)
		delay = s.delays.Delay(level)
	}
	return s.propose(r, topic, m, delay)
}

// level is the delay level of the next delivery, -1 for the dead-letter topic.
func (s *retries) level(r *request, g *state.Group, h *protocol.SendBackHeader, m *message.Message) int32 {
	limit := g.RetryMaxTimes
	if r.Version >= protocol.VersionReconsumeTimes && h.MaxReconsumeTimes >= 0 {
		limit = h.MaxReconsumeTimes
	}
	switch {
	case m.ReconsumeTimes >= limit || h.DelayLevel < 0:
		return -1
	case h.DelayLevel == 0:
		return s.delays.Clamp(firstRetryLevel + m.ReconsumeTimes)
	default:
		return s.delays.Clamp(h.DelayLevel)
	}
}

// retried makes m the next delivery of itself to target: everything is copied but the place, and it counts one more.
func (s *retries) retried(m *message.Message, target *state.Topic) {
	p := message.RemoveProperty(m.Properties, message.PropertyDelay)
	if _, ok := message.Property(p, message.PropertyRetryTopic); !ok {
		p = message.SetProperty(p, message.PropertyRetryTopic, m.Topic)
	}
	if origin, _ := message.Property(p, message.PropertyOriginMessageID); strings.TrimSpace(origin) == "" {
		p = message.SetProperty(p, message.PropertyOriginMessageID, message.OffsetID(m.StoreHost, m.PhysicalOffset))
	}
	m.Properties = message.SetProperty(p, message.PropertyWait, "false")
	m.Topic, m.QueueID = target.Name, 0
	if target.WriteQueues > 1 {
		m.QueueID = int32(uint64(m.PhysicalOffset) % uint64(target.WriteQueues))
	}
	m.SysFlag &^= message.MaskTransaction
	m.PreparedTransactionOffset = 0
	m.ReconsumeTimes++
	m.StoreHost = s.host()
}

func (s *retries) propose(r *request, topic *state.Topic, m *message.Message, delay int64) error {
	keys := appendKeyHashes(nil, m.Topic, m.Properties)
	var subs []byte
	encode := func(timestamp int64) {
		code := timestamp + delay
		if delay == 0 {
			code = tagsCode(m.Properties)
		}
		m.StoreTimestamp = timestamp
		subs = state.AppendMessage(subs[:0], topic.ID, code, keys, m)
	}
	propose := func() error { return s.proposer.Propose(subs, 1, &answer{r: r, gate: s.gate}) }
	return s.clock.propose(len(m.Body)+len(m.Properties), encode, propose)
}
