package compat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

// Public reports of other brokers' faults, tried on the running cluster; docs/bugs-tried.md lists them. Those that kill or configure nodes are
// in bugs_own_test.go.

// apache/rocketmq#10911: a stored body held frames of another connection.
func TestBodiesOfConnectionsStayApart(t *testing.T) {
	t.Parallel()
	const connections, each = 100, 10
	topic, addr := newTopic(t, 4), leaders(t)[0]
	body := func(id string) []byte {
		b := make([]byte, 1+rand.IntN(32<<10))
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		sum := sha256.Sum256(append([]byte(id), b...))
		return append(fmt.Appendf(nil, "%s %x ", id, sum), b...)
	}
	var mu sync.Mutex
	var acked []string
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() {
			r := dialRaw(t, addr)
			for n := range each {
				id := fmt.Sprintf("%d-%d", c, n)
				if f := r.send(topic, n%4, "", body(id)); f.Code == 0 {
					mu.Lock()
					acked = append(acked, id)
					mu.Unlock()
				}
			}
			if c%2 == 0 { // ends in the middle of a frame
				torn := frame.Encode(frame.Header{Code: 310, Opaque: 99, ExtFields: fieldsOf("b", topic)}, body("torn"))
				r.conn.Write(torn[:len(torn)/2])
				r.conn.Close()
			}
		})
	}
	wg.Wait()
	if len(acked) != connections*each {
		t.Errorf("%d of %d sends are acknowledged", len(acked), connections*each)
	}
	s := &sink{}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	eventually(t, settle, func() error {
		if n := s.count(); n != len(acked) {
			return fmt.Errorf("%d deliveries of %d", n, len(acked))
		}
		return nil
	})
	for _, d := range s.deliveries() {
		id, rest, _ := strings.Cut(d.body, " ")
		sum, rest, _ := strings.Cut(rest, " ")
		if want := sha256.Sum256([]byte(id + rest)); sum != fmt.Sprintf("%x", want) {
			t.Errorf("message %s is not what was sent", id)
		}
	}
}

// apache/rocketmq#4215: a stored offset beyond the end became 0.
func TestAnOffsetBeyondTheEnd(t *testing.T) {
	t.Parallel()
	topic, group := newTopic(t, 1), unique(t, "g")
	leader := dialRaw(t, leaders(t)[0])
	for range 10 {
		leader.send(topic, 0, "", []byte("x"))
	}
	leader.heartbeat("c", group, topic, "*", 1)
	if f := leader.pull(group, topic, 0, 15); f.Code != 21 || leader.number(f, "nextBeginOffset") != 10 {
		t.Errorf("the leader answers %d, next %s", f.Code, f.ExtFields["nextBeginOffset"])
	}
	for _, addr := range followers(t, topic) {
		follower := dialRaw(t, addr)
		if f := follower.pull(group, topic, 0, 15); f.Code != 20 || follower.number(f, "nextBeginOffset") != 15 {
			t.Errorf("a follower answers %d, next %s", f.Code, f.ExtFields["nextBeginOffset"])
		}
	}
	leader.want(0, 15, fieldsOf("consumerGroup", group, "topic", topic, "queueId", 0, "commitOffset", 15), nil)
	s := &sink{}
	startConsumer(t, group, topic, "*", s)
	eventually(t, 30*time.Second, func() error { // the client takes ten seconds to correct its offset
		leader.send(topic, 0, "", []byte("new"))
		if s.count() == 0 {
			return fmt.Errorf("nothing new is delivered")
		}
		return nil
	})
	for _, d := range s.deliveries() {
		if d.body != "new" {
			t.Errorf("offset %d is delivered again", d.queueOffset)
		}
	}
}

// apache/rocketmq#3953: with two retry queues, half of the retries were never seen.
func TestRetryQueuesFollowTheGroup(t *testing.T) {
	t.Parallel()
	topic, group := newTopic(t, 4), unique(t, "g")
	want := bodies("fails once", 40)
	s := &sink{}
	s.answer = failFirst()
	startConsumer(t, group, topic, "*", s, fromFirst())
	for _, addr := range leaders(t) {
		dialRaw(t, addr).want(0, 200, nil, fmt.Appendf(nil, `{"groupName":%q,"consumeEnable":true,"consumeFromMinEnable":true,
			"consumeBroadcastEnable":true,"retryQueueNums":2,"retryMaxTimes":16,"brokerId":0,"whichBrokerWhenConsumeSlowly":1,
			"notifyConsumerIdsChangedEnable":true}`, group))
	}
	waitRoute(t, "%RETRY%"+group, 2*len(leaders(t)))
	send(t, newProducer(t), topic, want...)
	s.waitBodies(t, 90*time.Second, append(want[:len(want):len(want)], want...))
}

