package broker

import (
	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Consumer offsets: 14 QUERY_CONSUMER_OFFSET, 15 UPDATE_CONSUMER_OFFSET.
//
// Source: ConsumerManageProcessor; behaviours.md section 6. Differences: both are the leader's; a two-way commit is answered after it is
// applied on a majority, one-way commits are gathered (design D20); a reset voids older commits by its generation instead of a pending
// table (handle_reset.go). A one-way commit that came through another member may be older than the client's last one, which went to the
// leader itself: it lay in the socket of a process that was paused, or had been gathered there when leadership was lost. So it only raises an
// offset; a client that really went back says so again within its 5 s, to the leader.

// offsetHandler serves consumer offsets on the leader.
type offsetHandler struct {
	state    *state.State
	proposer proposer
	gather   *offsetGather
	gate     *gate
	replicas *replicas
	settings *settings
}

func offsetField(o offset.Queue) protocol.Fields {
	return (&protocol.OffsetResponseHeader{Offset: int64(o)}).AppendFields(nil)
}

func (h *offsetHandler) query(r *request) error {
	var q protocol.QueryConsumerOffsetHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	o, generation, ok := h.state.ConsumerOffset(q.ConsumerGroup, q.Topic, q.QueueID)
	if c, ok := h.gather.gathered(offsetKey{q.ConsumerGroup, q.Topic, q.QueueID}); ok && c.Generation == generation {
		r.succeed(offsetField(c.Offset), nil)
		return nil
	}
	if ok {
		r.succeed(offsetField(o), nil)
		return nil
	}
	if !q.SetZeroIfNotFound {
		return refuse(errNotFound, "%s", protocol.RemarkNoOffsetZero)
	}
	if !h.firstIsHot(q.Topic, q.QueueID) {
		return refuse(errNotFound, "%s", protocol.RemarkNoOffset)
	}
	r.succeed(offsetField(0), nil)
	return nil
}

// firstIsHot reports whether the queue still begins at its first message and that one lies in the hot window: a new group then starts at 0.
func (h *offsetHandler) firstIsHot(topic string, queue int32) bool {
	t := h.state.Topic(topic)
	if t == nil {
		return false
	}
	k := consumequeue.Key{Topic: t.ID, Queue: queue}
	if held := h.state.Range(k); held.Min > 0 || held.Max == 0 {
		return false
	}
	units, err := h.state.Units(nil, k, 0, 1)
	return err == nil && len(units) == 1 && int64(h.replicas.view().end-units[0].Position) <= h.settings.hot()
}

func (h *offsetHandler) update(r *request) error {
	var q protocol.UpdateConsumerOffsetHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	g := h.state.Group(q.ConsumerGroup)
	if g == nil {
		return refuse(errNoGroup, "Group %s not exist!", q.ConsumerGroup)
	}
	t := h.state.Topic(q.Topic)
	if t == nil {
		return refuse(errNoTopic, "Topic %s not exist!", q.Topic)
	}
	if q.QueueID < 0 || q.QueueID >= max(t.ReadQueues, t.WriteQueues) {
		return refuse(errBadParameter, "QueueId %d is not one of topic %s", q.QueueID, q.Topic)
	}
	if q.CommitOffset < 0 {
		return refuse(errBadParameter, "Offset %d is negative", q.CommitOffset)
	}
	now, generation, known := h.state.ConsumerOffset(q.ConsumerGroup, q.Topic, q.QueueID)
	c := state.OffsetCommit{Group: g.Name, Topic: t.Name, Queue: q.QueueID, Offset: offset.Queue(q.CommitOffset), Generation: generation}
	if state.ResetUntold(generation) {
		r.succeed(nil, nil) // void, as RocketMQ swallows it
		return nil
	}
	if r.IsOneway() {
		if gathered, ok := h.gather.gathered(keyOf(c)); ok {
			now, known = gathered.Offset, true
		}
		if r.forwarded && known && c.Offset < now { // old: see above
			r.Discard()
			return nil
		}
		h.gather.add(c)
		r.succeed(nil, nil)
		return nil
	}
	h.gather.supersede(keyOf(c))
	return h.proposer.ProposeReserved(state.AppendCommitOffsets(nil, []state.OffsetCommit{c}), 1, &answer{r: r, gate: h.gate})
}
