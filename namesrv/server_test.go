package namesrv

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/internal/netsim"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// bench is a NameServer in a bubble, and clients that speak to it in numbers and keys, not in the names of package protocol.
type bench struct {
	t   *testing.T
	net *netsim.Network
	log *logBuffer
	sum prometheus.Gatherer
}

// logBuffer is a log that is read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// settle lets what was sent arrive.
func settle() {
	time.Sleep(10 * time.Millisecond)
	synctest.Wait()
}

func bubble(t *testing.T, o Options, test func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		b := &bench{t: t, net: netsim.New(), log: &logBuffer{}, sum: registry}
		ln, err := b.net.Host("ns").Listen("ns:9876")
		if err != nil {
			t.Fatal(err)
		}
		o.Listener, o.Metrics = ln, registry
		o.Logger = hclog.New(&hclog.LoggerOptions{Output: b.log, Level: hclog.Info})
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		defer running.Wait()
		defer stop()
		test(b)
	})
}

func (b *bench) client(host string) *remoting.Client {
	return remoting.NewClient(remoting.ClientOptions{Dial: b.net.Host(host).Dial})
}

// ask sends a request with pairs as extFields.
func (b *bench) ask(c *remoting.Client, code int32, body []byte, pairs ...string) *remoting.Command {
	b.t.Helper()
	req := &remoting.Command{Code: code, Body: body}
	for i := 0; i < len(pairs); i += 2 {
		req.Ext = append(req.Ext, protocol.Field{Key: pairs[i], Value: pairs[i+1]})
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 3*time.Second)
	defer cancel()
	resp, err := c.Invoke(ctx, "ns:9876", req)
	if err != nil {
		b.t.Fatalf("code %d: %v", code, err)
	}
	return resp
}

func topicJSON(name string, queues int) string {
	return fmt.Sprintf(`%q:{"attributes":{},"order":false,"perm":6,"readQueueNums":%d,"topicFilterType":"SINGLE_TAG","topicName":%q,"topicSysFlag":0,"writeQueueNums":%d}`, name, queues, name, queues)
}

func registerBody(term int, topics ...string) []byte {
	var table []string
	for _, name := range topics {
		table = append(table, topicJSON(name, 4))
	}
	return fmt.Appendf(nil, `{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":7,"stateVersion":%d,"timestamp":1700000000000},"topicConfigTable":{%s}}}`,
		term, strings.Join(table, ","))
}

// register sends a full registration of broker "g" in cluster "C".
func (b *bench) register(c *remoting.Client, addr string, id, term int, topics ...string) *remoting.Command {
	b.t.Helper()
	return b.registerAs(c, addr, id, term, registerBody(term, topics...), "raftmqTopics", "full")
}

func (b *bench) registerAs(c *remoting.Client, addr string, id, term int, body []byte, more ...string) *remoting.Command {
	b.t.Helper()
	return b.ask(c, 103, body, append([]string{"brokerName", "g", "brokerAddr", addr, "clusterName", "C", "haServerAddr", "ha:" + addr,
		"brokerId", fmt.Sprint(id), "heartbeatTimeoutMillis", "10000"}, more...)...)
}

func want(t *testing.T, what string, resp *remoting.Command, code int32, text string) {
	t.Helper()
	if resp.Code != code || !strings.Contains(resp.Remark+string(resp.Body), text) {
		t.Errorf("%s: code %d, remark %q, body %q; want %d with %q", what, resp.Code, resp.Remark, resp.Body, code, text)
	}
}

const (
	bothRouted = `{"brokerDatas":[{"brokerAddrs":{"0":"l:10911","1":"f:10911"},"brokerName":"g","cluster":"C","enableActingMaster":false}],` +
		`"filterServerTable":{},"queueDatas":[{"brokerName":"g","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}`
	followerRouted = `{"brokerDatas":[{"brokerAddrs":{"0":"f:10911"},"brokerName":"g","cluster":"C","enableActingMaster":false}],` +
		`"filterServerTable":{},"queueDatas":[{"brokerName":"g","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}`
)

