package compat

import (
	"context"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

func newPullConsumer(t *testing.T, group, topic string) rocketmq.PullConsumer {
	t.Helper()
	c, err := rocketmq.NewPullConsumer(
		consumer.WithNameServer(namesrv()), consumer.WithGroupName(group), consumer.WithInstance(unique(t, "c")),
		consumer.WithPullBatchSize(32), fromFirst(),
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Subscribe(topic, consumer.MessageSelector{Type: consumer.TAG, Expression: "*"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Shutdown() })
	return c
}

// queueOf returns the only queue of a one-queue topic that holds messages.
func queueOf(results []*primitive.SendResult) *primitive.MessageQueue {
	queue := *results[0].MessageQueue
	return &queue
}

func TestPullFromAnOffset(t *testing.T) {
	t.Parallel()
	topic, p := newTopic(t, 1), newProducer(t)
	want := bodies("pull", 50*len(leaders(t)))
	queue := queueOf(send(t, p, topic, want...))
	c := newPullConsumer(t, unique(t, "g"), topic)

	var got int64
	for got < 50 {
		result, err := c.PullFrom(t.Context(), queue, got, 20)
		if err != nil {
			t.Fatal(err)
		}
		if result.Status != primitive.PullFound || result.MinOffset != 0 || result.MaxOffset != 50 {
			t.Fatalf("at %d: %+v", got, result)
		}
		for i, m := range result.GetMessageExts() {
			if m.QueueOffset != got+int64(i) {
				t.Errorf("message %d has offset %d", got+int64(i), m.QueueOffset)
			}
		}
		if n := int64(len(result.GetMessageExts())); n == 0 || n > 20 || result.NextBeginOffset != got+n {
			t.Fatalf("at %d: %d messages, next %d", got, n, result.NextBeginOffset)
		}
		got = result.NextBeginOffset
	}
	beyond, err := c.PullFrom(t.Context(), queue, 1000, 20)
	if err != nil || beyond.Status != primitive.PullOffsetIllegal || beyond.NextBeginOffset != 50 {
		t.Errorf("beyond the end: %+v, %v; want offset illegal, next 50", beyond, err)
	}
}

func TestPullWaitsAtTheEndOfAQueue(t *testing.T) {
	t.Parallel()
	topic, p := newTopic(t, 1), newProducer(t)
	queue := queueOf(send(t, p, topic, bodies("there", len(leaders(t)))...))
	c := newPullConsumer(t, unique(t, "g"), topic)
	type answer struct {
		result *primitive.PullResult
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		result, err := c.PullFrom(context.Background(), queue, 1, 10)
		answered <- answer{result, err}
	}()
	select {
	case a := <-answered:
		t.Fatalf("answered before a message came: %+v, %v", a.result, a.err)
	case <-time.After(2 * time.Second):
	}
	send(t, p, topic, bodies("more", len(leaders(t)))...)
	select {
	case a := <-answered:
		if a.err != nil || a.result.Status != primitive.PullFound {
			t.Errorf("%+v, %v", a.result, a.err)
		}
	case <-time.After(3 * time.Second):
		t.Error("not answered within 3 s of the message")
	}
}

func TestPollAndAck(t *testing.T) {
	t.Parallel()
	topic, p, group := newTopic(t, 2), newProducer(t), unique(t, "g")
	want := bodies("poll", 30)
	send(t, p, topic, want...)
	c := newPullConsumer(t, group, topic)
	var got []delivery
	eventually(t, settle, func() error {
		if request, err := c.Poll(t.Context(), time.Second); err == nil {
			for _, m := range request.GetMsgList() {
				got = append(got, delivery{body: string(m.Body)})
			}
			c.ACK(t.Context(), request, consumer.ConsumeSuccess)
		}
		return sameBodies(got, want)
	})
	if err := c.PersistOffset(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	if err := c.Shutdown(); err != nil {
		t.Fatal(err)
	}
	fresh := bodies("fresh", 4)
	send(t, p, topic, fresh...)
	s := &sink{}
	startConsumer(t, group, topic, "*", s, fromFirst())
	s.waitBodies(t, settle, fresh)
}
