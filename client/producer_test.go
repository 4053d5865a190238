package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
)

func TestSend(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 4
		c := f.client("c")
		defer c.Close()
		p := c.NewProducer(ProducerOptions{})
		var header map[string]string
		f.on("b0:10911", 310, func(r *remoting.Request) bool {
			header = map[string]string{}
			for _, field := range r.Ext {
				header[field.Key] = field.Value
			}
			return false
		})
		m := &Message{Topic: "T", Body: []byte("hello"), Tags: "TagA", Keys: []string{"k1", "k2"}, DelayLevel: 3, Flag: 7,
			Properties: map[string]string{"color": "red"}}
		r, err := p.Send(t.Context(), m)
		if err != nil || r.Attempts != 1 || r.Code != 0 || r.UniqueID == "" || r.OffsetID != "ID00000000000000000000" || r.QueueOffset != 0 ||
			r.Queue.Topic != "T" || r.Queue.Broker != "b0" || fmt.Sprint(r.Queue.ID) != header["e"] || r.Addr != "b0:10911" {
			t.Fatalf("%+v, %v", r, err)
		}
		want := map[string]string{"a": "raftmq-producer", "b": "T", "c": "TBW102", "d": "4", "f": "0", "h": "7", "n": "b0",
			"g": fmt.Sprint(time.Now().UnixMilli())}
		for k, v := range want {
			if header[k] != v {
				t.Errorf("header %s = %q, want %q", k, header[k], v)
			}
		}
		properties := message.ParseProperties(header["i"])
		for k, v := range map[string]string{"color": "red", "KEYS": "k1 k2", "TAGS": "TagA", "DELAY": "3", "UNIQ_KEY": r.UniqueID} {
			if properties[k] != v {
				t.Errorf("property %s = %q, want %q", k, properties[k], v)
			}
		}
		if got := f.bodies("T"); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("stored %q", got)
		}
	})
}

func TestIllegalMessagesAreNotSent(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 1
		c := f.client("c")
		defer c.Close()
		p := c.NewProducer(ProducerOptions{})
		for name, m := range map[string]*Message{
			"separator in a value":        {Topic: "T", Properties: map[string]string{"a": "b\x02c"}},
			"separator in a name":         {Topic: "T", Properties: map[string]string{"a\x01": "b"}},
			"empty value":                 {Topic: "T", Properties: map[string]string{"a": ""}},
			"more properties than 32,767": {Topic: "T", Properties: map[string]string{"a": strings.Repeat("x", 32768)}},
		} {
			if _, err := p.Send(t.Context(), m); !errors.Is(err, ErrMessage) || OutcomeOf(err) != NotSent {
				t.Errorf("%s: %v (%v)", name, err, OutcomeOf(err))
			}
		}
		if n := f.count("", 310); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}

func TestRetriesByRocketMQsRules(t *testing.T) {
	for _, c := range []struct {
		name     string
		code     int32
		options  ProducerOptions
		attempts int
		outcome  Outcome
	}{
		{"14 is tried again at another broker", 14, ProducerOptions{}, 2, Sent},
		{"17 too", 17, ProducerOptions{}, 2, Sent},
		{"13 is final", 13, ProducerOptions{}, 1, NotSent},
		{"29 is final", 29, ProducerOptions{}, 1, NotSent},
		{"14 says nothing about the outcome", 14, ProducerOptions{Retries: -1}, 1, Unknown},
		{"16 is a refusal", 16, ProducerOptions{Retries: -1}, 1, NotSent},
		{"who wants no duplicates stops at an unknown outcome", 14, ProducerOptions{OnlyNotSent: true}, 1, Unknown},
		{"and goes on after a refusal", 16, ProducerOptions{OnlyNotSent: true}, 2, Sent},
		{"own codes", 13, ProducerOptions{RetryCodes: []int32{13}}, 2, Sent},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, []string{"b0", "b1"}, func(t *testing.T, f *fakeCluster) {
				f.topics["T"] = 4
				cl := f.client("c")
				defer cl.Close()
				first := ""
				for _, b := range []string{"b0", "b1"} {
					f.on(b+":10911", 310, func(r *remoting.Request) bool {
						if first != "" && first != b {
							return false
						}
						first = b
						r.ReplyCode(c.code, "no")
						return true
					})
				}
				r, err := cl.NewProducer(c.options).Send(t.Context(), &Message{Topic: "T", Body: []byte("x")})
				if r.Attempts != c.attempts || OutcomeOf(err) != c.outcome {
					t.Errorf("%d attempts, outcome %v (%v); want %d, %v", r.Attempts, OutcomeOf(err), err, c.attempts, c.outcome)
				}
				if err != nil && !IsCode(err, c.code) {
					t.Errorf("error %v does not tell code %d", err, c.code)
				}
			})
		})
	}
}

