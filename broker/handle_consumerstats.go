package broker

import (
	"strings"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Who consumes and produces, and how far: 203 GET_CONSUMER_CONNECTION_LIST, 204 GET_PRODUCER_CONNECTION_LIST, 208 GET_CONSUME_STATS,
// 328 GET_ALL_PRODUCER_INFO.
//
// Source: AdminBrokerProcessor; codes.md section 7.3. Progress is the leader's to tell, so that both offsets are of one member; a
// consumer offset beyond the queue is shown as it is.

// consumerStats serves views of clients and their progress.
type consumerStats struct {
	state      *state.State
	clients    *clients
	queries    *queueQueries
	brokerName string
}

func (a *consumerStats) consumers(r *request) error {
	var h protocol.ConsumerGroupHeader
	if err := h.Decode(r.Ext); err != nil {
		return err
	}
	v, ok := a.clients.consumerGroup(h.ConsumerGroup)
	if !ok {
		return refuse(errNotOnline, "%s", protocol.RemarkGroupOffline(h.ConsumerGroup))
	}
	table := make(map[string]protocol.SubscriptionData, len(v.subscriptions))
	for topic, s := range v.subscriptions {
		table[topic] = s.data
	}
	return r.body(protocol.ConsumerConnection{
		ConnectionSet: connections(v.channels), SubscriptionTable: table, ConsumeType: v.consumeType, MessageModel: v.messageModel, ConsumeFromWhere: v.fromWhere,
	})
}

func (a *consumerStats) producers(r *request) error {
	var h protocol.ProducerGroupHeader
	if err := h.Decode(r.Ext); err != nil {
		return err
	}
	channels := a.clients.producerGroup(h.ProducerGroup)
	if len(channels) == 0 {
		return refuse(errSystem, "the producer group[%s] not exist", h.ProducerGroup)
	}
	return r.body(protocol.ProducerConnection{ConnectionSet: connections(channels)})
}

func (a *consumerStats) allProducers(r *request) error {
	table := protocol.ProducerTableInfo{Data: map[string][]protocol.ProducerInfo{}}
	for group, channels := range a.clients.producerGroups() {
		for _, ch := range channels {
			table.Data[group] = append(table.Data[group], protocol.ProducerInfo{
				ClientID: ch.clientID, RemoteIP: "/" + ch.conn.RemoteAddr().String(), Language: ch.language.String(), Version: ch.version,
				LastUpdateTimestamp: ch.seen.UnixMilli(),
			})
		}
	}
	return r.body(table)
}

func (a *consumerStats) progress(r *request) error {
	var h protocol.ConsumeStatsHeader
	if err := h.Decode(r.Ext); err != nil {
		return err
	}
	stats := protocol.ConsumeStats{OffsetTable: map[protocol.MessageQueue]protocol.OffsetWrapper{}}
	for _, topic := range a.topicsOf(&h) {
		t := a.state.Topic(topic)
		if t == nil || a.left(h.ConsumerGroup, topic, h.Topic) {
			continue
		}
		for queue := range t.ReadQueues {
			stats.OffsetTable[protocol.MessageQueue{Topic: t.Name, BrokerName: a.brokerName, QueueID: queue}] = a.queueProgress(h.ConsumerGroup, t, queue)
		}
	}
	return r.body(&stats)
}

// topicsOf are the topics that the request asks for, or those that the group has offsets on.
func (a *consumerStats) topicsOf(h *protocol.ConsumeStatsHeader) []string {
	if h.Topic != "" {
		return []string{h.Topic}
	}
	if h.TopicList != "" {
		return strings.Split(h.TopicList, ";")
	}
	var topics []string
	for _, c := range a.state.ConsumerOffsets(h.ConsumerGroup) { // sorted by topic
		if n := len(topics); n == 0 || topics[n-1] != c.Topic {
			topics = append(topics, c.Topic)
		}
	}
	return topics
}

// left reports whether the group's live consumers no longer subscribe to topic: old offsets of it are then not shown, unless asked for.
func (a *consumerStats) left(group, topic, asked string) bool {
	s := a.clients.subscriptionOf(group, topic)
	return asked == "" && s.known && s.subscription == nil
}

func (a *consumerStats) queueProgress(group string, t *state.Topic, queue int32) protocol.OffsetWrapper {
	k := consumequeue.Key{Topic: t.ID, Queue: queue}
	held := a.state.Range(k)
	o, _, ok := a.state.ConsumerOffset(group, t.Name, queue)
	w := protocol.OffsetWrapper{BrokerOffset: int64(held.Max), ConsumerOffset: int64(o), PullOffset: int64(o)}
	if !ok {
		return w // shown as 0, as RocketMQ shows a group that has never committed
	}
	if at := o - 1; at >= held.Min && at < held.Max {
		w.LastTimestamp = max(a.queries.storeTimeAt(k, at), 0)
	}
	return w
}