func TestRoutesFollowTheLeader(t *testing.T) {
	bubble(t, Options{ReadyAfter: -1}, func(b *bench) {
		leader, follower, client := b.client("l"), b.client("f"), b.client("c")
		defer follower.Close()
		defer client.Close()
		want(t, "leader registers", b.register(leader, "l:10911", 0, 5, "T", "TBW102"), 0, "")
		resp := b.register(follower, "f:10911", 1, 5)
		want(t, "follower registers", resp, 0, "")
		if at, _ := resp.Ext.Get("masterAddr"); at != "l:10911" {
			t.Errorf("the follower learned of leader %q", at)
		}
		if ha, _ := resp.Ext.Get("haServerAddr"); ha != "ha:l:10911" {
			t.Errorf("the follower learned of HA address %q", ha)
		}
		route := func() *remoting.Command { return b.ask(client, 105, nil, "topic", "T") }
		if got := string(route().Body); got != bothRouted {
			t.Errorf("route\n%s, want\n%s", got, bothRouted)
		}
		old := &remoting.Command{Code: 105, Version: 121, Ext: protocol.Fields{{Key: "topic", Value: "T"}}}
		if resp, err := client.Invoke(b.t.Context(), "ns:9876", old); err != nil || string(resp.Body) != bothRouted {
			t.Errorf("keys are quoted for old clients too: %q, %v", resp.Body, err)
		}
		leader.Close()
		settle()
		if got := string(route().Body); got != followerRouted {
			t.Errorf("without leader\n%s, want\n%s", got, followerRouted)
		}
		want(t, "new leader registers", b.register(follower, "f:10911", 0, 6, "T"), 0, "")
		stale := b.client("l")
		defer stale.Close()
		want(t, "stale leader", b.register(stale, "l:10911", 0, 5, "T", "Old"), 1, "register broker failed: a higher term")
		if got := string(route().Body); got != followerRouted {
			t.Errorf("after the change\n%s, want\n%s", got, followerRouted)
		}
		want(t, "a topic that the new leader does not have", b.ask(client, 105, nil, "topic", "TBW102"), 17, "No topic route info in name server for the topic: TBW102\nSee ")
	})
}

func TestUnknownTopics(t *testing.T) {
	bubble(t, Options{ReadyAfter: -1}, func(b *bench) {
		c := b.client("c")
		defer c.Close()
		want(t, "unknown", b.ask(c, 105, nil, "topic", "Nope"), 17, "No topic route info in name server for the topic: Nope")
		want(t, "empty", b.ask(c, 105, nil, "topic", ""), 17, "No topic route info")
		want(t, "no field", b.ask(c, 105, nil), 17, "No topic route info")
		want(t, "unknown code", b.ask(c, 4711, nil), 3, " request type 4711 not supported")
	})
}

func TestNotReadyAfterAnEmptyStart(t *testing.T) {
	bubble(t, Options{ReadyAfter: 30 * time.Second, Groups: []string{"g"}}, func(b *bench) {
		c, l := b.client("c"), b.client("l")
		defer c.Close()
		defer l.Close()
		ask := func(topic string) *remoting.Command { return b.ask(c, 105, nil, "topic", topic) }
		want(t, "empty", ask("T"), 1, "name server not ready")
		b.register(c, "f:10911", 1, 5)
		want(t, "only a follower", ask("T"), 1, "name server not ready")
		b.register(l, "l:10911", 0, 5, "T")
		want(t, "known topic", ask("T"), 0, "brokerDatas")
		want(t, "unknown topic", ask("U"), 17, "")
		l.Close()
		c2 := b.client("c2")
		defer c2.Close()
		time.Sleep(time.Minute)
		want(t, "all brokers gone", b.ask(c2, 105, nil, "topic", "T"), 17, "")
	})
	bubble(t, Options{ReadyAfter: 30 * time.Second}, func(b *bench) {
		c := b.client("c")
		defer c.Close()
		b.register(c, "l:10911", 0, 5, "T")
		want(t, "nobody named the groups", b.ask(c, 105, nil, "topic", "U"), 1, "name server not ready")
		want(t, "known topic", b.ask(c, 105, nil, "topic", "T"), 0, "brokerDatas")
		time.Sleep(30 * time.Second)
		want(t, "time is up", b.ask(c, 105, nil, "topic", "U"), 17, "")
	})
}

