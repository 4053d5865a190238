package client

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/remoting/message"
)

// inbox collects what a handler got.
type inbox struct {
	mu   sync.Mutex
	got  []string
	then func(*message.Message) Result
}

func (b *inbox) handle(_ context.Context, _ Queue, messages []*message.Message) Result {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range messages {
		b.got = append(b.got, string(m.Body))
		if b.then != nil {
			return b.then(m)
		}
	}
	return Consumed
}

func (b *inbox) bodies() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(slices.Values(b.got))
}

// consume runs a consumer until the returned stop is called.
func consume(t *testing.T, c *Client, o ConsumerOptions) (p *PushConsumer, stop func()) {
	t.Helper()
	if o.Group == "" {
		o.Group = "G"
	}
	p, err := c.NewPushConsumer(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return p, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func numbered(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%03d", prefix, i)
	}
	return out
}

func TestConsumerGetsEveryMessageAndGoesOnWhereItStopped(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 4
		c := f.client("c")
		defer c.Close()
		box := &inbox{}
		all := numbered("A", 100)
		for i, body := range all {
			f.put(Queue{"T", "b0", int32(i % 4)}, body)
		}
		p, stop := consume(t, c, ConsumerOptions{Subscriptions: []Subscription{{Topic: "T"}}, Handle: box.handle, From: FromFirst})
		elapse(time.Second)
		if got := box.bodies(); !slices.Equal(got, all) {
			t.Errorf("got %d of %d messages", len(got), len(all))
		}
		if n := len(p.Queues()); n != 5 {
			t.Errorf("%d queues, want 4 and the retry queue", n)
		}
		f.put(Queue{"T", "b0", 2}, "late")
		elapse(time.Millisecond)
		synctest.Wait()
		if got := box.bodies(); len(got) != 101 {
			t.Errorf("the parked pull did not bring the new message: %d", len(got))
		}
		stop()
		if n := f.count("b0:10911", 35); n != 1 {
			t.Errorf("unregistered %d times", n)
		}
		for id := range int32(4) {
			want := int64(25)
			if id == 2 {
				want = 26
			}
			if at := f.committed("G", Queue{"T", "b0", id}); at != want {
				t.Errorf("queue %d: offset %d stored, want %d", id, at, want)
			}
		}
		f.put(Queue{"T", "b0", 0}, "while away")
		again := &inbox{}
		_, stop = consume(t, c, ConsumerOptions{Subscriptions: []Subscription{{Topic: "T"}}, Handle: again.handle})
		elapse(time.Second)
		stop()
		if got := again.bodies(); !slices.Equal(got, []string{"while away"}) {
			t.Errorf("second run got %v", got)
		}
	})
}

func TestConsumersShareTheQueues(t *testing.T) {
	bubble(t, []string{"b0", "b1"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 4
		clients := []*Client{f.client("c1"), f.client("c2")}
		boxes := []*inbox{{}, {}}
		options := func(i int) ConsumerOptions {
			return ConsumerOptions{Subscriptions: []Subscription{{Topic: "T"}}, Handle: boxes[i].handle, From: FromFirst}
		}
		first, stopFirst := consume(t, clients[0], options(0))
		elapse(time.Second)
		if n := countOf(first.Queues(), "T"); n != 8 {
			t.Fatalf("alone: %d queues, want 8", n)
		}
		second, stopSecond := consume(t, clients[1], options(1))
		elapse(time.Second) // code 40, not the 20 s
		if a, b := countOf(first.Queues(), "T"), countOf(second.Queues(), "T"); a != 4 || b != 4 {
			t.Fatalf("together: %d and %d queues, want 4 and 4", a, b)
		}
		all := numbered("A", 80)
		for i, body := range all {
			f.put(Queue{"T", fmt.Sprintf("b%d", i%2), int32(i / 2 % 4)}, body)
		}
		elapse(time.Second)
		got := slices.Sorted(slices.Values(append(boxes[0].bodies(), boxes[1].bodies()...)))
		if !slices.Equal(got, all) || len(boxes[0].bodies()) != 40 {
			t.Errorf("%d and %d messages", len(boxes[0].bodies()), len(boxes[1].bodies()))
		}
		stopSecond()
		clients[1].Close()
		elapse(time.Second)
		if n := countOf(first.Queues(), "T"); n != 8 {
			t.Errorf("alone again: %d queues, want 8", n)
		}
		stopFirst()
		clients[0].Close()
	})
}

func countOf(queues []Queue, topic string) int {
	n := 0
	for _, q := range queues {
		if q.Topic == topic {
			n++
		}
	}
	return n
}

func TestReconsumeLater(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 1
		c := f.client("c")
		defer c.Close()
		box := &inbox{}
		topics := map[string]bool{}
		box.then = func(m *message.Message) Result {
			topics[m.Topic] = true
			if string(m.Body) == "A-001" && m.ReconsumeTimes < 2 {
				return ReconsumeLater
			}
			return Consumed
		}
		f.put(Queue{"T", "b0", 0}, numbered("A", 3)...)
		_, stop := consume(t, c, ConsumerOptions{Subscriptions: []Subscription{{Topic: "T"}}, Handle: box.handle, From: FromFirst})
		elapse(25 * time.Second)
		stop()
		if got, want := box.bodies(), []string{"A-000", "A-001", "A-001", "A-001", "A-002"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if len(topics) != 1 || !topics["T"] {
			t.Errorf("messages came with topics %v", topics)
		}
		if n := f.count("b0:10911", 36); n != 2 {
			t.Errorf("sent back %d times", n)
		}
	})
}

