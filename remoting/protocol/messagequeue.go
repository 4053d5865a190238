package protocol

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// MessageQueue is one queue of a topic at one broker.
type MessageQueue struct {
	BrokerName string `json:"brokerName"`
	QueueID    int32  `json:"queueId"`
	Topic      string `json:"topic"`
}

// Compare orders by topic, broker and queue.
func (q MessageQueue) Compare(o MessageQueue) int {
	return cmp.Or(cmp.Compare(q.Topic, o.Topic), cmp.Compare(q.BrokerName, o.BrokerName), cmp.Compare(q.QueueID, o.QueueID))
}

// plainQueue is a MessageQueue without its methods.
type plainQueue MessageQueue

// UnmarshalJSON reads an object, or a string with the text of one: the key of a table after package fastjson.
func (q *MessageQueue) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		b = []byte(text)
	}
	return json.Unmarshal(b, (*plainQueue)(q))
}

// UnmarshalText is what encoding/json wants of the key of a table; it calls UnmarshalJSON all the same.
func (q *MessageQueue) UnmarshalText(b []byte) error { return json.Unmarshal(b, (*plainQueue)(q)) }

// appendQueueTable appends a table whose keys are queues as fastjson prints it: the keys are objects, which is not JSON, but
// what every Java tool reads. Entries are sorted.
func appendQueueTable[V any](dst []byte, table map[MessageQueue]V) []byte {
	dst = append(dst, '{')
	for i, q := range slices.SortedFunc(maps.Keys(table), MessageQueue.Compare) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, encode(plainQueue(q))...)
		dst = append(dst, ':')
		dst = append(dst, encode(table[q])...)
	}
	return append(dst, '}')
}