func TestANewLeaderIsFoundByAskingForTheRoute(t *testing.T) {
	bubble(t, []string{"g"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 4
		f.start("g2:10911")
		c := f.client("c")
		defer c.Close()
		p := c.NewProducer(ProducerOptions{RetryFor: 5 * time.Second})
		if _, err := p.Send(t.Context(), &Message{Topic: "T", Body: []byte("1")}); err != nil {
			t.Fatal(err)
		}
		f.net.Host("g").Kill()
		time.AfterFunc(300*time.Millisecond, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.leaders["g"] = "g2:10911"
		})
		begin := time.Now()
		r, err := p.Send(t.Context(), &Message{Topic: "T", Body: []byte("2")})
		if took := time.Since(begin); err != nil || r.Addr != "g2:10911" || took > 400*time.Millisecond {
			t.Errorf("%+v after %v, %v", r, took, err)
		}
	})
}

func TestAStockProducerKeepsItsRoute(t *testing.T) {
	bubble(t, []string{"g"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 4
		c := f.client("c")
		defer c.Close()
		p := c.NewProducer(ProducerOptions{KeepRoute: true})
		f.on("g:10911", 310, refuse(14, "no leader"))
		r, err := p.Send(t.Context(), &Message{Topic: "T", Body: []byte("1")})
		if !IsCode(err, 14) || r.Attempts != 3 {
			t.Errorf("%+v, %v", r, err)
		}
		if n := f.count("ns:9876", 105); n != 1 {
			t.Errorf("asked %d times for the route", n)
		}
		elapse(31 * time.Second)
		p.Send(t.Context(), &Message{Topic: "T", Body: []byte("1")})
		elapse(time.Second)
		if n := f.count("ns:9876", 105); n != 2 {
			t.Errorf("asked %d times for the route after the poll interval", n)
		}
	})
}

func TestTopicsAreCreatedBySending(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		c := f.client("c")
		defer c.Close()
		r, err := c.NewProducer(ProducerOptions{}).Send(t.Context(), &Message{Topic: "New", Body: []byte("x")})
		if err != nil || r.Queue.ID > 3 {
			t.Fatalf("%+v, %v", r, err)
		}
		if f.topics["New"] != 4 {
			t.Errorf("topic has %d queues, want 4", f.topics["New"])
		}
		_, err = c.NewProducer(ProducerOptions{NoAutoCreate: true, Retries: -1}).Send(t.Context(), &Message{Topic: "Other", Body: []byte("x")})
		if !errors.Is(err, ErrNoRoute) || OutcomeOf(err) != NotSent {
			t.Errorf("without auto-creation: %v", err)
		}
	})
}

