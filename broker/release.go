package broker

import (
	"context"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/remoting/message"
)

// release is a scheduled message on its way to its real topic.
type release struct {
	topic *state.Topic
	m     message.Message
	keys  []uint32
}

// append appends the command that stores the released message.
func (r *release) append(dst []byte, timestamp int64) []byte {
	r.m.StoreTimestamp = timestamp
	return state.AppendMessage(dst, r.topic.ID, tagsCode(r.m.Properties), r.keys, &r.m)
}

// releaser turns scheduled messages into released ones (messages.md section 8): real topic and queue come back; body, properties, born
// data, flags and the reconsume count stay.
type releaser struct {
	state  *state.State
	host   func() netip.AddrPort // our advertised address
	create func(ctx context.Context, topics []state.Topic) error
	logger hclog.Logger
}

// prepare creates the retry and dead-letter topics that messages need and that are not there.
func (r *releaser) prepare(ctx context.Context, messages []message.Message) error {
	var missing []state.Topic
	seen := map[string]bool{}
	for i := range messages {
		name, _ := message.Property(messages[i].Properties, message.PropertyRealTopic)
		if seen[name] || r.state.Topic(name) != nil {
			continue
		}
		seen[name] = true
		if t, ok := r.groupTopic(name); ok {
			missing = append(missing, t)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return r.create(ctx, missing)
}

// groupTopic is the retry or dead-letter topic called name, if it is the name of one.
func (r *releaser) groupTopic(name string) (state.Topic, bool) {
	if group, ok := strings.CutPrefix(name, message.RetryPrefix); ok {
		g := r.state.Group(group)
		if g == nil {
			return state.Topic{}, false
		}
		return retryTopic(g), true
	}
	if group, ok := strings.CutPrefix(name, message.DLQPrefix); ok {
		return deadLetterTopic(group), true
	}
	return state.Topic{}, false
}

// releases returns what to append for messages. A message whose topic was deleted meanwhile is dropped with it.
func (r *releaser) releases(messages []message.Message) []release {
	host := r.host()
	all, gone := make([]release, 0, len(messages)), ""
	for i := range messages {
		name, _ := message.Property(messages[i].Properties, message.PropertyRealTopic)
		topic := r.state.Topic(name)
		if topic == nil {
			gone = name
			continue
		}
		m := messages[i]
		m.Topic, m.QueueID, m.StoreHost = name, realQueue(m.Properties, topic), host
		all = append(all, release{topic: topic, m: m, keys: appendKeyHashes(nil, name, m.Properties)})
	}
	if dropped := len(messages) - len(all); dropped > 0 {
		r.logger.Warn("delayed messages dropped, their topic is gone", "count", dropped, "topic", clip(gone))
	}
	return all
}

// realQueue is the queue that the message was sent to, or one that the topic still has.
func realQueue(properties string, t *state.Topic) int32 {
	text, _ := message.Property(properties, message.PropertyRealQueueID)
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	if queues := max(t.ReadQueues, t.WriteQueues); int32(n) >= queues {
		return int32(n) % max(t.WriteQueues, 1)
	}
	return int32(n)
}
