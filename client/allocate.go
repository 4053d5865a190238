package client

import (
	"cmp"
	"slices"
)

// Queue names one queue of a topic (RocketMQ's MessageQueue).
type Queue struct {
	Topic  string
	Broker string // broker name
	ID     int32
}

func compareQueues(a, b Queue) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Broker, b.Broker), cmp.Compare(a.ID, b.ID))
}

// allocateAveragely returns the queues of the client with the id. All members of a group compute it alone, so both inputs are
// sorted first. The first len(queues) % len(ids) clients get one more. Source: AllocateMessageQueueAveragely.
func allocateAveragely(queues []Queue, ids []string, id string) []Queue {
	queues = slices.Clone(queues)
	slices.SortFunc(queues, compareQueues)
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	index, found := slices.BinarySearch(ids, id)
	if !found {
		return nil
	}
	each, more := len(queues)/len(ids), len(queues)%len(ids)
	first := index*each + min(index, more)
	last := first + each
	if index < more {
		last++
	}
	return queues[first:last]
}
