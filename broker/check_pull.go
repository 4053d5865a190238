package broker

import (
	"errors"
	"time"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// errGroupToMake asks for a group to be created by its first use.
var errGroupToMake = errors.New("group is to be created")

// decode reads and bounds the header.
func (q *pull) decode(r *request) error {
	if err := q.header.Decode(r.Ext); err != nil {
		return err
	}
	h := &q.header
	if h.QueueOffset < 0 {
		return refuse(errBadParameter, "queueOffset %d is negative", h.QueueOffset)
	}
	if h.MaxMsgNums < 1 {
		return refuse(errBadParameter, "maxMsgNums %d is below 1", h.MaxMsgNums)
	}
	q.from, q.max = offset.Queue(h.QueueOffset), int(min(h.MaxMsgNums, hotMessages))
	return nil
}

// check makes RocketMQ's checks in its order and fills q (behaviours.md section 4).
func (p *puller) check(r *request, q *pull) error {
	h := &q.header
	if p.settings.permission()&protocol.PermRead == 0 {
		return forbidden(protocol.ForbiddenBroker, "the broker["+p.advertised+"] pulling message is forbidden")
	}
	if q.group = p.state.Group(h.ConsumerGroup); q.group == nil {
		if q.leads && p.settings.autoGroups() {
			return errGroupToMake
		}
		return refuse(errNoGroup, "%s", protocol.RemarkNoSubscriptionGroup(h.ConsumerGroup))
	}
	if !q.group.ConsumeEnable {
		return forbidden(protocol.ForbiddenGroup, "subscription group no permission, "+h.ConsumerGroup)
	}
	if q.topic = p.state.Topic(h.Topic); q.topic == nil {
		return refuse(errNoTopic, "%s", protocol.RemarkNoTopic(h.Topic))
	}
	if q.topic.Perm&protocol.PermRead == 0 {
		return forbidden(protocol.ForbiddenTopic, "the topic["+h.Topic+"] pulling message is forbidden")
	}
	if h.QueueID < 0 || h.QueueID >= q.topic.ReadQueues {
		return refuse(errBadParameter, "queueId[%d] is illegal, topic:[%s] topicConfig.readQueueNums:[%d] consumer:[%s]", h.QueueID, h.Topic, q.topic.ReadQueues, r.client)
	}
	q.key = consumequeue.Key{Topic: q.topic.ID, Queue: h.QueueID}
	return p.subscribe(q)
}

// subscribe finds the filter: in the request, or in what the group's heartbeats said.
func (p *puller) subscribe(q *pull) error {
	h := &q.header
	if h.SysFlag&protocol.PullSubscription != 0 {
		if !isTagExpression(h.ExpressionType) {
			return errNoSQL
		}
		q.filter = parseTags(h.Subscription)
		return nil
	}
	s := p.clients.subscriptionOf(h.ConsumerGroup, h.Topic)
	switch {
	case !s.known:
		return refuse(errNoSubscription, "the consumer's group info not exist")
	case s.broadcasting && !q.group.ConsumeBroadcastEnable:
		return forbidden(protocol.ForbiddenBroadcast, "the consumer group["+h.ConsumerGroup+"] can not consume by broadcast way")
	case s.subscription == nil:
		return refuse(errNoSubscription, "the consumer's subscription not exist")
	case s.subscription.data.SubVersion < h.SubVersion && !s.subscription.stays(time.Now()):
		return refuse(errOldSubscription, "the consumer's subscription not latest")
	case !isTagExpression(s.subscription.data.ExpressionType):
		return errNoSQL
	case s.subscription.data.SubVersion < h.SubVersion:
		q.filter = tagFilter{all: true} // the client looks at the tags again, so too much is right and too little would be lost
	default:
		q.filter = s.subscription.filter
	}
	return nil
}

var errNoSQL = refuse(errSystem, "%s", protocol.RemarkNoSQL92)

// mayNotKnowYet reports whether a check failed on something that the leader may know and this member not yet.
func mayNotKnowYet(err error) bool {
	for _, e := range []error{errNoGroup, errNoTopic, errBadParameter, errNoSubscription, errOldSubscription} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// forbiddenError is code 16 of a pull with its forbiddenType.
type forbiddenError struct {
	kind   int32
	remark string
}

func forbidden(kind int32, remark string) error { return &forbiddenError{kind, remark} }

func (e *forbiddenError) Error() string { return e.remark }
func (e *forbiddenError) Unwrap() error { return errNoPermission }

// extra is put into the answer besides code and remark.
func (e *forbiddenError) extra() protocol.Field {
	return protocol.Field{Key: "forbiddenType", Value: itoa(e.kind)}
}

// pullError turns errGroupToMake, which only the first pass may act on, into what the client is told.
func pullError(err error) error {
	if err == errGroupToMake {
		return refuse(errNoGroup, "subscription group does not exist")
	}
	return err
}