func TestMessagesThatCannotBeSentBackAreHandledAgain(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 1
		c := f.client("c")
		defer c.Close()
		f.on("b0:10911", 36, refuse(1, "disk full"))
		box := &inbox{}
		tries := 0
		box.then = func(m *message.Message) Result {
			if tries++; tries < 3 {
				return ReconsumeLater
			}
			return Consumed
		}
		f.put(Queue{"T", "b0", 0}, "x")
		_, stop := consume(t, c, ConsumerOptions{Subscriptions: []Subscription{{Topic: "T"}}, Handle: box.handle, From: FromFirst})
		elapse(9 * time.Second)
		if at := f.committed("G", Queue{"T", "b0", 0}); at != 0 {
			t.Errorf("offset %d stored although the message is not done", at)
		}
		elapse(9 * time.Second)
		stop()
		if tries != 3 || f.committed("G", Queue{"T", "b0", 0}) != 1 {
			t.Errorf("handled %d times, offset %d", tries, f.committed("G", Queue{"T", "b0", 0}))
		}
	})
}

func TestWhereANewGroupBegins(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 1
		q := Queue{"T", "b0", 0}
		f.put(q, "old")
		elapse(time.Hour)
		middle := time.Now()
		f.put(q, "middle")
		elapse(time.Hour)
		c := f.client("c")
		defer c.Close()
		for i, want := range [][]string{FromLast: {"new"}, FromFirst: {"middle", "new", "old"}, FromTime: {"middle", "new"}} {
			box := &inbox{}
			_, stop := consume(t, c, ConsumerOptions{Group: fmt.Sprint("G", i), Subscriptions: []Subscription{{Topic: "T"}},
				Handle: box.handle, From: From(i), FromTime: middle})
			elapse(time.Second)
			f.put(q, "new")
			elapse(time.Second)
			stop()
			if got := box.bodies(); !slices.Equal(got, want) {
				t.Errorf("%d: got %v, want %v", i, got, want)
			}
			f.mu.Lock()
			f.messages[q] = f.messages[q][:2]
			f.mu.Unlock()
		}
	})
}

func TestBroadcasting(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 2
		var stops []func()
		boxes := []*inbox{{}, {}}
		for i, box := range boxes {
			c := f.client(fmt.Sprint("c", i))
			defer c.Close()
			_, stop := consume(t, c, ConsumerOptions{Subscriptions: []Subscription{{Topic: "T"}}, Handle: box.handle, Broadcasting: true})
			stops = append(stops, stop)
		}
		elapse(time.Second)
		f.put(Queue{"T", "b0", 0}, "1")
		f.put(Queue{"T", "b0", 1}, "2")
		elapse(10 * time.Second)
		for i, stop := range stops {
			stop()
			if got := boxes[i].bodies(); !slices.Equal(got, []string{"1", "2"}) {
				t.Errorf("consumer %d got %v", i, got)
			}
		}
		if n := f.count("", 15); n != 0 {
			t.Errorf("%d offsets were committed", n)
		}
	})
}

func TestConsumerSurvivesItsBroker(t *testing.T) {
	bubble(t, []string{"g"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 1
		f.start("g2:10911")
		f.replicas["g"] = map[int64]string{1: "g2:10911"}
		c := f.client("c")
		defer c.Close()
		box := &inbox{}
		_, stop := consume(t, c, ConsumerOptions{Subscriptions: []Subscription{{Topic: "T"}}, Handle: box.handle, From: FromFirst})
		defer stop()
		f.put(Queue{"T", "g", 0}, "1")
		elapse(time.Second)
		if n := f.count("g2:10911", 34); n != 1 {
			t.Errorf("the follower got %d heartbeats", n)
		}
		f.net.Host("g").Kill()
		f.mu.Lock()
		f.leaders["g"], f.replicas["g"] = "g2:10911", nil
		f.mu.Unlock()
		f.put(Queue{"T", "g", 0}, "2")
		elapse(3 * time.Second)
		if got := box.bodies(); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestOneConsumerOfAGroupPerClient(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		c := f.client("c")
		defer c.Close()
		o := ConsumerOptions{Group: "G", Subscriptions: []Subscription{{Topic: "T"}}, Handle: (&inbox{}).handle}
		_, stop := consume(t, c, o)
		defer stop()
		synctest.Wait()
		p, err := c.NewPushConsumer(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err == nil {
			t.Error("the second one ran")
		}
		for _, bad := range []ConsumerOptions{{Group: "a/b"}, {Group: "G"}, {Group: "G", Handle: o.Handle}, {Group: "G", Handle: o.Handle, Subscriptions: []Subscription{{Topic: "a b"}}}} {
			if _, err := c.NewPushConsumer(bad); err == nil {
				t.Errorf("%+v was accepted", bad)
			}
		}
	})
}