func TestSilentBrokersExpire(t *testing.T) {
	bubble(t, Options{ReadyAfter: -1}, func(b *bench) {
		l, c := b.client("l"), b.client("c")
		defer l.Close()
		defer c.Close()
		beat := func() *remoting.Command {
			return b.ask(l, 904, nil, "clusterName", "C", "brokerAddr", "l:10911", "brokerName", "g", "brokerId", "0", "heartbeatTimeoutMills", "10000")
		}
		want(t, "heartbeat of a stranger", beat(), 1, "not registered")
		b.register(l, "l:10911", 0, 5, "T")
		for range 30 {
			time.Sleep(time.Second)
			want(t, "heartbeat", beat(), 0, "")
		}
		want(t, "route", b.ask(c, 105, nil, "topic", "T"), 0, "l:10911")
		time.Sleep(9 * time.Second)
		want(t, "route before the timeout", b.ask(c, 105, nil, "topic", "T"), 0, "l:10911")
		time.Sleep(2 * time.Second)
		want(t, "route after the timeout", b.ask(c, 105, nil, "topic", "T"), 17, "")
		want(t, "heartbeat of an expired broker", beat(), 1, "not registered")
		if !strings.Contains(b.log.String(), "broker left") || !strings.Contains(b.log.String(), "expired") {
			t.Errorf("log:\n%s", b.log)
		}
	})
}

func TestAnOldConnectionsCloseTakesNothing(t *testing.T) { // design section 9, interleaving 12
	bubble(t, Options{ReadyAfter: -1}, func(b *bench) {
		old, fresh, c := b.client("l"), b.client("l"), b.client("c")
		defer fresh.Close()
		defer c.Close()
		b.register(old, "l:10911", 0, 5, "T")
		b.register(fresh, "l:10911", 0, 5, "T")
		want(t, "unregistration over the old connection", b.ask(old, 104, nil, "brokerName", "g", "brokerAddr", "l:10911", "clusterName", "C", "brokerId", "0"), 0, "")
		old.Close()
		settle()
		want(t, "route", b.ask(c, 105, nil, "topic", "T"), 0, "l:10911")
		want(t, "unregistration", b.ask(fresh, 104, nil, "brokerName", "g", "brokerAddr", "l:10911", "clusterName", "C", "brokerId", "0"), 0, "")
		want(t, "route", b.ask(c, 105, nil, "topic", "T"), 17, "")
	})
}

func TestChangedTopics(t *testing.T) {
	bubble(t, Options{ReadyAfter: -1}, func(b *bench) {
		l, c := b.client("l"), b.client("c")
		defer l.Close()
		defer c.Close()
		changed := func(term int, topics ...string) *remoting.Command {
			return b.registerAs(l, "l:10911", 0, term, registerBody(term, topics...), "raftmqTopics", "changed")
		}
		want(t, "without a full table", changed(5, "T"), 1, "full registration needed")
		b.register(l, "l:10911", 0, 5, "T")
		want(t, "changed", changed(5, "U"), 0, "")
		want(t, "topics", b.ask(c, 206, nil), 0, `"topicList":["T","U"]`)
		b.register(l, "l:10911", 0, 5, "U")
		want(t, "topics", b.ask(c, 206, nil), 0, `"topicList":["U"]`)
	})
}

