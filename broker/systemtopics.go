package broker

import (
	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

const permReadWrite = protocol.PermRead | protocol.PermWrite

const singleTag = "SINGLE_TAG"

func topicOf(name string, queues, perm int32) state.Topic {
	return state.Topic{Name: name, ReadQueues: queues, WriteQueues: queues, Perm: perm, FilterType: singleTag}
}

func replyTopic(cluster string) string { return cluster + message.ReplyTopicPostfix }

// systemTopics are the topics that tools and clients look for by name (TopicConfigManager; messages.md section 11), as far as something
// here stands behind them.
func systemTopics(o *Options, levels int32) []state.Topic {
	topics := []state.Topic{
		topicOf(message.SelfTestTopic, 1, permReadWrite),
		topicOf(message.BenchmarkTopic, 1024, permReadWrite),
		topicOf(o.Cluster, 16, permReadWrite|protocol.PermInherit),
		topicOf(o.Name, 1, permReadWrite|protocol.PermInherit),
		topicOf(message.OffsetMovedTopic, 1, permReadWrite),
		topicOf(message.ScheduleTopic, levels, permReadWrite),
		topicOf(replyTopic(o.Cluster), 1, permReadWrite),
	}
	if o.AutoCreateTopic {
		topics = append(topics, templateTopic(o))
	}
	return topics
}

// templateTopic is what topics that are created by their first message take their settings from.
func templateTopic(o *Options) state.Topic {
	return topicOf(message.AutoCreateKey, o.DefaultQueues, permReadWrite|protocol.PermInherit)
}

// systemNames are names that no client may create or delete: the fixed topics of this group besides those that
// message.IsSystemTopic knows.
func systemNames(o *Options) map[string]bool {
	names := map[string]bool{}
	for _, t := range systemTopics(o, 1) {
		names[t.Name] = true
	}
	names[message.AutoCreateKey] = true
	return names
}

// retryTopic is %RETRY%group of g, which its consumers subscribe to by themselves.
func retryTopic(g *state.Group) state.Topic {
	return topicOf(message.RetryPrefix+g.Name, max(g.RetryQueueNums, 1), permReadWrite)
}

// deadLetterTopic is %DLQ%group: one queue, readable so that tools can look into it.
func deadLetterTopic(group string) state.Topic {
	return topicOf(message.DLQPrefix+group, 1, permReadWrite)
}
