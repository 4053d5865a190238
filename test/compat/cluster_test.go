package compat

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

// settle is how long a healthy cluster may take for anything that no client timer delays.
const settle = 15 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv("NAMESRV_ADDR") == "" {
		fmt.Fprintln(os.Stderr, `NAMESRV_ADDR is not set: start a cluster ("raftmq dev up" prints the address) and name its NameServers`)
		os.Exit(1)
	}
	if os.Getenv("ROCKETMQ_GO_LOG_LEVEL") == "" {
		rlog.SetLogLevel("fatal") // the client reports every retry as an error
	}
	os.Exit(m.Run())
}

// namesrv is the cluster under test; addresses are separated by ';' as everywhere in RocketMQ.
func namesrv() primitive.NamesrvAddr { return strings.Split(os.Getenv("NAMESRV_ADDR"), ";") }

var names atomic.Int64

// unique returns a name that no other test and no other run uses.
func unique(t *testing.T, kind string) string {
	test := strings.NewReplacer("/", "_", " ", "_").Replace(t.Name())
	return fmt.Sprintf("%s_%s_%x_%d", test, kind, time.Now().UnixNano(), names.Add(1))
}

// leaders returns the addresses of all groups' leaders; every broker has the topic TBW102 as long as it creates topics by
// itself, which is the default.
func leaders(t *testing.T) []string {
	t.Helper()
	route, err := frame.QueryRoute(namesrv()[0], "TBW102")
	if err != nil {
		t.Fatal(err)
	}
	addrs := route.Leaders()
	if len(addrs) == 0 {
		t.Fatalf("no leader is registered: %+v", route)
	}
	return addrs
}

func newAdmin(t *testing.T) admin.Admin {
	t.Helper()
	client, err := admin.NewAdmin(admin.WithResolver(primitive.NewPassthroughResolver(namesrv())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// newTopic creates a topic with that many queues on each leader and returns when the NameServer shows all of them.
func newTopic(t *testing.T, queues int) string {
	t.Helper()
	topic, client, addrs := unique(t, "topic"), newAdmin(t), leaders(t)
	for _, addr := range addrs {
		err := client.CreateTopic(t.Context(), admin.WithTopicCreate(topic), admin.WithBrokerAddrCreate(addr),
			admin.WithReadQueueNums(queues), admin.WithWriteQueueNums(queues))
		if err != nil {
			t.Fatalf("create %s at %s: %v", topic, addr, err)
		}
	}
	waitRoute(t, topic, queues*len(addrs))
	return topic
}

// waitRoute waits until the NameServer shows the topic with that many queues for writing.
func waitRoute(t *testing.T, topic string, queues int) frame.Route {
	t.Helper()
	var route frame.Route
	eventually(t, settle, func() error {
		var err error
		if route, err = frame.QueryRoute(namesrv()[0], topic); err != nil {
			return err
		}
		sum := 0
		for _, q := range route.Queues {
			sum += q.WriteQueueNums
		}
		if sum != queues {
			return fmt.Errorf("route of %s has %d queues, want %d", topic, sum, queues)
		}
		return nil
	})
	return route
}

func newProducer(t *testing.T, opts ...producer.Option) rocketmq.Producer {
	t.Helper()
	p, err := rocketmq.NewProducer(append([]producer.Option{
		producer.WithNameServer(namesrv()),
		producer.WithGroupName(unique(t, "pg")),
		producer.WithInstanceName(unique(t, "p")), // else all clients of the process share one connection and id
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Shutdown() })
	return p
}

// startConsumer starts a push consumer that hands everything to s. The test may shut it down before its end.
func startConsumer(t *testing.T, group, topic, tags string, s *sink, opts ...consumer.Option) rocketmq.PushConsumer {
	t.Helper()
	c, err := rocketmq.NewPushConsumer(append([]consumer.Option{
		consumer.WithNameServer(namesrv()),
		consumer.WithGroupName(group),
		consumer.WithInstance(unique(t, "c")),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Subscribe(topic, consumer.MessageSelector{Type: consumer.TAG, Expression: tags}, s.consume); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatalf("start of a consumer of %s: %v", topic, err)
	}
	t.Cleanup(func() { c.Shutdown() })
	return c
}

// send sends one message for each body and returns the results in the same order.
func send(t *testing.T, p rocketmq.Producer, topic string, bodies ...string) []*primitive.SendResult {
	t.Helper()
	var results []*primitive.SendResult
	for _, body := range bodies {
		result, err := p.SendSync(t.Context(), primitive.NewMessage(topic, []byte(body)))
		if err != nil {
			t.Fatalf("send %q to %s: %v", body, topic, err)
		}
		if result.Status != primitive.SendOK {
			t.Fatalf("send %q to %s: status %d", body, topic, result.Status)
		}
		results = append(results, result)
	}
	return results
}

// bodies returns n different bodies.
func bodies(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%03d", prefix, i)
	}
	return all
}

// forgetLocalOffsets removes the offset file that the client keeps at home for a broadcasting group.
func forgetLocalOffsets(t *testing.T, group string) {
	t.Cleanup(func() {
		if home, err := os.UserHomeDir(); err == nil {
			os.RemoveAll(filepath.Join(home, ".rocketmq_client_go", group))
		}
	})
}

// eventually calls try until it succeeds; the last error fails the test.
func eventually(t *testing.T, within time.Duration, try func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %v", within, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