// mxsm/rocketmq-rust#9323, ali-sdk/ali-ons#72: the answer to a send-back of a group without retries; a limit that comes as a JSON number.
func TestSendBackHeaders(t *testing.T) {
	t.Parallel()
	topic, group := newTopic(t, 1), unique(t, "g")
	r := dialRaw(t, leaders(t)[0])
	sent := r.send(topic, 0, "", []byte("x"))
	r.heartbeat("c", group, topic, "*", 1)
	id := sent.ExtFields["msgId"]
	var physical int64
	fmt.Sscanf(id[16:], "%x", &physical)
	back := fieldsOf("group", group, "offset", physical, "delayLevel", 0, "originMsgId", id, "originTopic", topic, "unitMode", false, "maxReconsumeTimes", 0)
	text := frame.Encode(frame.Header{Code: 36, Version: 401, Opaque: 7, ExtFields: back}, nil)
	numbers := bytes.ReplaceAll(bytes.ReplaceAll(text[8:], []byte(`"maxReconsumeTimes":"0"`), []byte(`"maxReconsumeTimes":0`)),
		[]byte(fmt.Sprintf(`"offset":"%d"`, physical)), []byte(fmt.Sprintf(`"offset":%d`, physical)))
	whole := binary.BigEndian.AppendUint32(nil, uint32(4+len(numbers)))
	whole = append(binary.BigEndian.AppendUint32(whole, uint32(len(numbers))), numbers...)
	if _, err := r.conn.Write(whole); err != nil {
		t.Fatal(err)
	}
	f, err := frame.Read(r.conn)
	if err != nil || f.Code != 0 || !f.Response() || f.Opaque != 7 {
		t.Fatalf("%+v, %v", f.Header, err)
	}
	if _, high := r.bounds("%DLQ%"+group, 0); high != 1 {
		t.Errorf("a limit of 0 as a number: %d dead letters, want 1", high)
	}
	r.want(0, 200, nil, fmt.Appendf(nil, `{"groupName":%q,"consumeEnable":true,"retryQueueNums":0,"retryMaxTimes":16,"whichBrokerWhenConsumeSlowly":1}`, group))
	if f := r.want(0, 36, back, nil); !f.Response() {
		t.Errorf("the answer lacks the response flag: %+v", f.Header)
	}
	if _, high := r.bounds("%DLQ%"+group, 0); high != 1 {
		t.Errorf("a group without retries: %d dead letters", high)
	}
}

// amigoer/mq-studio#45: fields that are missing or no numbers were answered with the text of an exception.
func TestEveryRequestWithoutAndWithWrongFields(t *testing.T) {
	t.Parallel()
	wrong := fieldsOf("queueId", "x", "offset", "x", "timestamp", "x", "maxNum", "x", "e", "x", "queueOffset", "x", "commitOffset", "x", "readQueueNums", "x",
		"topic", "T", "group", "g", "consumerGroup", "g", "key", "k", "b", "T", "brokerName", "x", "brokerId", "x")
	for name, addr := range map[string]string{"broker": leaders(t)[0], "NameServer": namesrv()[0]} {
		r := dialRaw(t, addr)
		for code := int32(10); code < 400; code++ {
			for _, fields := range []map[string]string{nil, wrong} {
				f := r.ask(code, fields, nil)
				for _, text := range []string{"panic", "runtime error", "goroutine", "nil pointer"} {
					if strings.Contains(f.Remark, text) {
						t.Errorf("%s, code %d: %d %q", name, code, f.Code, f.Remark)
					}
				}
			}
		}
		fields := fieldsOf("topic", "T", "key", "k", "maxNum", 1, "begin", 0, "end", 1)
		if f := r.ask(12, fields, nil); name == "broker" && (f.Code != 1 || !strings.Contains(f.Remark, "beginTimestamp")) {
			t.Errorf("a query without beginTimestamp: %d %q", f.Code, f.Remark)
		}
	}
}

// apache/rocketmq#6570: a send that was refused took a queue offset.
func TestLongPropertiesLeaveNoGap(t *testing.T) {
	t.Parallel()
	topic := newTopic(t, 1)
	r := dialRaw(t, leaders(t)[0])
	var stored int64
	for size := 31_900; size <= 32_767; size++ {
		properties := "k\x01" + strings.Repeat("v", size-3) + "\x02"
		f := r.send(topic, 0, properties, []byte("x"))
		switch {
		case f.Code == 0 && r.number(f, "queueOffset") == stored:
			stored++
		case f.Code != 13:
			t.Fatalf("%d bytes of properties: %d %q, offset %s", size, f.Code, f.Remark, f.ExtFields["queueOffset"])
		}
		if f := r.send(topic, 0, "", []byte("x")); f.Code != 0 || r.number(f, "queueOffset") != stored {
			t.Fatalf("a good send after %d bytes: %d %q, offset %s, want %d", size, f.Code, f.Remark, f.ExtFields["queueOffset"], stored)
		}
		stored++
	}
	if low, high := r.bounds(topic, 0); low != 0 || high != stored {
		t.Errorf("the queue holds %d to %d, want 0 to %d", low, high, stored)
	}
}

