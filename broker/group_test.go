package broker

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/internal/netsim"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// testGroup is a broker group on a network in memory. It lives inside a synctest bubble: time is virtual.
type testGroup struct {
	t       *testing.T
	net     *netsim.Network
	names   *testNameServer
	members []*testMember
	client  *remoting.Client
	change  func(*Options)
}

type testMember struct {
	name, dir string
	fs        *vfs.Mem
	host      *netsim.Host
	broker    *Broker
	cancel    context.CancelFunc
	done      chan error
}

func (m *testMember) addr() string { return m.name + ":10911" }

// one runs a test with a group of one member whose reign has begun.
func one(t *testing.T, change func(*Options), test func(t *testing.T, g *testGroup)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newTestGroup(t, 1, change)
		g.leader()
		test(t, g)
	})
}

// three runs a test with a group of three members that all serve.
func three(t *testing.T, test func(t *testing.T, g *testGroup, leader int)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newTestGroup(t, 3, nil)
		leader := g.leader()
		g.eventually("followers", func() bool {
			for _, m := range g.members {
				if !m.broker.Status().Serving {
					return false
				}
			}
			return true
		})
		test(t, g, leader)
	})
}

// newTestGroup starts n members and a NameServer.
func newTestGroup(t *testing.T, n int, change func(*Options)) *testGroup {
	t.Helper()
	g := &testGroup{t: t, net: netsim.New(), change: change}
	g.names = newTestNameServer(t, g.net.Host("ns"))
	g.client = remoting.NewClient(remoting.ClientOptions{Dial: g.net.Host("client").Dial})
	for i := range n {
		g.members = append(g.members, &testMember{name: fmt.Sprint("n", i), dir: t.TempDir(), fs: vfs.NewMem()})
	}
	for i := range n {
		g.start(i)
	}
	t.Cleanup(func() {
		_ = g.client.Close()
		var wg sync.WaitGroup
		for i, m := range g.members {
			wg.Go(func() {
				if m.cancel != nil {
					g.stop(i)
				}
				<-m.done
			})
		}
		wg.Wait()
	})
	return g
}

func (g *testGroup) start(i int) {
	g.t.Helper()
	m := g.members[i]
	if m.done != nil {
		<-m.done // of a killed process, so that its files are free
	}
	m.host = g.net.Host(m.name)
	listen := func(port int) net.Listener {
		ln, err := m.host.Listen(fmt.Sprint(":", port))
		if err != nil {
			g.t.Fatal(err)
		}
		return ln
	}
	o := Options{
		Cluster: "TestCluster", Name: "RaftNode00", Node: m.name, Advertise: fmt.Sprint("10.0.0.", i+1, ":10911"),
		Listener: listen(10911), NameServers: []string{"ns:9876"}, Dial: m.host.Dial, FS: m.fs, Dir: "/data", RealDir: m.dir,
		AutoCreateTopic: true, AutoCreateGroup: true, FollowerReads: true, Logger: testLogger(g.t),
		Raft: raftlog.Options{Listener: listen(10912), Dial: m.host.Dial, Secret: []byte("a secret of the tests"), SegmentBytes: 4 << 20},
	}
	for _, peer := range g.members {
		o.Raft.Peers = append(o.Raft.Peers, raftlog.Peer{Name: peer.name, Address: peer.name + ":10912"})
	}
	if g.change != nil {
		g.change(&o)
	}
	b, err := New(o)
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	m.broker, m.cancel, m.done = b, cancel, done
	go func() {
		done <- b.Run(ctx)
		close(done)
	}()
}

// stop ends a member as SIGTERM does.
func (g *testGroup) stop(i int) {
	g.t.Helper()
	m := g.members[i]
	m.cancel()
	m.cancel = nil
	if err := <-m.done; err != nil {
		g.t.Errorf("member %s: %v", m.name, err)
	}
}

