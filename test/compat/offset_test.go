package compat

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

func TestOffsetsAreKeptOverARestart(t *testing.T) {
	t.Parallel()
	topic, group, p := newTopic(t, 4), unique(t, "g"), newProducer(t)
	old := bodies("before", 40)
	send(t, p, topic, old...)
	s := &sink{}
	c := startConsumer(t, group, topic, "*", s, fromFirst())
	s.waitBodies(t, settle, old)
	if err := c.Shutdown(); err != nil { // commits the offsets
		t.Fatal(err)
	}
	fresh := bodies("while away", 20)
	send(t, p, topic, fresh...)
	again := &sink{}
	startConsumer(t, group, topic, "*", again, fromFirst())
	again.waitBodies(t, settle, fresh)
}

// A new group begins at the start of a queue whose first message is still in memory, whatever it asks for: the broker
// answers offset 0 to its first query (ConsumerManageProcessor#queryConsumerOffset).
func TestNewGroupSeesAYoungTopicWhole(t *testing.T) {
	t.Parallel()
	topic, p := newTopic(t, 2), newProducer(t)
	want := bodies("young", 10)
	send(t, p, topic, want...)
	for name, where := range fromWhere() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &sink{}
			startConsumer(t, unique(t, "g"), topic, "*", s, consumer.WithConsumeFromWhere(where))
			s.waitBodies(t, settle, want)
		})
	}
}

// On empty queues the client falls back to its own rule: largest offset (30), zero, or offset by time (29).
func TestNewGroupOnAnEmptyTopic(t *testing.T) {
	t.Parallel()
	for name, where := range fromWhere() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic, group, p, s := newTopic(t, 2), unique(t, "g"), newProducer(t), &sink{}
			at := time.Now().UTC().Format("20060102150405") // the client reads it as UTC
			startConsumer(t, group, topic, "*", s,
				consumer.WithConsumeFromWhere(where), consumer.WithConsumeTimestamp(at))
			awaitQueues(t, group, topic, 2*len(leaders(t))) // a message that comes earlier lies before the largest offset
			want := bodies("later", 10)
			send(t, p, topic, want...)
			s.waitBodies(t, settle, want)
		})
	}
}

// awaitQueues waits until the only consumer of a group has so many queues of a topic and knows where it begins in each, by its own word.
func awaitQueues(t *testing.T, group, topic string, queues int) {
	t.Helper()
	r := dialRaw(t, leaders(t)[0])
	eventually(t, settle, func() error {
		connections := r.ask(203, fieldsOf("consumerGroup", group), nil).Body()
		var about struct{ ConnectionSet []struct{ ClientID string } }
		if err := json.Unmarshal(connections, &about); err != nil || len(about.ConnectionSet) != 1 {
			return fmt.Errorf("%d clients: %s", len(about.ConnectionSet), connections)
		}
		info := string(r.ask(307, fieldsOf("consumerGroup", group, "clientId", about.ConnectionSet[0].ClientID), nil).Body())
		_, table, _ := strings.Cut(info, `"mqTable":`)
		if n := strings.Count(table, `"`+topic+`"`); n < queues {
			return fmt.Errorf("%d queues of %s: %s", n, topic, info)
		}
		return nil
	})
}

func fromWhere() map[string]consumer.ConsumeFromWhere {
	return map[string]consumer.ConsumeFromWhere{
		"first": consumer.ConsumeFromFirstOffset, "last": consumer.ConsumeFromLastOffset,
		"timestamp": consumer.ConsumeFromTimestamp,
	}
}

// An administrator sends a running group back: its consumer, told by its next pull, begins anew ten seconds later.
func TestResetOfARunningGroup(t *testing.T) {
	t.Parallel()
	topic, group, p := newTopic(t, 1), unique(t, "g"), newProducer(t)
	want := bodies("again", 20*len(leaders(t)))
	send(t, p, topic, want...)
	s := &sink{}
	startConsumer(t, group, topic, "*", s, fromFirst())
	s.waitBodies(t, settle, want)
	s.forget()
	for _, addr := range leaders(t) {
		answer, err := frame.Call(addr, frame.Header{Code: 222, Version: 317, ExtFields: map[string]string{
			"topic": topic, "group": group, "timestamp": "0", "isForce": "true",
		}}, nil)
		if err != nil || answer.Code != 0 {
			t.Fatalf("reset: %+v, %v", answer.Header, err)
		}
	}
	s.waitBodies(t, 45*time.Second, want)
}