func TestAsyncSendsAreAnsweredOnce(t *testing.T) {
	bubble(t, []string{"b0", "b1"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 4
		c := f.client("c")
		defer c.Close()
		p := c.NewProducer(ProducerOptions{})
		const n = 500
		var mu sync.Mutex
		answered := map[string]int{}
		var all sync.WaitGroup
		all.Add(n)
		for i := range n {
			p.SendAsync(&Message{Topic: "T", Body: fmt.Appendf(nil, "%d", i)}, func(r SendResult, err error) {
				defer all.Done()
				mu.Lock()
				defer mu.Unlock()
				if answered[r.UniqueID]++; err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(answered) != n || len(f.bodies("T")) != n {
			t.Errorf("%d results for %d messages, %d stored", len(answered), n, len(f.bodies("T")))
		}
	})
}

func TestSendTo(t *testing.T) {
	bubble(t, []string{"b0", "b1"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 4
		c := f.client("c")
		defer c.Close()
		p := c.NewProducer(ProducerOptions{})
		q := Queue{"T", "b1", 2}
		for range 3 {
			if r, err := p.SendTo(t.Context(), q, &Message{Topic: "T", Body: []byte("x")}); err != nil || r.Queue != q {
				t.Errorf("%+v, %v", r, err)
			}
		}
		_, err := p.SendTo(t.Context(), Queue{"T", "nobody", 0}, &Message{Topic: "T", Body: []byte("x")})
		if !errors.Is(err, ErrNoRoute) {
			t.Errorf("unknown broker: %v", err)
		}
	})
}

func TestBatchOnewayAndCompression(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 1
		c := f.client("c")
		defer c.Close()
		p := c.NewProducer(ProducerOptions{CompressAbove: 100})
		r, err := p.SendBatch(t.Context(), []*Message{{Topic: "T", Body: []byte("1")}, {Topic: "T", Body: []byte("2")}})
		if err != nil || r.OffsetID != "A,B" || r.QueueOffset != 0 {
			t.Errorf("%+v, %v", r, err)
		}
		if _, err := p.SendBatch(t.Context(), []*Message{{Topic: "T"}, {Topic: "U"}}); !errors.Is(err, ErrMessage) {
			t.Errorf("a batch of two topics: %v", err)
		}
		if err := p.SendOneway(t.Context(), &Message{Topic: "T", Body: []byte("3")}); err != nil {
			t.Error(err)
		}
		large := bytes.Repeat([]byte("large "), 100)
		if _, err := p.Send(t.Context(), &Message{Topic: "T", Body: large}); err != nil {
			t.Error(err)
		}
		if got := f.bodies("T"); len(got) != 4 || len(got[3]) >= len(large) {
			t.Errorf("stored %q", got)
		}
		pulled, err := c.NewPullConsumer("G").Pull(t.Context(), NewPullRequest(Queue{"T", "b0", 0}, 0))
		if err != nil || len(pulled.Messages) != 4 || !bytes.Equal(pulled.Messages[3].Body, large) {
			t.Errorf("pulled %+v, %v", pulled, err)
		}
	})
}

func TestTheNextNameServerIsAsked(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 1
		c := f.client("c", func(o *Options) { o.NameServers = []string{"dead:9876", "dead2:9876", "ns:9876"} })
		defer c.Close()
		if _, err := c.NewProducer(ProducerOptions{}).Send(t.Context(), &Message{Topic: "T", Body: []byte("x")}); err != nil {
			t.Error(err)
		}
		if topics, err := c.Admin().Topics(t.Context()); err != nil || !slices.Contains(topics, "T") {
			t.Errorf("%v, %v", topics, err)
		}
		none := f.client("d", func(o *Options) { o.NameServers = []string{"dead:9876"} })
		defer none.Close()
		if _, err := none.Route(t.Context(), "T"); !errors.Is(err, ErrNoNameServer) {
			t.Errorf("without any NameServer: %v", err)
		}
	})
}

func TestTheCallersContextEndsASend(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 1
		c := f.client("c")
		defer c.Close()
		f.on("b0:10911", 310, func(r *remoting.Request) bool { time.AfterFunc(time.Minute, r.Discard); return true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := c.NewProducer(ProducerOptions{}).Send(ctx, &Message{Topic: "T", Body: []byte("x")})
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || OutcomeOf(err) != Unknown || took != time.Second {
			t.Errorf("%v after %v, outcome %v", err, took, OutcomeOf(err))
		}
		elapse(time.Minute)
	})
}
