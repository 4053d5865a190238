package broker

import (
	"strings"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Clients: 34 HEART_BEAT, 35 UNREGISTER_CLIENT, 38 GET_CONSUMER_LIST_BY_GROUP, 46 CHECK_CLIENT_CONFIG.
//
// Source: ClientManageProcessor, ConsumerManageProcessor; behaviours.md section 10. Differences: a follower records heartbeats but creates
// nothing; the list of a group is the leader's to tell, because a member that has just started knows only part of it, and a
// client that is missing in the list drops all its queues.

// Caps of one heartbeat (R-N4).
const (
	groupsPerHeartbeat     = 1024
	subscriptionsPerClient = 4096
	// partialListTime is how long after the start the list of a group may lack clients whose heartbeat is still to come (every 30 s).
	partialListTime = 120 * time.Second
)

// heartbeats serves what clients say about themselves.
type heartbeats struct {
	state   *state.State
	clients *clients
	topics  *topicMaker
	leads   func() bool
	started time.Time
}

func (h *heartbeats) heartbeat(r *request) error {
	data := &protocol.HeartbeatData{}
	if err := data.Decode(r.Body); err != nil {
		return refuse(errSystem, "heartbeat does not decode: %s", err)
	}
	if err := validateHeartbeat(data); err != nil {
		return err
	}
	if h.leads() {
		if waits, err := h.createGroups(r, data); waits || err != nil {
			return err
		}
	}
	ch := channel{conn: r.Conn, clientID: data.ClientID, language: r.Language, version: r.Version, seen: time.Now()}
	changed := h.clients.heartbeat(ch, data)
	r.succeed((&protocol.HeartbeatResponseHeader{SupportsV2: true, SubChange: changed || data.HeartbeatFingerprint == 0}).AppendFields(nil), nil)
	return nil
}

func validateHeartbeat(d *protocol.HeartbeatData) error {
	if d.ClientID == "" {
		return refuse(errBadParameter, "clientID is blank")
	}
	if n := len(d.ProducerDataSet) + len(d.ConsumerDataSet); n > groupsPerHeartbeat {
		return refuse(errBadParameter, "%d groups in one heartbeat, at most %d", n, groupsPerHeartbeat)
	}
	subscriptions := 0
	for i := range d.ConsumerDataSet {
		subscriptions += len(d.ConsumerDataSet[i].SubscriptionDataSet)
		if err := message.ValidateGroup(d.ConsumerDataSet[i].GroupName); err != nil {
			return refuse(errBadParameter, "%s", err)
		}
	}
	if subscriptions > subscriptionsPerClient {
		return refuse(errBadParameter, "%d subscriptions in one heartbeat, at most %d", subscriptions, subscriptionsPerClient)
	}
	return nil
}

// createGroups creates the consumer groups and retry topics that do not exist; the heartbeat is then served again.
func (h *heartbeats) createGroups(r *request, d *protocol.HeartbeatData) (waits bool, err error) {
	if !h.topics.settings.autoGroups() {
		return false, nil
	}
	var topics []state.Topic
	var groups []state.Group
	for i := range d.ConsumerDataSet {
		name := strings.Clone(d.ConsumerDataSet[i].GroupName)
		g := h.state.Group(name)
		if g == nil {
			made := state.DefaultGroup(name)
			groups, g = append(groups, made), &made
		}
		if g.RetryQueueNums > 0 && h.state.Topic(message.RetryTopic(name)) == nil {
			topics = append(topics, retryTopic(g))
		}
	}
	if len(topics)+len(groups) == 0 {
		return false, nil
	}
	return true, h.topics.createFor(r, topics, groups)
}

func (h *heartbeats) unregister(r *request) error {
	var q protocol.UnregisterClientHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	h.clients.unregister(r.Conn.ID(), q.ProducerGroup, q.ConsumerGroup)
	r.succeed(nil, nil)
	return nil
}

func (h *heartbeats) consumerList(r *request) error {
	var q protocol.ConsumerGroupHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	ids, has := h.clients.consumerIDs(q.ConsumerGroup, r.Conn.ID())
	if len(ids) == 0 {
		return refuse(errSystem, "%s", protocol.RemarkNoConsumers(q.ConsumerGroup))
	}
	if !has && !r.forwarded && time.Since(h.started) < partialListTime {
		return refuse(errSystem, "no consumer for this group, %s: the broker has just started and waits for heartbeats", q.ConsumerGroup)
	}
	return r.body(protocol.ConsumerList{ConsumerIDList: ids})
}

func (h *heartbeats) checkConfig(r *request) error {
	var q protocol.CheckClientRequest
	if err := q.Decode(r.Body); err != nil {
		return refuse(errSystem, "request does not decode: %s", err)
	}
	if !isTagExpression(q.SubscriptionData.ExpressionType) {
		return errNoSQL
	}
	r.succeed(nil, nil)
	return nil
}
