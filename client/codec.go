package client

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// This file turns bodies into the client's types and back.

func routeRequest(topic string) protocol.Header {
	return &protocol.RouteHeader{Topic: topic, AcceptStandardJSONOnly: true}
}

func decodeRoute(topic string, body []byte) (*Route, error) {
	var data protocol.TopicRouteData
	if err := data.Decode(body); err != nil {
		return nil, err
	}
	queues := make(map[string]protocol.QueueData, len(data.QueueDatas))
	for _, q := range data.QueueDatas {
		queues[q.BrokerName] = q
	}
	r := &Route{Topic: topic, Fetched: time.Now()}
	total := 0
	for _, b := range data.BrokerDatas {
		q := queues[b.BrokerName]
		total += max(0, int(q.ReadQueueNums), int(q.WriteQueueNums))
		if total > routeQueuesMax {
			return nil, fmt.Errorf("route of topic %s has more than %d queues", topic, routeQueuesMax)
		}
		r.Brokers = append(r.Brokers, RouteBroker{Name: b.BrokerName, Cluster: b.Cluster, Addrs: b.BrokerAddrs,
			ReadQueues: q.ReadQueueNums, WriteQueues: q.WriteQueueNums, Perm: q.Perm})
	}
	slices.SortFunc(r.Brokers, func(a, b RouteBroker) int { return cmp.Compare(a.Name, b.Name) })
	return r.publish(), nil
}

// routeQueuesMax bounds what a NameServer can make us allocate.
const routeQueuesMax = 1 << 20

func decodeCluster(body []byte) ([]ClusterBroker, error) {
	var info protocol.ClusterInfo
	if err := info.Decode(body); err != nil {
		return nil, err
	}
	var out []ClusterBroker
	for _, name := range slices.Sorted(maps.Keys(info.BrokerAddrTable)) {
		b := info.BrokerAddrTable[name]
		out = append(out, ClusterBroker{Cluster: b.Cluster, Name: name, Addrs: b.BrokerAddrs})
	}
	return out, nil
}

func decodeTopicList(body []byte) ([]string, error) {
	var list protocol.TopicList
	err := list.Decode(body)
	return list.TopicList, err
}

func decodeTopicStats(body []byte) ([]QueueStats, error) {
	var table protocol.TopicStatsTable
	if err := table.Decode(body); err != nil {
		return nil, err
	}
	var out []QueueStats
	for q, extent := range table.OffsetTable {
		out = append(out, QueueStats{Queue: queueOf(q), LastUpdate: timeOf(extent.LastUpdateTimestamp),
			Bounds: offset.Range{Min: offset.Queue(extent.MinOffset), Max: offset.Queue(extent.MaxOffset)}})
	}
	return out, nil
}

func decodeProgress(body []byte) ([]Progress, error) {
	var stats protocol.ConsumeStats
	if err := stats.Decode(body); err != nil {
		return nil, err
	}
	var out []Progress
	for q, at := range stats.OffsetTable {
		out = append(out, Progress{Queue: queueOf(q), Max: offset.Queue(at.BrokerOffset), Committed: offset.Queue(at.ConsumerOffset),
			LastTime: timeOf(at.LastTimestamp)})
	}
	return out, nil
}

func queueOf(q protocol.MessageQueue) Queue {
	return Queue{Topic: q.Topic, Broker: q.BrokerName, ID: q.QueueID}
}

// timeOf is the zero time for 0 and less, which stand for "none".
func timeOf(millis int64) time.Time {
	if millis <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}

func decodeGroups(body []byte) ([]protocol.SubscriptionGroupConfig, error) {
	var wrapper protocol.SubscriptionGroupWrapper
	if err := wrapper.Decode(body); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Values(wrapper.SubscriptionGroupTable)), nil
}

func decodeKVTable(body []byte) (map[string]string, error) {
	var table protocol.KVTable
	err := table.Decode(body)
	return table.Table, err
}

func decodeConsumerList(body []byte) ([]string, error) {
	var list protocol.ConsumerList
	err := list.Decode(body)
	return list.ConsumerIDList, err
}

// heartbeatBody says who we are and what we want of which topic.
func (p *PushConsumer) heartbeatBody() []byte {
	data := protocol.ConsumerData{GroupName: p.opts.Group, ConsumeType: "CONSUME_PASSIVELY", MessageModel: "CLUSTERING",
		ConsumeFromWhere: [...]string{FromLast: "CONSUME_FROM_LAST_OFFSET", FromFirst: "CONSUME_FROM_FIRST_OFFSET", FromTime: "CONSUME_FROM_TIMESTAMP"}[p.opts.From]}
	if p.opts.Broadcasting {
		data.MessageModel = "BROADCASTING"
	}
	for i := range p.filters {
		f := &p.filters[i]
		data.SubscriptionDataSet = append(data.SubscriptionDataSet, protocol.SubscriptionData{
			Topic: f.topic, SubString: f.expression, TagsSet: f.tags, CodeSet: f.codes(), SubVersion: f.version, ExpressionType: "TAG"})
	}
	return protocol.HeartbeatData{ClientID: p.client.ID(), ConsumerDataSet: []protocol.ConsumerData{data}}.Encode()
}