func TestRegistrationBodies(t *testing.T) {
	zipped := func(body []byte) []byte {
		var out bytes.Buffer
		w := zlib.NewWriter(&out)
		w.Write(body)
		w.Close()
		return out.Bytes()
	}
	text := func(b []byte, s string) []byte { return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...) }
	binaryBody := text(nil, `{"counter":7,"stateVersion":5,"timestamp":1700000000000}`)
	binaryBody = binary.BigEndian.AppendUint32(binaryBody, 1)
	binaryBody = text(binaryBody, "Z 4 4 6 SINGLE_TAG")
	binaryBody = text(binaryBody, "[]")
	bubble(t, Options{ReadyAfter: -1}, func(b *bench) {
		c := b.client("c")
		defer c.Close()
		sum := func(body []byte) string { return fmt.Sprint(crc32.ChecksumIEEE(body) & 0x7FFFFFFF) }
		body := registerBody(5, "T")
		want(t, "checksum", b.registerAs(c, "l:10911", 0, 5, body, "bodyCrc32", sum(body), "raftmqTopics", "full"), 0, "")
		want(t, "wrong checksum", b.registerAs(c, "l:10911", 0, 5, body, "bodyCrc32", "12345"), 1, "crc32 not match")
		z := zipped(binaryBody)
		want(t, "compressed", b.registerAs(c, "l:10911", 0, 5, z, "compressed", "true", "bodyCrc32", sum(z), "raftmqTopics", "full"), 0, "")
		want(t, "topics", b.ask(c, 206, nil), 0, `"topicList":["Z"]`)
		bomb := zipped(make([]byte, 4<<20))
		for name, resp := range map[string]*remoting.Command{
			"not JSON":              b.registerAs(c, "l:10911", 0, 5, []byte("{")),
			"not zlib":              b.registerAs(c, "l:10911", 0, 5, []byte("hello"), "compressed", "true"),
			"a bomb":                b.registerAs(c, "l:10911", 0, 5, bomb, "compressed", "true"),
			"no address":            b.registerAs(c, "", 0, 5, body),
			"no port":               b.registerAs(c, "host", 0, 5, body),
			"two addresses":         b.registerAs(c, `a:1","1":"b:2`, 0, 5, body),
			"address with a comma":  b.registerAs(c, "a,b:1", 0, 5, body),
			"negative id":           b.registerAs(c, "l:10911", -1, 5, body),
			"topic that is a path":  b.registerAs(c, "l:10911", 0, 5, registerBody(5, "../etc")),
			"negative stateVersion": b.registerAs(c, "l:10911", 0, 5, registerBody(-3, "T", "U")),
			"more queues than believed": b.registerAs(c, "l:10911", 0, 5, fmt.Appendf(nil,
				`{"topicConfigSerializeWrapper":{"dataVersion":{"counter":7,"stateVersion":5,"timestamp":1},"topicConfigTable":{%s}}}`, topicJSON("T", 1<<20))),
		} {
			want(t, name, resp, 1, "register broker failed: ")
		}
		want(t, "still there", b.ask(c, 105, nil, "topic", "Z"), 0, "l:10911")
	})
}

func TestDataVersion(t *testing.T) {
	bubble(t, Options{ReadyAfter: -1}, func(b *bench) {
		c := b.client("c")
		defer c.Close()
		ask := func(counter int) *remoting.Command {
			return b.ask(c, 322, fmt.Appendf(nil, `{"counter":%d,"stateVersion":5,"timestamp":1700000000000}`, counter),
				"brokerName", "g", "brokerAddr", "l:10911", "clusterName", "C", "brokerId", "0")
		}
		changed := func(r *remoting.Command) string { v, _ := r.Ext.Get("changed"); return v }
		if r := ask(7); changed(r) != "true" || len(r.Body) != 0 {
			t.Errorf("unknown broker: %q, %q", changed(r), r.Body)
		}
		b.register(c, "l:10911", 0, 5, "T")
		if r := ask(7); changed(r) != "false" || !bytes.Contains(r.Body, []byte(`"counter":7`)) {
			t.Errorf("same version: %q, %q", changed(r), r.Body)
		}
		if r := ask(8); changed(r) != "true" {
			t.Errorf("newer version: %q", changed(r))
		}
	})
}

