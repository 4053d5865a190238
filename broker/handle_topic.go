package broker

import (
	"maps"
	"slices"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Topics: 17 UPDATE_AND_CREATE_TOPIC, 18 its list, 215 DELETE_TOPIC_IN_BROKER, 21 GET_ALL_TOPIC_CONFIG, 351 GET_TOPIC_CONFIG,
// 202 GET_TOPIC_STATS_INFO, 300 QUERY_TOPIC_CONSUME_BY_WHO, 305 GET_SYSTEM_TOPIC_LIST_FROM_BROKER.
//
// Source: AdminBrokerProcessor; codes.md section 7.1. Differences: an answer comes after the change is on a majority; a list is applied
// whole, also when some of it is so already; 300 lists groups only.

// topicAdmin serves the administration of topics.
type topicAdmin struct {
	state      *state.State
	proposer   proposer
	gate       *gate
	clients    *clients
	queries    *queueQueries
	metrics    *metrics
	brokerName string
	fixed      map[string]bool // names of this group's own topics
	term       func() offset.Term
	told       func(then func()) // calls when the NameServers know all topics
}

func (a *topicAdmin) update(r *request) error {
	var h protocol.CreateTopicHeader
	if err := h.Decode(r.Ext); err != nil {
		return err
	}
	t, err := a.wanted(&protocol.TopicConfig{
		TopicName: h.Topic, ReadQueueNums: h.ReadQueueNums, WriteQueueNums: h.WriteQueueNums, Perm: h.Perm,
		TopicFilterType: h.TopicFilterType, TopicSysFlag: h.TopicSysFlag, Order: h.Order,
	}, h.Attributes)
	if err != nil {
		return err
	}
	return a.put(r, []state.Topic{t})
}

func (a *topicAdmin) updateList(r *request) error {
	var body protocol.TopicConfigList
	if err := body.Decode(r.Body); err != nil {
		return refuse(errSystem, "request does not decode: %s", err)
	}
	list := body.TopicConfigList
	if len(list) > listMax {
		return refuse(errBadParameter, "%d topics in one list, at most %d", len(list), listMax)
	}
	topics := make([]state.Topic, 0, len(list))
	for i := range list {
		t, err := a.wanted(&list[i], attributeText(list[i].Attributes))
		if err != nil {
			return err
		}
		topics = append(topics, t)
	}
	if len(topics) == 0 {
		r.succeed(nil, nil)
		return nil
	}
	return a.put(r, topics)
}

// attributeText is the +key=value form of the attributes of a list entry, whose keys may carry the sign already.
func attributeText(attributes map[string]string) string {
	text := ""
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		switch {
		case k == "":
		case k[0] == '-':
			text += "," + k
		case k[0] == '+':
			text += "," + k + "=" + attributes[k]
		default:
			text += ",+" + k + "=" + attributes[k]
		}
	}
	return text
}

// wanted is the topic as it is to be after the request.
func (a *topicAdmin) wanted(c *protocol.TopicConfig, attributes string) (state.Topic, error) {
	if err := validateNewTopic(c.TopicName, a.fixed); err != nil {
		return state.Topic{}, err
	}
	if err := validateQueues(c.ReadQueueNums, c.WriteQueueNums, c.Perm); err != nil {
		return state.Topic{}, err
	}
	var old map[string]string
	if t := a.state.Topic(c.TopicName); t != nil {
		old = t.Attributes
	}
	changed, err := alterAttributes(old, attributes)
	if err != nil {
		return state.Topic{}, err
	}
	filter := c.TopicFilterType
	if filter == "" {
		filter = singleTag
	}
	return state.Topic{
		Name: c.TopicName, ReadQueues: c.ReadQueueNums, WriteQueues: c.WriteQueueNums, Perm: c.Perm, FilterType: filter,
		SysFlag: c.TopicSysFlag, Order: c.Order, Attributes: changed,
	}, nil
}

func (a *topicAdmin) put(r *request, topics []state.Topic) error {
	var subs []byte
	for _, t := range topics {
		subs = state.AppendPutTopic(subs, t, false)
	}
	return a.proposer.Propose(subs, len(topics), &answer{r: r, gate: a.gate, told: a.told})
}

func (a *topicAdmin) remove(r *request) error {
	var h protocol.TopicHeader
	if err := h.Decode(r.Ext); err != nil {
		return err
	}
	if err := validateNewTopic(h.Topic, a.fixed); err != nil {
		return err
	}
	if a.state.Topic(h.Topic) == nil { // what the client wants is so
		r.succeed(nil, nil)
		return nil
	}
	return a.proposer.Propose(state.AppendDeleteTopic(nil, h.Topic), 1, &answer{r: r, gate: a.gate, told: a.told})
}

func (a *topicAdmin) all(r *request) error {
	topics, version := a.state.Topics()
	dv := dataVersion(version, uint64(a.term()))
	return r.body(protocol.TopicConfigSerializeWrapper{TopicConfigTable: topicConfigs(topics), DataVersion: dv, MappingDataVersion: dv})
}

func (a *topicAdmin) named(r *request) (*state.Topic, error) {
	var h protocol.TopicHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	t := a.state.Topic(h.Topic)
	if t == nil {
		return nil, refuse(errNoTopic, "topic[%s] not exist", h.Topic)
	}
	return t, nil
}

func (a *topicAdmin) one(r *request) error {
	t, err := a.named(r)
	if err != nil {
		return err
	}
	return r.body(topicConfig(t))
}

func (a *topicAdmin) stats(r *request) error {
	t, err := a.named(r)
	if err != nil {
		return err
	}
	table := protocol.TopicStatsTable{OffsetTable: map[protocol.MessageQueue]protocol.TopicOffset{}}
	for queue := range max(t.ReadQueues, t.WriteQueues) {
		k := consumequeue.Key{Topic: t.ID, Queue: queue}
		held := a.state.Range(k)
		entry := protocol.TopicOffset{MinOffset: int64(held.Min), MaxOffset: int64(held.Max)}
		if held.Max > held.Min {
			entry.LastUpdateTimestamp = max(a.queries.storeTimeAt(k, held.Max-1), 0)
		}
		table.OffsetTable[protocol.MessageQueue{Topic: t.Name, BrokerName: a.brokerName, QueueID: queue}] = entry
	}
	return r.body(&table)
}

// consumedBy lists the groups that are connected or have offsets on the topic.
func (a *topicAdmin) consumedBy(r *request) error {
	t, err := a.named(r)
	if err != nil {
		return err
	}
	groups := map[string]bool{}
	for _, g := range a.clients.groupsOfTopic(t.Name) {
		groups[g] = true
	}
	for _, c := range a.state.ConsumerOffsets("") {
		if c.Topic == t.Name {
			groups[c.Group] = true
		}
	}
	return r.body(protocol.GroupList{GroupList: slices.Sorted(maps.Keys(groups))})
}

func (a *topicAdmin) system(r *request) error {
	return r.body(protocol.TopicList{TopicList: slices.Sorted(maps.Keys(a.fixed))})
}
