package state

import (
	"cmp"
	"slices"

	"github.com/raftmq/raftmq/internal/offset"
)

// offsetTable holds the consumer offsets: group, then topic and queue.
type offsetTable map[string]map[topicQueue]*consumed

type topicQueue struct {
	topic string
	queue int32
}

// consumed is one consumer offset. key is its key as a record, made once.
type consumed struct {
	offset     offset.Queue
	generation uint32
	key        string
}

func (t offsetTable) get(group, topic string, queue int32) *consumed {
	return t[group][topicQueue{topic, queue}]
}

// find is get for names that alias a payload; it allocates nothing.
func (t offsetTable) find(group, topic []byte, queue int32) *consumed {
	return t[string(group)][topicQueue{string(topic), queue}]
}

func (t offsetTable) set(group, topic string, queue int32, o offset.Queue, generation uint32) *consumed {
	of := t[group]
	if of == nil {
		of = map[topicQueue]*consumed{}
		t[group] = of
	}
	c := &consumed{offset: o, generation: generation, key: offsetKey(group, topic, queue)}
	of[topicQueue{topic, queue}] = c
	return c
}

func (t offsetTable) each(fn func(group, topic string, queue int32, c *consumed)) {
	for group, of := range t {
		for q, c := range of {
			fn(group, q.topic, q.queue, c)
		}
	}
}

// list returns the offsets of group, or of all groups for "", sorted.
func (t offsetTable) list(group string) []OffsetCommit {
	var list []OffsetCommit
	for name, of := range t {
		if group != "" && name != group {
			continue
		}
		for q, c := range of {
			list = append(list, OffsetCommit{Group: name, Topic: q.topic, Queue: q.queue, Offset: c.offset, Generation: c.generation})
		}
	}
	slices.SortFunc(list, func(a, b OffsetCommit) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Queue, b.Queue))
	})
	return list
}
