package client

import (
	"slices"
	"strings"

	"github.com/raftmq/raftmq/remoting/message"
)

// Subscription says which messages of a topic a consumer wants.
type Subscription struct {
	Topic string
	// Tags is "*" or "" for all, or tags joined by "||".
	Tags string
}

// filter is a parsed Subscription. The broker compares hashes of tags, which may collide, so the client checks again.
type filter struct {
	topic, expression string
	tags              []string // empty: all
	version           int64    // ms; the broker takes the subscription with the highest
}

// parseFilter splits as RocketMQ's FilterAPI does: empty parts are ignored.
func parseFilter(s Subscription, version int64) filter {
	f := filter{topic: s.Topic, expression: s.Tags, version: version}
	if s.Tags == "" || s.Tags == "*" {
		f.expression = "*"
		return f
	}
	for part := range strings.SplitSeq(s.Tags, "||") {
		if tag := strings.TrimSpace(part); tag != "" {
			f.tags = append(f.tags, tag)
		}
	}
	return f
}

func (f *filter) passes(m *message.Message) bool {
	if len(f.tags) == 0 {
		return true
	}
	tag, _ := message.Property(m.Properties, message.PropertyTags)
	return slices.Contains(f.tags, tag)
}

func (f *filter) codes() []int32 {
	out := make([]int32, len(f.tags))
	for i, tag := range f.tags {
		out[i] = message.HashCode(tag)
	}
	return out
}
