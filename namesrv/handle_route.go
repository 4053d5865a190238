package namesrv

import (
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Code 105. Source: ClientRequestProcessor#getRouteInfoByTopic. Differences: integer keys are always quoted, which every
// client reads; an unknown topic's answer is "not ready" only after an empty start, and known topics are answered then.

// route answers where a topic lives. No topic, an empty name and an unknown name are all 17, the one code that clients
// take for "does not exist".
func (s *Server) route(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.RouteHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := s.mu.table.route(h.Topic)
	if len(groups) == 0 {
		if !s.readyLocked(time.Now()) {
			return nil, errNotReady
		}
		return nil, noRoute(h.Topic)
	}
	data := protocol.TopicRouteData{}
	for _, g := range groups {
		data.BrokerDatas = append(data.BrokerDatas, brokerData(g.group))
		data.QueueDatas = append(data.QueueDatas, queueData(g.group.name, g.queues))
	}
	if s.opts.OrderTopicConf {
		data.OrderTopicConf, _ = s.mu.kv.get(orderTopicNamespace, h.Topic)
	}
	return &remoting.Command{Body: data.Encode()}, nil
}

func brokerData(g *group) protocol.BrokerData {
	addrs := map[int64]string{}
	for _, slot := range g.slots() {
		addrs[slot.id] = slot.addr
	}
	return protocol.BrokerData{Cluster: g.cluster, BrokerName: g.name, BrokerAddrs: addrs}
}

func queueData(broker string, q queues) protocol.QueueData {
	return protocol.QueueData{BrokerName: broker, ReadQueueNums: q.read, WriteQueueNums: q.write, Perm: q.perm, TopicSysFlag: q.sysFlag}
}

func noRoute(topic string) error {
	return &refusal{protocol.TopicNotExist, protocol.RemarkNoRoute(topic)}
}