// apache/rocketmq-dashboard#302: the topic itself was listed as one of its groups.
func TestGroupsOfATopic(t *testing.T) {
	t.Parallel()
	topic, group := newTopic(t, 1), unique(t, "g")
	s := &sink{}
	startConsumer(t, group, topic, "*", s, fromFirst())
	send(t, newProducer(t), topic, bodies("x", len(leaders(t)))...)
	s.waitBodies(t, settle, bodies("x", len(leaders(t))))
	var list struct {
		GroupList []string `json:"groupList"`
	}
	f := dialRaw(t, leaders(t)[0]).want(0, 300, fieldsOf("topic", topic), nil)
	if err := json.Unmarshal(f.Body(), &list); err != nil || len(list.GroupList) != 1 || list.GroupList[0] != group {
		t.Errorf("groups of %s: %s, %v", topic, f.Body(), err)
	}
}

// apache/rocketmq#8673: names of producer groups were kept for ever.
func TestProducerGroupsAreForgotten(t *testing.T) {
	t.Parallel()
	addr, prefix := leaders(t)[0], unique(t, "pg")
	for n := range 500 {
		r := dialRaw(t, addr)
		for i := range 4 {
			r.want(0, 34, nil, fmt.Appendf(nil, `{"clientID":"c%d","consumerDataSet":[],"producerDataSet":[{"groupName":"%s_%d_%d"}]}`, n, prefix, n, i))
		}
		r.conn.Close()
	}
	r := dialRaw(t, addr)
	eventually(t, settle, func() error {
		if f := r.ask(328, nil, nil); f.Code != 0 || strings.Contains(string(f.Body()), prefix) {
			return fmt.Errorf("producers: %d %.200s", f.Code, f.Body())
		}
		return nil
	})
	r.want(1, 204, fieldsOf("producerGroup", prefix+"_7_0"), nil)
}

// apache/rocketmq#8086: a gRPC client on the remoting port was read as a frame of 1.3 GB.
func TestHTTP2PrefaceEndsTheConnection(t *testing.T) {
	t.Parallel()
	addr := leaders(t)[0]
	for range 200 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		conn.SetDeadline(begin.Add(5 * time.Second))
		io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
		if n, err := conn.Read(make([]byte, 1)); err == nil || time.Since(begin) > time.Second {
			t.Fatalf("read %d, %v after %v", n, err, time.Since(begin))
		}
		conn.Close()
	}
	dialRaw(t, addr).want(0, 28, nil, nil)
}

// apache/rocketmq#6679: a client whose clock was set back kept its old subscription.
func TestTheOnlyClientsSubscriptionCounts(t *testing.T) {
	t.Parallel()
	topic, group, addr := newTopic(t, 1), unique(t, "g"), leaders(t)[0]
	first := dialRaw(t, addr)
	first.heartbeat("c", group, topic, "A", 2000)
	first.conn.Close()
	second := dialRaw(t, addr)
	eventually(t, settle, func() error {
		second.heartbeat("c", group, topic, "B", 1000)
		f := second.ask(203, fieldsOf("consumerGroup", group), nil)
		if !strings.Contains(string(f.Body()), `"subString":"B"`) {
			return fmt.Errorf("203 answers %d %s", f.Code, f.Body())
		}
		return nil
	})
	second.send(topic, 0, "TAGS\x01A\x02", []byte("x"))
	second.send(topic, 0, "TAGS\x01B\x02", []byte("x"))
	f := second.ask(11, fieldsOf("consumerGroup", group, "topic", topic, "queueId", 0, "queueOffset", 0, "maxMsgNums", 32, "sysFlag", 0,
		"commitOffset", 0, "suspendTimeoutMillis", 0, "subVersion", 1000), nil)
	if f.Code != 0 || !bytes.Contains(f.Body(), []byte("TAGS\x01B")) || bytes.Contains(f.Body(), []byte("TAGS\x01A")) {
		t.Errorf("a pull by the new subscription: %d %q", f.Code, f.Body())
	}
}

// failFirst fails each body at its first delivery.
func failFirst() func(_ context.Context, d delivery) consumer.ConsumeResult {
	var mu sync.Mutex
	seen := map[string]bool{}
	return func(_ context.Context, d delivery) consumer.ConsumeResult {
		mu.Lock()
		defer mu.Unlock()
		if seen[d.body] {
			return consumer.ConsumeSuccess
		}
		seen[d.body] = true
		return consumer.ConsumeRetryLater
	}
}