// kill takes a member off the network at once; its process ends unheard, beside what goes on. It may be started again.
func (g *testGroup) kill(i int) {
	m := g.members[i]
	m.host.Kill()
	m.cancel()
	m.cancel = nil
}

// leader waits until some member's reign has begun and returns its place; those in but do not count.
func (g *testGroup) leader(but ...int) int {
	g.t.Helper()
	place := -1
	g.eventually("a leader", func() bool {
		for i, m := range g.members {
			if m.cancel != nil && m.broker.roles.load().ready && !contains(but, i) {
				place = i
				return true
			}
		}
		return false
	})
	return place
}

func contains(all []int, n int) bool {
	for _, i := range all {
		if i == n {
			return true
		}
	}
	return false
}

// eventually polls a condition in virtual time.
func (g *testGroup) eventually(what string, ok func() bool) {
	g.t.Helper()
	for pause := time.Millisecond; pause < 20*time.Second; pause += pause/16 + 1 { // for five virtual minutes
		if ok() {
			return
		}
		time.Sleep(pause)
	}
	g.t.Fatalf("waited in vain for %s", what)
}

// pass lets virtual time pass.
func (g *testGroup) pass(d time.Duration) { time.Sleep(d) }

// call sends a request to a member.
func (g *testGroup) call(i int, code int32, ext protocol.Fields, body []byte) *remoting.Command {
	g.t.Helper()
	resp, err := g.try(i, code, ext, body)
	if err != nil {
		g.t.Fatalf("request %d to %s: %v", code, g.members[i].name, err)
	}
	return resp
}

func (g *testGroup) try(i int, code int32, ext protocol.Fields, body []byte) (*remoting.Command, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	return g.client.Invoke(ctx, g.members[i].addr(), &remoting.Command{Code: code, Language: protocol.Java, Version: 401, Ext: ext, Body: body})
}

// oneway sends a request that wants no answer.
func (g *testGroup) oneway(i int, code int32, ext protocol.Fields, body []byte) {
	g.t.Helper()
	req := &remoting.Command{Code: code, Flag: remoting.FlagOneway, Version: 401, Ext: ext, Body: body}
	if err := g.client.Oneway(context.Background(), g.members[i].addr(), req); err != nil {
		g.t.Fatal(err)
	}
}

// fields makes extFields of pairs.
func fields(pairs ...any) protocol.Fields {
	var f protocol.Fields
	for i := 0; i < len(pairs); i += 2 {
		f = append(f, protocol.Field{Key: pairs[i].(string), Value: fmt.Sprint(pairs[i+1])})
	}
	return f
}

// sendFields are those of SEND_MESSAGE_V2.
func sendFields(topic string, queue int, properties string, more ...any) protocol.Fields {
	f := fields("a", "PG", "b", topic, "c", "TBW102", "d", 4, "e", queue, "f", 0, "g", time.Now().UnixMilli(), "h", 0, "i", properties, "j", 0, "k", false, "m", false)
	for i := 0; i < len(more); i += 2 {
		f = f.Set(more[i].(string), fmt.Sprint(more[i+1]))
	}
	return f
}

// send sends a message and expects a code.
func (g *testGroup) send(i int, topic string, queue int, properties, body string, want int32) *remoting.Command {
	g.t.Helper()
	resp := g.call(i, 310, sendFields(topic, queue, properties), []byte(body))
	if resp.Code != want {
		g.t.Fatalf("send to %s = %d %q, want %d", topic, resp.Code, resp.Remark, want)
	}
	return resp
}

func pullFields(group, topic string, queue int, from int64, more ...any) protocol.Fields {
	f := fields("consumerGroup", group, "topic", topic, "queueId", queue, "queueOffset", from, "maxMsgNums", 32, "sysFlag", protocol.PullSubscription,
		"commitOffset", 0, "suspendTimeoutMillis", 15000, "subscription", "*", "subVersion", 0, "expressionType", "TAG")
	for i := 0; i < len(more); i += 2 {
		f = f.Set(more[i].(string), fmt.Sprint(more[i+1]))
	}
	return f
}

