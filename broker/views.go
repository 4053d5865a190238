package broker

import (
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// The state's records in RocketMQ's bodies, and back.

func millis(d time.Duration) int64 { return d.Milliseconds() }

// dataVersion is RocketMQ's DataVersion with the term in stateVersion.
func dataVersion(v state.DataVersion, term uint64) protocol.DataVersion {
	return protocol.DataVersion{StateVersion: int64(term), Timestamp: v.Timestamp, Counter: v.Counter}
}

func topicConfig(t *state.Topic) protocol.TopicConfig {
	return protocol.TopicConfig{
		TopicName: t.Name, ReadQueueNums: t.ReadQueues, WriteQueueNums: t.WriteQueues, Perm: t.Perm, TopicFilterType: t.FilterType,
		TopicSysFlag: t.SysFlag, Order: t.Order, Attributes: t.Attributes,
	}
}

func topicConfigs(topics []*state.Topic) map[string]protocol.TopicConfig {
	table := make(map[string]protocol.TopicConfig, len(topics))
	for _, t := range topics {
		table[t.Name] = topicConfig(t)
	}
	return table
}

func groupConfig(g *state.Group) protocol.SubscriptionGroupConfig {
	return protocol.SubscriptionGroupConfig{
		GroupName: g.Name, ConsumeEnable: g.ConsumeEnable, ConsumeFromMinEnable: g.ConsumeFromMinEnable,
		ConsumeBroadcastEnable: g.ConsumeBroadcastEnable, ConsumeMessageOrderly: g.ConsumeMessageOrderly,
		RetryQueueNums: g.RetryQueueNums, RetryMaxTimes: g.RetryMaxTimes, BrokerID: g.BrokerID,
		WhichBrokerWhenConsumeSlowly:   g.WhichBrokerWhenConsumeSlowly,
		NotifyConsumerIDsChangedEnable: g.NotifyConsumerIDsChangedEnable, GroupSysFlag: g.GroupSysFlag,
		ConsumeTimeoutMinute: g.ConsumeTimeoutMinute, GroupRetryPolicy: []byte(g.RetryPolicyJSON), Attributes: g.Attributes,
	}
}

func groupOf(c *protocol.SubscriptionGroupConfig) state.Group {
	return state.Group{
		Name: c.GroupName, ConsumeEnable: c.ConsumeEnable, ConsumeFromMinEnable: c.ConsumeFromMinEnable,
		ConsumeBroadcastEnable: c.ConsumeBroadcastEnable, ConsumeMessageOrderly: c.ConsumeMessageOrderly,
		RetryQueueNums: c.RetryQueueNums, RetryMaxTimes: c.RetryMaxTimes, BrokerID: c.BrokerID,
		WhichBrokerWhenConsumeSlowly:   c.WhichBrokerWhenConsumeSlowly,
		NotifyConsumerIDsChangedEnable: c.NotifyConsumerIDsChangedEnable, GroupSysFlag: c.GroupSysFlag,
		ConsumeTimeoutMinute: c.ConsumeTimeoutMinute, RetryPolicyJSON: string(c.GroupRetryPolicy), Attributes: c.Attributes,
	}
}

func connections(channels []channel) []protocol.Connection {
	all := make([]protocol.Connection, 0, len(channels))
	for _, ch := range channels {
		all = append(all, protocol.Connection{ClientID: ch.clientID, ClientAddr: ch.conn.RemoteAddr().String(), Language: ch.language.String(), Version: ch.version})
	}
	return all
}
