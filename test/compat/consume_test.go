package compat

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// rebalance is how soon a group must share its queues anew: the broker's notice is immediate, the client's own timer 20 s.
const rebalance = 10 * time.Second

// probe sends to every queue until check is satisfied with what arrived for the newest round.
func probe(t *testing.T, topic string, check func() error, reset func()) {
	t.Helper()
	p := newProducer(t)
	queues := 0
	for _, q := range waitRoute(t, topic, 8*len(leaders(t))).Queues {
		queues += q.WriteQueueNums
	}
	eventually(t, rebalance, func() error {
		reset()
		send(t, p, topic, bodies("probe", queues)...)
		deadline := time.Now().Add(time.Second)
		for {
			err := check()
			if err == nil || time.Now().After(deadline) {
				return err
			}
			<-time.After(20 * time.Millisecond)
		}
	})
}

func TestMembersOfAGroupShareTheQueues(t *testing.T) {
	t.Parallel()
	topic, group := newTopic(t, 8), unique(t, "g")
	all := 8 * len(leaders(t))
	first, second := &sink{}, &sink{}
	reset := func() { first.forget(); second.forget() }
	// split expects that the members saw so many queues each and none both.
	split := func(a, b int) func() error {
		return func() error {
			x, y := first.queues(), second.queues()
			for queue := range x {
				if y[queue] > 0 {
					return fmt.Errorf("both members got messages of %v", queue)
				}
			}
			if len(x) != a || len(y) != b {
				return fmt.Errorf("members have %d and %d queues, want %d and %d", len(x), len(y), a, b)
			}
			return nil
		}
	}
	startConsumer(t, group, topic, "*", first)
	probe(t, topic, split(all, 0), reset)
	joined := startConsumer(t, group, topic, "*", second)
	probe(t, topic, split(all/2, all/2), reset)
	if err := joined.Shutdown(); err != nil {
		t.Fatal(err)
	}
	probe(t, topic, split(all, 0), reset)
}

func TestBroadcastingReachesEveryMember(t *testing.T) {
	t.Parallel()
	topic, group, p := newTopic(t, 4), unique(t, "g"), newProducer(t)
	forgetLocalOffsets(t, group)
	first, second := &sink{}, &sink{}
	for _, s := range []*sink{first, second} {
		startConsumer(t, group, topic, "*", s, fromFirst(), consumer.WithConsumerModel(consumer.BroadCasting))
	}
	want := bodies("broadcast", 40)
	send(t, p, topic, want...)
	first.waitBodies(t, settle, want)
	second.waitBodies(t, settle, want)
}

func TestGroupsConsumeIndependently(t *testing.T) {
	t.Parallel()
	topic, p := newTopic(t, 4), newProducer(t)
	first, second := &sink{}, &sink{}
	startConsumer(t, unique(t, "g"), topic, "*", first, fromFirst())
	startConsumer(t, unique(t, "g"), topic, "*", second, fromFirst())
	want := bodies("fan", 40)
	send(t, p, topic, want...)
	first.waitBodies(t, settle, want)
	second.waitBodies(t, settle, want)
}

func TestTagsSelect(t *testing.T) {
	t.Parallel()
	const queues, end = 2, "end" // an end message in each queue proves that all before it were looked at
	// "Aa" and "BB" have equal hash codes in Java: the broker lets both pass, the client tells them apart.
	tests := []struct {
		name, expression string
		tags             []string
	}{
		{"two", "A || B || end", []string{"A", "B"}},
		{"one", "A||end", []string{"A"}},
		{"all", "*", []string{"A", "B", "C", "Aa", "BB", ""}},
		{"equal hash codes", "Aa || end", []string{"Aa"}},
		{"none", "end", nil},
	}
	topic, p := newTopic(t, queues), newProducer(t)
	for _, tag := range []string{"A", "B", "C", "Aa", "BB", ""} {
		for _, body := range bodies("tag-"+tag, 10) {
			sendTagged(t, p, topic, tag, body)
		}
	}
	ends := bodies(end, queues*len(leaders(t)))
	for _, body := range ends {
		sendTagged(t, p, topic, end, body)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, want := &sink{}, slices.Clone(ends)
			startConsumer(t, unique(t, "g"), topic, test.expression, s, fromFirst())
			for _, tag := range test.tags {
				want = append(want, bodies("tag-"+tag, 10)...)
			}
			s.waitBodies(t, settle, want)
		})
	}
}

func sendTagged(t *testing.T, p rocketmq.Producer, topic, tag, body string) {
	t.Helper()
	if _, err := p.SendSync(t.Context(), primitive.NewMessage(topic, []byte(body)).WithTag(tag)); err != nil {
		t.Fatal(err)
	}
}

// A parked pull is answered when its message comes, not at the next poll.
func TestLongPollIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	topic, p, s := newTopic(t, 1), newProducer(t), &sink{}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	send(t, p, topic, "warm up")
	s.waitBodies(t, settle, []string{"warm up"})
	want := []string{"warm up"}
	for i := range 5 {
		body := fmt.Sprint("polled ", i)
		want = append(want, body)
		sent := time.Now()
		send(t, p, topic, body)
		s.waitBodies(t, settle, want)
		if took := s.deliveries()[i+1].at.Sub(sent); took > 3*time.Second { // the broker looks again each 5 s
			t.Errorf("message %d took %v", i, took)
		}
	}
}
