package compat

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

func fromFirst() consumer.Option {
	return consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset)
}

func TestSendSyncNumbersTheMessagesOfAQueue(t *testing.T) {
	t.Parallel()
	topic, p := newTopic(t, 4), newProducer(t)
	next := map[primitive.MessageQueue]int64{}
	for _, result := range send(t, p, topic, bodies("sync", 40)...) {
		if result.QueueOffset != next[*result.MessageQueue] {
			t.Errorf("%v has offset %d, want %d", result.MessageQueue, result.QueueOffset, next[*result.MessageQueue])
		}
		next[*result.MessageQueue]++
		if len(result.OffsetMsgID) != 32 || result.MsgID == "" || result.RegionID == "" {
			t.Errorf("incomplete result %v", result)
		}
	}
	if want := 4 * len(leaders(t)); len(next) != want {
		t.Errorf("messages went to %d queues, want all %d", len(next), want)
	}
}

func TestSendAsyncCallsBackOnceForEachMessage(t *testing.T) {
	t.Parallel()
	topic, p, s := newTopic(t, 4), newProducer(t), &sink{}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	want := bodies("async", 200)
	var open sync.WaitGroup
	inFlight := make(chan struct{}, 32) // more is refused with code 2 by a busy Apache broker
	for _, body := range want {
		open.Add(1)
		inFlight <- struct{}{}
		err := p.SendAsync(t.Context(), func(_ context.Context, r *primitive.SendResult, err error) {
			defer func() { <-inFlight; open.Done() }()
			if err != nil || r.Status != primitive.SendOK {
				t.Errorf("%s: %v, %v", body, r, err)
			}
		}, primitive.NewMessage(topic, []byte(body)))
		if err != nil {
			t.Fatal(err)
		}
	}
	open.Wait()
	s.waitBodies(t, settle, want)
}

func TestSendOnewayArrives(t *testing.T) {
	t.Parallel()
	topic, p, s := newTopic(t, 2), newProducer(t), &sink{}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	want := bodies("oneway", 50)
	for _, body := range want {
		if err := p.SendOneWay(t.Context(), primitive.NewMessage(topic, []byte(body))); err != nil {
			t.Fatal(err)
		}
	}
	s.waitBodies(t, settle, want)
}

func TestSendBatchStoresEachMessageByItself(t *testing.T) {
	t.Parallel()
	topic, p, s := newTopic(t, 1), newProducer(t), &sink{}
	want := bodies("batch", 20)
	var batch []*primitive.Message
	for i, body := range want {
		m := primitive.NewMessage(topic, []byte(body)).WithKeys([]string{fmt.Sprint("key", i)})
		m.WithProperty("n", fmt.Sprint(i))
		batch = append(batch, m)
	}
	result, err := p.SendSync(t.Context(), batch...)
	if err != nil || result.Status != primitive.SendOK {
		t.Fatalf("%v, %v", result, err)
	}
	if ids := strings.Split(result.OffsetMsgID, ","); len(ids) != len(want) {
		t.Errorf("%d offset message ids, want one for each of %d messages", len(ids), len(want))
	}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	s.waitBodies(t, settle, want)
	for _, d := range s.deliveries() {
		n := d.queueOffset - result.QueueOffset
		if n < 0 || n >= int64(len(want)) || d.body != want[n] || d.properties["n"] != fmt.Sprint(n) || d.key != fmt.Sprint("key", n) {
			t.Errorf("offset %d holds %q with %v", d.queueOffset, d.body, d.properties)
		}
	}
}

func TestTopicIsCreatedBySending(t *testing.T) {
	t.Parallel()
	topic, p, s := unique(t, "auto"), newProducer(t), &sink{}
	send(t, p, topic, "first")
	route := waitRoute(t, topic, 4) // of the one group that got the message
	if q := route.Queues[0]; q.Perm != 6 || q.ReadQueueNums != 4 {
		t.Errorf("created as %+v, want permission 6 and 4 queues (min of the client's 4 and the template's 8)", q)
	}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	s.waitBodies(t, settle, []string{"first"})
}

func TestPropertiesComeBackUnchanged(t *testing.T) {
	t.Parallel()
	topic, p, s := newTopic(t, 1), newProducer(t), &sink{}
	m := primitive.NewMessage(topic, []byte("body")).WithTag("TagA").WithKeys([]string{"order-1", "order-2"})
	m.Flag = 42
	set := map[string]string{"plain": "value", "ключ": "значение", "空": "消息", "spaces": " a b ", "long": strings.Repeat("x", 10_000)}
	for key, value := range set {
		m.WithProperty(key, value)
	}
	before := time.Now().Add(-time.Second).UnixMilli()
	result, err := p.SendSync(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	s.waitBodies(t, settle, []string{"body"})
	d := s.deliveries()[0]
	for key, value := range set {
		if d.properties[key] != value {
			t.Errorf("property %q is %.40q, want %.40q", key, d.properties[key], value)
		}
	}
	if d.tags != "TagA" || d.key != "order-1 order-2" || d.flag != 42 || d.msgID != result.MsgID {
		t.Errorf("tags %q, keys %q, flag %d, id %s; sent as %s", d.tags, d.key, d.flag, d.msgID, result.MsgID)
	}
	if after := time.Now().Add(time.Second).UnixMilli(); d.born < before || d.stored < before || d.stored > after {
		t.Errorf("born %d, stored %d; the test ran from %d to %d", d.born, d.stored, before, after)
	}
}

func TestBigMessages(t *testing.T) {
	t.Parallel()
	topic, p, s := newTopic(t, 1), newProducer(t), &sink{}
	noise := make([]byte, 1<<20)
	rand.Read(noise)
	text := bytes.Repeat([]byte("raft"), 1<<18) // the client compresses it
	send(t, p, topic, string(noise), string(text), "small")
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	s.waitBodies(t, settle, []string{string(noise), string(text), "small"})
}

func TestTooBigMessageIsRefused(t *testing.T) {
	t.Parallel()
	topic, p := newTopic(t, 1), newProducer(t)
	body := make([]byte, 4<<20+1)
	rand.Read(body)
	_, err := p.SendSync(t.Context(), primitive.NewMessage(topic, body))
	if err == nil || !strings.Contains(err.Error(), "CODE: 13") {
		t.Errorf("a body above 4 MiB: %v, want code 13", err)
	}
	send(t, p, topic, "the connection is still good")
}

func TestUnknownRequestCodeIsAnswered(t *testing.T) {
	t.Parallel()
	for _, addr := range append(leaders(t), namesrv()...) {
		answer, err := frame.Call(addr, frame.Header{Code: 23_456, Opaque: 5}, nil)
		if err != nil || answer.Code != 3 || answer.Opaque != 5 {
			t.Errorf("%s: %+v, %v; want code 3", addr, answer.Header, err)
		}
	}
}
