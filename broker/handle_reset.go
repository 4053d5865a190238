package broker

import (
	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Offsets set by an administrator: 222 INVOKE_BROKER_TO_RESET_OFFSET.
//
// Source: AdminBrokerProcessor#resetOffsetInner and PullMessageProcessor with useServerSideResetOffset; behaviours.md section 6. As there, the
// group need not be online, isForce does not matter, the next pull of the queue is answered 21 with the new offset, and what is committed
// before that pull is void. Differences: the reset is part of the replicated state, so it outlives the leader, and pulls that are parked are
// answered at once.

// resets serves 222 on the leader.
type resets struct {
	state      *state.State
	proposer   proposer
	gate       *gate
	gather     *offsetGather
	brokerName string
	wake       func(consumequeue.Key) // parked pulls of a queue
}

func (h *resets) reset(r *request) error {
	var q protocol.ResetOffsetHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	t := h.state.Topic(q.Topic)
	if t == nil {
		return refuse(errNoTopic, "%s", protocol.RemarkNoTopic(q.Topic))
	}
	if h.state.Group(q.Group) == nil {
		return refuse(errNoGroup, "%s", protocol.RemarkNoSubscriptionGroup(q.Group))
	}
	commits, err := h.targets(&q, t)
	if err != nil {
		return err
	}
	if len(commits) == 0 {
		return r.body(protocol.ResetOffsetBody{})
	}
	var subs []byte
	for _, c := range commits {
		h.gather.supersede(keyOf(c))
		subs = state.AppendResetOffset(subs, c)
	}
	return h.proposer.ProposeReserved(subs, len(commits), &resetAnswer{h, r, t.ID, commits})
}

// targets are the new offsets: of one queue or of all that may be read, by offset or by time.
func (h *resets) targets(q *protocol.ResetOffsetHeader, t *state.Topic) ([]state.OffsetCommit, error) {
	first, end := int32(0), t.ReadQueues
	if q.QueueID >= 0 {
		if q.QueueID >= t.ReadQueues {
			return nil, refuse(errSystem, "Target queueId %d is not one of the %d of topic %s", q.QueueID, t.ReadQueues, t.Name)
		}
		first, end = q.QueueID, q.QueueID+1
	}
	var commits []state.OffsetCommit
	for queue := first; queue < end; queue++ {
		target, err := h.target(q, consumequeue.Key{Topic: t.ID, Queue: queue})
		if err != nil {
			return nil, err
		}
		commits = append(commits, state.OffsetCommit{Group: q.Group, Topic: t.Name, Queue: queue, Offset: target})
	}
	return commits, nil
}

func (h *resets) target(q *protocol.ResetOffsetHeader, k consumequeue.Key) (offset.Queue, error) {
	held := h.state.Range(k)
	switch {
	case q.QueueID >= 0 && q.Offset != -1:
		if o := offset.Queue(q.Offset); o >= held.Min && o <= held.Max {
			return o, nil
		}
		return 0, refuse(errSystem, "Target offset %d not in consume queue range [%d-%d]", q.Offset, held.Min, held.Max)
	case q.Timestamp < 0:
		return held.Max, nil
	default:
		return h.state.OffsetByTime(k, q.Timestamp, false)
	}
}

// resetAnswer is the completion of a reset.
type resetAnswer struct {
	resets  *resets
	r       *request
	topic   uint32
	commits []state.OffsetCommit
}

func (a *resetAnswer) Done(o raftlog.Outcome) {
	if o.Err != nil {
		a.resets.gate.settle(a.r, o.Err)
		return
	}
	body := protocol.ResetOffsetBody{OffsetTable: map[protocol.MessageQueue]int64{}}
	for i, c := range a.commits {
		if err := resultError(o.Results[i]); err != nil {
			a.r.fail(err)
			return
		}
		body.OffsetTable[protocol.MessageQueue{BrokerName: a.resets.brokerName, Topic: c.Topic, QueueID: c.Queue}] = int64(c.Offset)
	}
	for _, c := range a.commits {
		a.resets.wake(consumequeue.Key{Topic: a.topic, Queue: c.Queue})
	}
	a.r.succeed(nil, body.Encode())
}

// redirect answers a pull whose group an administrator has moved elsewhere: with 21 and the new offset, once everybody knows that it was told.
// A pull that comes from the new offset already is served. A member that does not lead sends the client to the one that does.
func (p *puller) redirect(r *request, q *pull) bool {
	o, generation, _ := p.state.ConsumerOffset(q.group.Name, q.topic.Name, q.key.Queue)
	if !state.ResetUntold(generation) {
		return false
	}
	if !q.leads {
		if q.from == o {
			return false
		}
		p.answer(r, q, homeResult(q))
		return true
	}
	told := &resetTold{puller: p, r: r, q: q, to: o, served: q.from == o}
	subs := state.AppendResetTold(nil, state.OffsetCommit{Group: q.group.Name, Topic: q.topic.Name, Queue: q.key.Queue, Generation: generation})
	if err := p.offsets.proposer.ProposeReserved(subs, 1, told); err != nil && !told.served {
		p.gate.settle(r, err)
	}
	return !told.served
}

// resetTold is the completion of the note that a consumer hears of a reset.
type resetTold struct {
	puller *puller
	r      *request
	q      *pull
	to     offset.Queue
	served bool // the pull is served meanwhile
}

func (a *resetTold) Done(o raftlog.Outcome) {
	switch {
	case a.served:
	case o.Err != nil:
		a.puller.gate.settle(a.r, o.Err)
	case o.Results[0].Code != state.OK: // another pull, or another reset, was quicker
		a.puller.gate.retry(a.r)
	default:
		a.puller.answer(a.r, a.q, pullResult{status: statusReset, next: a.to, held: a.puller.state.Range(a.q.key)})
	}
}