// pulled pulls and decodes.
func (g *testGroup) pulled(i int, ext protocol.Fields) (*remoting.Command, []message.Message) {
	g.t.Helper()
	resp := g.call(i, 11, ext, nil)
	var all []message.Message
	for rest := resp.Body; len(rest) > 0; {
		m, n, err := message.DecodeStored(rest)
		if err != nil {
			g.t.Fatalf("pulled bytes do not decode: %v", err)
		}
		all = append(all, m)
		rest = rest[n:]
	}
	return resp, all
}

// drain pulls a whole queue from offset 0.
func (g *testGroup) drain(i int, topic string, queue int) []message.Message {
	g.t.Helper()
	var all []message.Message
	for {
		resp, some := g.pulled(i, pullFields("drain", topic, queue, int64(len(all))))
		if resp.Code != protocol.Success {
			return all
		}
		all = append(all, some...)
	}
}

// number reads a numeric field of a response.
func number(t *testing.T, resp *remoting.Command, key string) int64 {
	t.Helper()
	text, ok := resp.Ext.Get(key)
	n, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil {
		t.Fatalf("response %d %q has %s = %q", resp.Code, resp.Remark, key, text)
	}
	return n
}

// testLogger writes warnings to the test's log.
func testLogger(t *testing.T) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: t.Output(), DisableTime: true})
}

// testNameServer records what members tell it.
type testNameServer struct {
	mu   sync.Mutex
	ids  map[string]string // address → broker id of the last registration
	all  map[string]int32  // topics of the last registration, with their permissions
	last map[int32]int     // requests by code
	stop func()
}

func newTestNameServer(t *testing.T, host *netsim.Host) *testNameServer {
	n := &testNameServer{ids: map[string]string{}, last: map[int32]int{}}
	n.start(t, host)
	t.Cleanup(func() { n.stop() })
	return n
}

func (n *testNameServer) start(t *testing.T, host *netsim.Host) {
	ln, err := host.Listen(":9876")
	if err != nil {
		t.Fatal(err)
	}
	server := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(n.serve)})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(ctx, ln) })
	n.stop = func() { cancel(); wg.Wait() }
}

// restart closes every connection and forgets everything.
func (n *testNameServer) restart(t *testing.T, host *netsim.Host) {
	n.stop()
	n.mu.Lock()
	clear(n.ids)
	n.mu.Unlock()
	n.start(t, host)
}

func (n *testNameServer) serve(r *remoting.Request) {
	addr, _ := r.Ext.Get("brokerAddr")
	id, _ := r.Ext.Get("brokerId")
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last[r.Code]++
	switch {
	case r.Code == protocol.CodeRegisterBroker:
		n.ids[addr] = id
		n.all = topicsOf(r)
	case r.Code == protocol.CodeUnregisterBroker:
		delete(n.ids, addr)
	case r.Code == protocol.CodeBrokerHeartbeat && n.ids[addr] != id:
		r.ReplyCode(1, "unknown")
		return
	}
	r.Reply(&remoting.Command{})
}

// topicsOf are the topics of a registration.
func topicsOf(r *remoting.Request) map[string]int32 {
	var h protocol.RegisterBrokerHeader
	topics := map[string]int32{}
	if h.Decode(r.Ext) != nil {
		return topics
	}
	if body, err := protocol.DecodeRegisterBrokerBody(r.Body, &h); err == nil {
		for _, t := range body.Topics {
			topics[t.TopicName] = t.Perm
		}
	}
	return topics
}

func (n *testNameServer) knows(topic string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.all[topic]
	return ok
}

func (n *testNameServer) perm(topic string) int32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all[topic]
}

func (n *testNameServer) id(addr string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ids[addr]
}
