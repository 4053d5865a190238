package compat

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// levelOne makes the client ask for the shortest delay, 1 s, instead of the broker's 10 s, 30 s, ….
func levelOne(ctx context.Context) {
	if c, ok := primitive.GetConcurrentlyCtx(ctx); ok {
		c.DelayLevelWhenNextConsume = 1
	}
}

// introduce lets the broker create the group's retry topic. The Go client asks for routes before its first heartbeat and
// then every 30 s, so only a group's second consumer knows the retry topic at once.
func introduce(t *testing.T, group, topic string) {
	t.Helper()
	c := startConsumer(t, group, topic, "*", &sink{}, fromFirst())
	waitRoute(t, "%RETRY%"+group, len(leaders(t)))
	if err := c.Shutdown(); err != nil {
		t.Fatal(err)
	}
}

func TestFailedMessageIsRetriedAndThenDead(t *testing.T) {
	t.Parallel()
	topic, group, p := newTopic(t, 1), unique(t, "g"), newProducer(t)
	introduce(t, group, topic)
	s := &sink{answer: func(ctx context.Context, d delivery) consumer.ConsumeResult {
		levelOne(ctx)
		return consumer.ConsumeRetryLater
	}}
	startConsumer(t, group, topic, "*", s, fromFirst(), consumer.WithMaxReconsumeTimes(2))
	m := primitive.NewMessage(topic, []byte("poison")).WithTag("T").WithKeys([]string{"k"})
	m.WithProperty("mine", "kept")
	result, err := p.SendSync(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}

	dead := &sink{}
	dlq := "%DLQ%" + group
	waitRoute(t, dlq, 1)
	startConsumer(t, unique(t, "dead"), dlq, "*", dead, fromFirst())
	dead.waitBodies(t, settle, []string{"poison"})

	got := s.deliveries()
	if len(got) != 3 {
		t.Fatalf("%d deliveries, want the first and two retries", len(got))
	}
	for i, d := range got {
		if d.reconsumed != int32(i) || d.topic != topic || d.properties["mine"] != "kept" || d.tags != "T" || d.key != "k" {
			t.Errorf("delivery %d: %+v", i, d)
		}
		if i == 0 {
			continue
		}
		if d.properties[primitive.PropertyRetryTopic] != topic || d.properties[primitive.PropertyOriginMessageId] != result.OffsetMsgID {
			t.Errorf("delivery %d: retry properties %v, first stored as %s", i, d.properties, result.OffsetMsgID)
		}
		if pause := d.at.Sub(got[i-1].at); pause < 900*time.Millisecond || pause > 5*time.Second {
			t.Errorf("delivery %d came %v after the one before, want about 1 s", i, pause)
		}
	}
	if d := dead.deliveries()[0]; d.properties["mine"] != "kept" || d.properties[primitive.PropertyRetryTopic] != topic {
		t.Errorf("dead letter: %+v", d)
	}
}

// Only the message that failed comes again, and the group's offset passes it.
func TestRetryDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	topic, group, p := newTopic(t, 1), unique(t, "g"), newProducer(t)
	introduce(t, group, topic)
	s := &sink{answer: func(ctx context.Context, d delivery) consumer.ConsumeResult {
		if strings.HasSuffix(d.body, "3") && d.reconsumed == 0 {
			levelOne(ctx)
			return consumer.ConsumeRetryLater
		}
		return consumer.ConsumeSuccess
	}}
	startConsumer(t, group, topic, "*", s, fromFirst())
	sent := bodies("mixed", 10)
	send(t, p, topic, sent...)
	s.waitBodies(t, settle, append(sent, "mixed-003"))
}

func TestDelayLevels(t *testing.T) {
	t.Parallel()
	topic, p, s := newTopic(t, 2), newProducer(t), &sink{}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	delays := map[int]time.Duration{1: time.Second, 2: 5 * time.Second, 3: 10 * time.Second}
	sent, want := map[string]time.Time{}, []string{}
	for level := range delays {
		body := fmt.Sprint("level ", level)
		m := primitive.NewMessage(topic, []byte(body)).WithDelayTimeLevel(level).WithTag("late")
		sent[body] = time.Now()
		if _, err := p.SendSync(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		want = append(want, body)
	}
	s.waitBodies(t, 2*settle, want)
	for _, d := range s.deliveries() {
		var level int
		fmt.Sscanf(d.body, "level %d", &level)
		took := d.at.Sub(sent[d.body])
		if took < delays[level]-50*time.Millisecond || took > delays[level]+3*time.Second {
			t.Errorf("%s came after %v", d.body, took)
		}
		if d.topic != topic || d.tags != "late" {
			t.Errorf("%s came with topic %s and tags %q", d.body, d.topic, d.tags)
		}
	}
}