func TestAdminRequests(t *testing.T) {
	bubble(t, Options{ReadyAfter: -1}, func(b *bench) {
		c := b.client("c")
		defer c.Close()
		b.register(c, "l:10911", 0, 5, "T", "U")
		b.register(c, "f:10911", 1, 5)
		want(t, "106", b.ask(c, 106, nil), 0, `{"brokerAddrTable":{"g":{"brokerAddrs":{"0":"l:10911","1":"f:10911"},"brokerName":"g","cluster":"C","enableActingMaster":false}},"clusterAddrTable":{"C":["g"]}}`)
		want(t, "901", b.ask(c, 901, nil, "clusterName", "C", "brokerName", "g"), 0, `{"brokerMemberGroup":{"brokerAddrs":{"0":"l:10911","1":"f:10911"},"brokerName":"g","cluster":"C"}}`)
		want(t, "901 of nobody", b.ask(c, 901, nil, "clusterName", "C", "brokerName", "h"), 0, `"brokerAddrs":{}`)
		want(t, "206", b.ask(c, 206, nil), 0, `"topicList":["T","U"]`)
		want(t, "224", b.ask(c, 224, nil, "cluster", "C"), 0, `"topicList":["T","U"]`)
		want(t, "224 of nobody", b.ask(c, 224, nil, "cluster", "D"), 0, `"topicList":[]`)
		want(t, "304", b.ask(c, 304, nil), 0, `"topicList":["C","g"]`)
		want(t, "311", b.ask(c, 311, nil), 0, `"topicList":[]`)

		count := func(r *remoting.Command, key string) string { v, _ := r.Ext.Get(key); return v }
		if r := b.ask(c, 205, nil, "brokerName", "g"); r.Code != 0 || count(r, "wipeTopicCount") != "2" {
			t.Errorf("205: %+v", r)
		}
		want(t, "wiped", b.ask(c, 105, nil, "topic", "T"), 0, `"perm":4`)
		if r := b.ask(c, 327, nil, "brokerName", "g"); r.Code != 0 || count(r, "addTopicCount") != "2" {
			t.Errorf("327: %+v", r)
		}
		want(t, "given back", b.ask(c, 105, nil, "topic", "T"), 0, `"perm":6`)

		want(t, "216", b.ask(c, 216, nil, "topic", "T", "clusterName", "D"), 0, "")
		want(t, "still there", b.ask(c, 105, nil, "topic", "T"), 0, "")
		want(t, "216", b.ask(c, 216, nil, "topic", "T", "clusterName", "C"), 0, "")
		want(t, "deleted", b.ask(c, 105, nil, "topic", "T"), 17, "")
		want(t, "217", b.ask(c, 217, []byte(`{"queueDatas":[{"brokerName":"g","perm":6,"readQueueNums":2,"writeQueueNums":2}]}`), "topic", "V"), 0, "")
		want(t, "registered", b.ask(c, 105, nil, "topic", "V"), 0, `"readQueueNums":2`)
		want(t, "a path", b.ask(c, 217, []byte(`{"queueDatas":[]}`), "topic", "../V"), 1, "topic")
	})
}

func TestKV(t *testing.T) {
	bubble(t, Options{ReadyAfter: -1, OrderTopicConf: true, Caps: Caps{KVEntries: 2, KVBytes: 100}}, func(b *bench) {
		c := b.client("c")
		defer c.Close()
		want(t, "missing", b.ask(c, 101, nil, "namespace", "N", "key", "k"), 22, "No config item")
		want(t, "no namespace", b.ask(c, 219, nil, "namespace", "N"), 22, "")
		want(t, "put", b.ask(c, 100, nil, "namespace", "N", "key", "k", "value", "v"), 0, "")
		if r := b.ask(c, 101, nil, "namespace", "N", "key", "k"); r.Code != 0 || !slices.Contains(r.Ext, protocol.Field{Key: "value", Value: "v"}) {
			t.Errorf("get: %+v", r)
		}
		want(t, "list", b.ask(c, 219, nil, "namespace", "N"), 0, `{"table":{"k":"v"}}`)
		want(t, "order", b.ask(c, 100, nil, "namespace", "ORDER_TOPIC_CONFIG", "key", "T", "value", "g:4"), 0, "")
		want(t, "one too many", b.ask(c, 100, nil, "namespace", "N", "key", "k2", "value", "v"), 1, "full")
		want(t, "too large", b.ask(c, 100, nil, "namespace", "N", "key", "k", "value", strings.Repeat("v", 100)), 1, "full")
		want(t, "registration tells the order", b.register(c, "l:10911", 0, 5, "T"), 0, `{"table":{"T":"g:4"}}`)
		want(t, "route tells the order", b.ask(c, 105, nil, "topic", "T"), 0, `"orderTopicConf":"g:4"`)
		want(t, "delete", b.ask(c, 102, nil, "namespace", "N", "key", "k"), 0, "")
		want(t, "deleted", b.ask(c, 101, nil, "namespace", "N", "key", "k"), 22, "")
		want(t, "room again", b.ask(c, 100, nil, "namespace", "N", "key", "k2", "value", "v"), 0, "")
	})
}

