package compat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// delivery is what a consumer saw of one message. The client changes a message after the callback, so it is copied.
type delivery struct {
	at              time.Time
	body, tags, key string
	topic, msgID    string
	queue           primitive.MessageQueue
	queueOffset     int64
	physicalOffset  int64
	reconsumed      int32
	born, stored    int64
	flag            int32
	properties      map[string]string
}

// sink collects deliveries of any number of consumers.
type sink struct {
	// answer decides what the consumer returns; nil is success.
	answer func(ctx context.Context, d delivery) consumer.ConsumeResult

	mu  sync.Mutex
	got []delivery
}

func (s *sink) consume(ctx context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
	result := consumer.ConsumeSuccess
	for _, m := range msgs {
		d := delivery{
			at: time.Now(), body: string(m.Body), tags: m.GetTags(), key: m.GetKeys(), topic: m.Topic, msgID: m.MsgId,
			queue: *m.Queue, queueOffset: m.QueueOffset, physicalOffset: m.CommitLogOffset, reconsumed: m.ReconsumeTimes,
			born: m.BornTimestamp, stored: m.StoreTimestamp, flag: m.Flag, properties: m.GetProperties(),
		}
		s.mu.Lock()
		s.got = append(s.got, d)
		s.mu.Unlock()
		if s.answer != nil {
			result = s.answer(ctx, d)
		}
	}
	return result, nil
}

func (s *sink) deliveries() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func (s *sink) count() int { return len(s.deliveries()) }

// longestGap is the longest time between two deliveries.
func (s *sink) longestGap() time.Duration {
	var gap time.Duration
	got := s.deliveries()
	for i := 1; i < len(got); i++ {
		gap = max(gap, got[i].at.Sub(got[i-1].at))
	}
	return gap
}

func (s *sink) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = nil
}

// queues returns the different queues of the deliveries.
func (s *sink) queues() map[primitive.MessageQueue]int {
	queues := map[primitive.MessageQueue]int{}
	for _, d := range s.deliveries() {
		queues[d.queue]++
	}
	return queues
}

// waitBodies waits until exactly these bodies have been delivered, each once, in any order.
func (s *sink) waitBodies(t *testing.T, within time.Duration, want []string) {
	t.Helper()
	eventually(t, within, func() error { return sameBodies(s.deliveries(), want) })
}

func sameBodies(got []delivery, want []string) error {
	seen := map[string]int{}
	for _, d := range got {
		seen[d.body]++
	}
	var missing, extra []string
	for _, body := range want {
		if seen[body] == 0 {
			missing = append(missing, body)
		}
		seen[body]--
	}
	for body, n := range seen {
		if n > 0 {
			extra = append(extra, body)
		}
	}
	if len(missing)+len(extra) == 0 {
		return nil
	}
	return fmt.Errorf("missing %d (%s), not wanted or repeated %d (%s)", len(missing), head(missing), len(extra), head(extra))
}

func head(texts []string) string {
	if len(texts) > 5 {
		texts = append(texts[:5:5], "…")
	}
	return strings.Join(texts, " ")
}
