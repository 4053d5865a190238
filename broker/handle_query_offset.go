package broker

import (
	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Queue offsets: 29 SEARCH_OFFSET_BY_TIMESTAMP, 30 GET_MAX_OFFSET, 31 GET_MIN_OFFSET, 32 GET_EARLIEST_MSG_STORETIME.
//
// Source: AdminBrokerProcessor; behaviours.md section 7. As there, none checks that the topic exists: an unknown queue is an empty one. Max
// is the leader's to tell, since new consumers start from it; so is the search, whose answer may be max.

// queueQueries serves questions about queues.
type queueQueries struct{ state *state.State }

func (h *queueQueries) key(topic string, queue int32) (consumequeue.Key, bool) {
	t := h.state.Topic(topic)
	if t == nil || queue < 0 {
		return consumequeue.Key{}, false
	}
	return consumequeue.Key{Topic: t.ID, Queue: queue}, true
}

func (h *queueQueries) search(r *request) error {
	var q protocol.SearchOffsetHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	var found offset.Queue
	if k, ok := h.key(q.Topic, q.QueueID); ok {
		var err error
		if found, err = h.state.OffsetByTime(k, q.Timestamp, q.Upper()); err != nil {
			return err
		}
	}
	r.succeed(offsetField(found), nil)
	return nil
}

func (h *queueQueries) maxOffset(r *request) error {
	var q protocol.MaxOffsetHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	r.succeed(offsetField(h.held(q.Topic, q.QueueID).Max), nil)
	return nil
}

func (h *queueQueries) minOffset(r *request) error {
	var q protocol.TopicQueueHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	r.succeed(offsetField(h.held(q.Topic, q.QueueID).Min), nil)
	return nil
}

func (h *queueQueries) held(topic string, queue int32) offset.Range {
	k, ok := h.key(topic, queue)
	if !ok {
		return offset.Range{}
	}
	return h.state.Range(k)
}

func (h *queueQueries) earliest(r *request) error {
	var q protocol.TopicQueueHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	timestamp := int64(-1)
	if k, ok := h.key(q.Topic, q.QueueID); ok {
		timestamp = h.storeTimeAt(k, h.state.Range(k).Min)
	}
	r.succeed((&protocol.TimestampResponseHeader{Timestamp: timestamp}).AppendFields(nil), nil)
	return nil
}

// storeTimeAt is the store timestamp (ms) of the message at a queue offset, -1 if there is none.
func (h *queueQueries) storeTimeAt(k consumequeue.Key, at offset.Queue) int64 {
	units, err := h.state.Units(nil, k, at, 1)
	if err != nil || len(units) == 0 {
		return -1
	}
	timestamp, err := h.state.StoreTime(units[0])
	if err != nil {
		return -1
	}
	return timestamp
}
