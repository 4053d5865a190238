package namesrv

import (
	"fmt"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Codes 106, 901, 206, 224, 304, 311 to 313 (reading), 216, 217, 205 and 327 (admin). Source: DefaultRequestProcessor.
// Difference: a wiped write permission holds over later registrations until 327 or until the group has gone.

func (s *Server) clusterInfo(*remoting.Request) (*remoting.Command, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := protocol.ClusterInfo{BrokerAddrTable: map[string]protocol.BrokerData{}, ClusterAddrTable: map[string][]string{}}
	for _, g := range s.mu.table.live("") {
		info.BrokerAddrTable[g.name] = brokerData(g)
		info.ClusterAddrTable[g.cluster] = append(info.ClusterAddrTable[g.cluster], g.name)
	}
	return &remoting.Command{Body: info.Encode()}, nil
}

// memberGroup answers 0 with no addresses for an unknown broker, as upstream does.
func (s *Server) memberGroup(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.MemberGroupHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	group := protocol.BrokerMemberGroup{Cluster: h.ClusterName, BrokerName: h.BrokerName, BrokerAddrs: map[int64]string{}}
	if g := s.mu.table.groups[h.BrokerName]; g != nil && g.cluster == h.ClusterName {
		group.BrokerAddrs = brokerData(g).BrokerAddrs
	}
	return &remoting.Command{Body: group.Encode()}, nil
}

func (s *Server) allTopics(*remoting.Request) (*remoting.Command, error) {
	return s.topicList("", nil), nil
}

func (s *Server) clusterTopics(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.ClusterHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	return s.topicList(h.Cluster, nil), nil
}

func isUnit(q queues) bool         { return q.sysFlag&sysFlagUnit != 0 }
func hasUnitSub(q queues) bool     { return q.sysFlag&sysFlagUnitSub != 0 }
func hasUnitSubOnly(q queues) bool { return hasUnitSub(q) && !isUnit(q) }

func unitTopics(keep func(queues) bool) func(*Server, *remoting.Request) (*remoting.Command, error) {
	return func(s *Server, _ *remoting.Request) (*remoting.Command, error) { return s.topicList("", keep), nil }
}

func (s *Server) topicList(cluster string, keep func(queues) bool) *remoting.Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := protocol.TopicList{TopicList: s.mu.table.topicNames(cluster, keep)}
	return &remoting.Command{Body: list.Encode()}
}

// systemTopics lists the topics that every broker makes of names: its cluster's and its own.
func (s *Server) systemTopics(*remoting.Request) (*remoting.Command, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := protocol.TopicList{TopicList: []string{}}
	seen := map[string]bool{}
	for _, g := range s.mu.table.live("") {
		for _, name := range []string{g.cluster, g.name} {
			if !seen[name] {
				seen[name] = true
				list.TopicList = append(list.TopicList, name)
			}
		}
		if list.BrokerAddr == "" {
			list.BrokerAddr = g.slots()[0].addr
		}
	}
	return &remoting.Command{Body: list.Encode()}, nil
}

func (s *Server) deleteTopic(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.DeleteTopicInNamesrvHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	s.mu.Lock()
	groups := s.mu.table.removeTopic(h.Topic, h.ClusterName)
	s.mu.Unlock()
	s.logger.Info("topic deleted from routes", "topic", h.Topic, "cluster", h.ClusterName, "groups", groups)
	return &remoting.Command{}, nil
}

func (s *Server) registerTopic(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.TopicHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	var data protocol.TopicRouteData
	if err := data.Decode(r.Body); err != nil {
		return nil, err
	}
	if !validName(h.Topic) {
		return nil, fmt.Errorf("topic %.64q", h.Topic)
	}
	var brokers []string
	var each []queues
	for _, q := range data.QueueDatas {
		if !validQueues(q.ReadQueueNums) || !validQueues(q.WriteQueueNums) {
			return nil, fmt.Errorf("topic %s with %d read and %d write queues", h.Topic, q.ReadQueueNums, q.WriteQueueNums)
		}
		brokers = append(brokers, q.BrokerName)
		each = append(each, queues{q.ReadQueueNums, q.WriteQueueNums, q.Perm, q.TopicSysFlag})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.table.addTopic(h.Topic, brokers, each)
	return &remoting.Command{}, nil
}

func (s *Server) wipeWritePerm(r *remoting.Request) (*remoting.Command, error) {
	topics, err := s.setWritePerm(r, true)
	h := protocol.WipeWritePermResponseHeader{WipeTopicCount: topics}
	return &remoting.Command{Ext: h.AppendFields(nil)}, err
}

func (s *Server) addWritePerm(r *remoting.Request) (*remoting.Command, error) {
	topics, err := s.setWritePerm(r, false)
	h := protocol.AddWritePermResponseHeader{AddTopicCount: topics}
	return &remoting.Command{Ext: h.AppendFields(nil)}, err
}

func (s *Server) setWritePerm(r *remoting.Request, wiped bool) (topics int32, err error) {
	var h protocol.BrokerNameHeader
	if err := h.Decode(r.Ext); err != nil {
		return 0, err
	}
	s.mu.Lock()
	topics = int32(s.mu.table.wipeWrite(h.BrokerName, wiped))
	s.mu.Unlock()
	s.logger.Info("write permission changed", "brokerName", h.BrokerName, "wiped", wiped, "topics", topics)
	return topics, nil
}