func TestWhoMayAskForWhat(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s, err := New(Options{Listener: ln, AdminAllow: []string{"10.1.0.0/16", "192.0.2.7"}, RegisterAllow: []string{"10.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		class protocol.Class
		from  string
		ok    bool
	}{
		{protocol.Public, "203.0.113.9:1", true},
		{protocol.Peer, "203.0.113.9:1", false},
		{protocol.Peer, "10.2.3.4:1", true},
		{protocol.Peer, "127.0.0.1:1", true},
		{protocol.Admin, "10.2.3.4:1", false},
		{protocol.Admin, "10.1.2.3:1", true},
		{protocol.Admin, "[::ffff:10.1.2.3]:1", true},
		{protocol.Admin, "192.0.2.7:1", true},
		{protocol.Admin, "192.0.2.8:1", false},
		{protocol.Admin, "127.0.0.1:1", true},
		{protocol.Admin, "[::1]:1", true},
	} {
		if remark, ok := s.allowed(c.class, netip.MustParseAddrPort(c.from)); ok != c.ok || ok != (remark == "") {
			t.Errorf("class %d from %s: %v %q, want %v", c.class, c.from, ok, remark, c.ok)
		}
	}
	for _, code := range []int32{100, 102, 205, 216, 217, 318, 319, 327} {
		if info, ok := protocol.Lookup(code); !ok || info.Class != protocol.Admin {
			t.Errorf("code %d changes what clients see and has class %v", code, info.Class)
		}
	}
	for code := range handlers {
		if info, ok := protocol.Lookup(code); !ok || info.NameServer != protocol.Served {
			t.Errorf("code %d is served, the table says %v", code, info.NameServer)
		}
	}
	if _, err := New(Options{Listener: ln, AdminAllow: []string{"everybody"}}); err == nil || !strings.Contains(err.Error(), "everybody") {
		t.Errorf("bad network: %v", err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("no listener was accepted")
	}
}

func TestConfigIsShownAndNotChanged(t *testing.T) {
	bubble(t, Options{ReadyAfter: -1, OrderTopicConf: true}, func(b *bench) {
		c := b.client("c")
		defer c.Close()
		before := b.ask(c, 319, nil)
		if text := string(before.Body); before.Code != 0 || !strings.Contains(text, "listenPort=9876\n") || !strings.Contains(text, "orderMessageEnable=true\n") {
			t.Errorf("config: %d %q", before.Code, text)
		}
		for body, want := range map[string]int32{"kvConfigPath=/etc\norderMessageEnable=false": 16, "orderMessageEnable=false": 16, "nobodyKnows=1": 16, "": 1, "# x": 1} {
			if resp := b.ask(c, 318, []byte(body)); resp.Code != want {
				t.Errorf("update of %q: %d %q, want %d", body, resp.Code, resp.Remark, want)
			}
		}
		if after := b.ask(c, 319, nil); string(after.Body) != string(before.Body) {
			t.Errorf("after refused updates: %s", after.Body)
		}
	})
}

func TestMetricsAndBootLine(t *testing.T) {
	bubble(t, Options{ReadyAfter: -1}, func(b *bench) {
		c := b.client("c")
		b.register(c, "l:10911", 0, 5, "T", "U")
		b.ask(c, 105, nil, "topic", "T")
		b.ask(c, 4711, nil)
		values := func() map[string]float64 {
			families, err := b.sum.Gather()
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]float64{}
			for _, f := range families {
				for _, m := range f.Metric {
					name := f.GetName()
					for _, l := range m.Label {
						name += " " + l.GetValue()
					}
					out[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
				}
			}
			return out
		}
		got := values()
		for name, v := range map[string]float64{"raftmq_namesrv_brokers": 1, "raftmq_namesrv_topics": 2,
			"raftmq_namesrv_requests_total GET_ROUTEINFO_BY_TOPIC": 1, "raftmq_namesrv_requests_total unknown": 1} {
			if got[name] != v {
				t.Errorf("%s = %v, want %v; all: %v", name, got[name], v, slices.Sorted(maps.Keys(got)))
			}
		}
		c.Close()
		settle()
		if got := values(); got["raftmq_namesrv_brokers"] != 0 || got["raftmq_namesrv_departures_total connection closed"] != 1 {
			t.Errorf("after the broker left: %v", got)
		}
		if line := "The Name Server boot success. serializeType=JSON, address ns:9876"; !strings.Contains(b.log.String(), line) {
			t.Errorf("no line %q in\n%s", line, b.log)
		}
	})
}
