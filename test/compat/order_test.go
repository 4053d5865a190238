package compat

import (
	"fmt"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

func TestShardingKeyKeepsAQueueAndItsOrder(t *testing.T) {
	t.Parallel()
	const keys, each = 5, 20
	topic, s := newTopic(t, 4), &sink{}
	p := newProducer(t, producer.WithQueueSelector(producer.NewHashQueueSelector()))
	var want []string
	sent := map[string]*primitive.SendResult{}
	for n := range each {
		for key := range keys {
			m := primitive.NewMessage(topic, fmt.Appendf(nil, "key%d-%03d", key, n)).WithShardingKey(fmt.Sprint("key", key))
			result, err := p.SendSync(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, string(m.Body))
			sent[string(m.Body)] = result
		}
	}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	s.waitBodies(t, settle, want)

	offsets, queues := map[string]int64{}, map[string]primitive.MessageQueue{}
	at := map[string]delivery{}
	for _, d := range s.deliveries() {
		at[d.body] = d
	}
	for _, body := range want { // in the order of sending
		d, key := at[body], body[:4]
		if r := sent[body]; d.queueOffset != r.QueueOffset || d.queue.QueueId != r.MessageQueue.QueueId {
			t.Errorf("%s was acknowledged at %v %d and read at %v %d", body, r.MessageQueue, r.QueueOffset, d.queue, d.queueOffset)
		}
		if queue, ok := queues[key]; ok && (queue != d.queue || offsets[key] >= d.queueOffset) {
			t.Errorf("%s is at %v %d after %v %d", body, d.queue, d.queueOffset, queue, offsets[key])
		}
		queues[key], offsets[key] = d.queue, d.queueOffset
	}
}

func TestManualQueueIsTaken(t *testing.T) {
	t.Parallel()
	topic := newTopic(t, 4)
	p := newProducer(t, producer.WithQueueSelector(producer.NewManualQueueSelector()))
	broker := waitRoute(t, topic, 4*len(leaders(t))).Brokers[0].BrokerName
	for n := range 4 {
		m := primitive.NewMessage(topic, []byte("x"))
		m.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: broker, QueueId: n}
		result, err := p.SendSync(t.Context(), m)
		if err != nil || result.MessageQueue.QueueId != n || result.QueueOffset != 0 {
			t.Errorf("queue %d: %v, %v", n, result, err)
		}
	}
}
