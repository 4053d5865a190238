package compat

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
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

// An orderly consumer locks its queues at the broker, gets the messages of each one after the other, and again what it asks for again.
func TestOrderlyConsumer(t *testing.T) {
	t.Parallel()
	topic, p := newTopic(t, 4), newProducer(t)
	want := bodies("ordered", 80)
	send(t, p, topic, want...)
	s := &sink{}
	var once sync.Once
	s.answer = func(_ context.Context, d delivery) consumer.ConsumeResult {
		result := consumer.ConsumeSuccess
		if d.body == want[7] {
			once.Do(func() { result = consumer.SuspendCurrentQueueAMoment })
		}
		return result
	}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst(), consumer.WithConsumerOrder(true))
	s.waitBodies(t, settle, append(slices.Clone(want), want[7]))
	next := map[primitive.MessageQueue]int64{}
	suspended := false
	for _, d := range s.deliveries() {
		if d.queueOffset != next[d.queue] {
			t.Errorf("%v has %d after %d", d.queue, d.queueOffset, next[d.queue]-1)
		}
		if d.body == want[7] && !suspended {
			suspended = true // its queue waits for it
			continue
		}
		next[d.queue] = d.queueOffset + 1
	}
}

// TestOrderlyMember is no test but the process that TestOrderlyConsumerIsKilled kills: it says when it has messages of all queues.
func TestOrderlyMember(t *testing.T) {
	group, topic, found := strings.Cut(os.Getenv("COMPAT_ORDERLY_MEMBER"), " ")
	if !found {
		t.Skip("runs in a process of its own")
	}
	s, queues := &sink{}, 4*len(leaders(t))
	startConsumer(t, group, topic, "*", s, fromFirst(), consumer.WithConsumerOrder(true))
	for said := false; ; <-time.After(10 * time.Millisecond) {
		if !said && len(s.queues()) == queues {
			fmt.Println("ready")
			said = true
		}
	}
}

// A consumer that is killed gives nothing back. The others of its group get its queues as soon as its connections are gone, and not
// at the end of its leases, a minute later.
func TestOrderlyConsumerIsKilled(t *testing.T) {
	t.Parallel()
	topic, group, p := newTopic(t, 4), unique(t, "g"), newProducer(t)
	queues := 4 * len(leaders(t))
	send(t, p, topic, bodies("first", queues)...)
	member := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOrderlyMember$")
	member.Env = append(os.Environ(), "COMPAT_ORDERLY_MEMBER="+group+" "+topic)
	out, err := member.StdoutPipe()
	if err == nil {
		err = member.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { member.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
	}
	s := &sink{}
	startConsumer(t, group, topic, "*", s, fromFirst(), consumer.WithConsumerOrder(true))
	send(t, p, topic, bodies("while it lives", queues)...)
	<-time.After(3 * time.Second) // half the queues are assigned to the new member, but locked by the old one
	if n := s.count(); n > 0 {
		t.Errorf("%d messages of queues that another client has locked", n)
	}
	if err := member.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	eventually(t, 30*time.Second, func() error {
		send(t, p, topic, bodies("probe", queues)...)
		if n := len(s.queues()); n != queues {
			return fmt.Errorf("messages of %d queues, want %d", n, queues)
		}
		return nil
	})
	t.Logf("all queues go on %v after the kill", time.Since(killed).Round(10*time.Millisecond))
}
