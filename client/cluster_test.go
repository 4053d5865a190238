package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/internal/netsim"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// fakeCluster speaks the protocol from its description, with numbers and keys written out, so that a wrong constant in the client does
// not agree with a wrong constant here. It has NameServers and brokers on a network in memory.
type fakeCluster struct {
	t       *testing.T
	net     *netsim.Network
	ctx     context.Context
	servers sync.WaitGroup

	mu       sync.Mutex
	leaders  map[string]string           // broker name → address of id 0
	replicas map[string]map[int64]string // broker name → other ids
	topics   map[string]int              // → queues on each broker
	messages map[Queue][]*message.Message
	offsets  map[string]int64 // "group topic broker id"
	members  map[string][]string
	conns    map[string][]*remoting.Conn // of a group
	parked   []parkedPull
	seen     []string // "address code" of each request
	answers  map[string]func(*remoting.Request) bool
}

type parkedPull struct {
	r    *remoting.Request
	addr string
}

// bubble runs a test in virtual time with a cluster of one NameServer "ns:9876" and the named brokers, each at "name:10911".
func bubble(t *testing.T, brokers []string, test func(*testing.T, *fakeCluster)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		f := &fakeCluster{t: t, net: netsim.New(), ctx: ctx, leaders: map[string]string{}, replicas: map[string]map[int64]string{},
			topics: map[string]int{"TBW102": 8}, messages: map[Queue][]*message.Message{}, offsets: map[string]int64{},
			members: map[string][]string{}, conns: map[string][]*remoting.Conn{}, answers: map[string]func(*remoting.Request) bool{}}
		f.start("ns:9876")
		for _, b := range brokers {
			f.leaders[b] = b + ":10911"
			f.start(b + ":10911")
		}
		defer f.servers.Wait()
		defer stop()
		test(t, f)
	})
}

func (f *fakeCluster) start(addr string) {
	name, _, _ := strings.Cut(addr, ":")
	ln, err := f.net.Host(name).Listen(addr)
	if err != nil {
		f.t.Fatal(err)
	}
	server := remoting.NewServer(remoting.ServerOptions{
		Handler: remoting.HandlerFunc(func(r *remoting.Request) { f.serve(addr, r) }), OnClose: f.closed})
	f.servers.Go(func() { server.Serve(f.ctx, ln) })
}

// client returns a client on its own host. It is closed by the test's end.
func (f *fakeCluster) client(name string, change ...func(*Options)) *Client {
	o := Options{NameServers: []string{"ns:9876"}, Dial: f.net.Host(name).Dial, ClientID: name}
	for _, c := range change {
		c(&o)
	}
	c, err := New(o)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// on makes the answer to a code at an address; it may decline with false.
func (f *fakeCluster) on(addr string, code int32, answer func(*remoting.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[fmt.Sprint(addr, " ", code)] = answer
}

func refuse(code int32, remark string) func(*remoting.Request) bool {
	return func(r *remoting.Request) bool { r.ReplyCode(code, remark); return true }
}

// count tells how often a code came to an address ("" for any).
func (f *fakeCluster) count(addr string, code int32) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, s := range f.seen {
		if s == fmt.Sprint(addr, " ", code) || addr == "" && strings.HasSuffix(s, fmt.Sprint(" ", code)) {
			n++
		}
	}
	return n
}

func (f *fakeCluster) serve(addr string, r *remoting.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fmt.Sprint(addr, " ", r.Code)
	f.seen = append(f.seen, key)
	if answer := f.answers[key]; answer != nil && answer(r) {
		return
	}
	field := func(name string) string { v, _ := r.Ext.Get(name); return v }
	number := func(name string) int64 { n, _ := strconv.ParseInt(field(name), 10, 64); return n }
	queue := func() Queue { return Queue{field("topic"), f.nameOf(addr), int32(number("queueId"))} }
	reply := func(pairs ...string) {
		resp := &remoting.Command{}
		for i := 0; i < len(pairs); i += 2 {
			resp.Ext = append(resp.Ext, protocol.Field{Key: pairs[i], Value: pairs[i+1]})
		}
		r.Reply(resp)
	}
	stored := fmt.Sprint(field("consumerGroup"), " ", queue())
	switch r.Code {
	case 105:
		if body, ok := f.route(field("topic")); ok {
			r.Reply(&remoting.Command{Body: []byte(body)})
		} else {
			r.ReplyCode(17, "No topic route info in name server for the topic: "+field("topic"))
		}
	case 106:
		r.Reply(&remoting.Command{Body: []byte(f.clusterInfo())})
	case 206:
		names, _ := json.Marshal(map[string]any{"topicList": sortedKeys(f.topics)})
		r.Reply(&remoting.Command{Body: names})
	case 216, 35:
		reply()
	case 310:
		q := Queue{field("b"), f.nameOf(addr), int32(number("e"))}
		if _, ok := f.topics[q.Topic]; !ok {
			f.topics[q.Topic] = min(int(number("d")), f.topics[field("c")])
		}
		m := f.append(q, r.Body, field("i"), int32(number("f")))
		reply("msgId", "ID"+fmt.Sprint(m.PhysicalOffset), "queueId", fmt.Sprint(q.ID), "queueOffset", fmt.Sprint(m.QueueOffset))
		f.wakeLocked()
	case 320:
		q := Queue{field("b"), f.nameOf(addr), int32(number("e"))}
		parts, err := message.DecodeBatch(r.Body, 1000)
		if err != nil || field("m") != "true" {
			r.ReplyCode(13, fmt.Sprint(err))
			return
		}
		first := len(f.messages[q])
		for _, p := range parts {
			f.append(q, p.Body, p.Properties, 0)
		}
		reply("msgId", "A,B", "queueId", fmt.Sprint(q.ID), "queueOffset", fmt.Sprint(first))
		f.wakeLocked()
	case 11:
		f.pullLocked(addr, r, true)
	case 14:
		if at, ok := f.offsets[stored]; ok {
			reply("offset", fmt.Sprint(at))
		} else {
			r.ReplyCode(22, "Not found")
		}
	case 15:
		f.offsets[stored] = number("commitOffset")
		reply()
	case 29:
		at := 0
		for at < len(f.messages[queue()]) && f.messages[queue()][at].StoreTimestamp < number("timestamp") {
			at++
		}
		reply("offset", fmt.Sprint(at))
	case 30:
		reply("offset", fmt.Sprint(len(f.messages[queue()])))
	case 31:
		reply("offset", "0")
	case 34:
		f.heartbeatLocked(addr, r)
	case 36:
		f.sendBackLocked(addr, r, number("offset"), field("group"))
	case 38:
		ids, _ := json.Marshal(map[string]any{"consumerIdList": f.members[field("consumerGroup")]})
		r.Reply(&remoting.Command{Body: ids})
	case 17:
		f.topics[field("topic")] = int(number("writeQueueNums"))
		reply()
	case 215:
		delete(f.topics, field("topic"))
		reply()
	default:
		r.ReplyCode(3, fmt.Sprintf(" request type %d not supported", r.Code))
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// nameOf returns the broker name that the address belongs to.
func (f *fakeCluster) nameOf(addr string) string {
	for name, leader := range f.leaders {
		if leader == addr {
			return name
		}
		for _, a := range f.replicas[name] {
			if a == addr {
				return name
			}
		}
	}
	return ""
}

func (f *fakeCluster) addrsJSON(name string) string {
	out := fmt.Sprintf(`{"0":"%s"`, f.leaders[name])
	for id, addr := range f.replicas[name] {
		out += fmt.Sprintf(`,"%d":"%s"`, id, addr)
	}
	return out + "}"
}

func (f *fakeCluster) route(topic string) (string, bool) {
	n, ok := f.topics[topic]
	if !ok {
		return "", false
	}
	var brokers, queues []string
	for _, name := range sortedKeys(f.leaders) {
		brokers = append(brokers, fmt.Sprintf(`{"brokerAddrs":%s,"brokerName":"%s","cluster":"C"}`, f.addrsJSON(name), name))
		queues = append(queues, fmt.Sprintf(`{"brokerName":"%s","perm":6,"readQueueNums":%d,"topicSysFlag":0,"writeQueueNums":%d}`, name, n, n))
	}
	return fmt.Sprintf(`{"brokerDatas":[%s],"filterServerTable":{},"queueDatas":[%s]}`, strings.Join(brokers, ","), strings.Join(queues, ",")), true
}

func (f *fakeCluster) clusterInfo() string {
	var table []string
	for _, name := range sortedKeys(f.leaders) {
		table = append(table, fmt.Sprintf(`"%s":{"brokerAddrs":%s,"brokerName":"%s","cluster":"C"}`, name, f.addrsJSON(name), name))
	}
	names, _ := json.Marshal(sortedKeys(f.leaders))
	return fmt.Sprintf(`{"brokerAddrTable":{%s},"clusterAddrTable":{"C":%s}}`, strings.Join(table, ","), names)
}

func (f *fakeCluster) append(q Queue, body []byte, properties string, sysFlag int32) *message.Message {
	total := 0
	for _, l := range f.messages {
		total += len(l)
	}
	m := &message.Message{Topic: q.Topic, QueueID: q.ID, Body: slices.Clone(body), Properties: strings.Clone(properties), SysFlag: sysFlag,
		QueueOffset: offset.Queue(len(f.messages[q])), PhysicalOffset: offset.Physical(total * 1000), StoreTimestamp: time.Now().UnixMilli(),
		BornHost: netip.MustParseAddrPort("10.0.0.1:1"), StoreHost: netip.MustParseAddrPort("10.0.0.2:10911")}
	f.messages[q] = append(f.messages[q], m)
	return m
}

// put stores n messages as if somebody had sent them.
func (f *fakeCluster) put(q Queue, bodies ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range bodies {
		f.append(q, []byte(b), "TAGS\x01"+strings.SplitN(b, "-", 2)[0]+"\x02", 0)
	}
	f.wakeLocked()
}

func (f *fakeCluster) pullLocked(addr string, r *remoting.Request, mayPark bool) {
	get := func(name string) int64 { v, _ := r.Ext.Get(name); n, _ := strconv.ParseInt(v, 10, 64); return n }
	topic, _ := r.Ext.Get("topic")
	q, at := Queue{topic, f.nameOf(addr), int32(get("queueId"))}, get("queueOffset")
	all := f.messages[q]
	resp := &remoting.Command{Code: 0}
	next := at
	switch {
	case at > int64(len(all)) || at < 0:
		resp.Code, next = 21, int64(len(all))
	case at == int64(len(all)):
		if mayPark && get("sysFlag")&2 != 0 {
			f.parked = append(f.parked, parkedPull{r, addr})
			time.AfterFunc(time.Duration(get("suspendTimeoutMillis"))*time.Millisecond, func() {
				f.mu.Lock()
				defer f.mu.Unlock()
				if !r.Answered() {
					f.pullLocked(addr, r, false)
				}
			})
			return
		}
		resp.Code = 19
	default:
		next = min(at+get("maxMsgNums"), int64(len(all)))
		for _, m := range all[at:next] {
			resp.Body = message.AppendStored(resp.Body, m)
		}
	}
	suggest := "0"
	if len(f.replicas[q.Broker]) > 0 && next < int64(len(all)) {
		suggest = "1"
	}
	resp.Ext = protocol.Fields{{Key: "suggestWhichBrokerId", Value: suggest}, {Key: "nextBeginOffset", Value: fmt.Sprint(next)},
		{Key: "minOffset", Value: "0"}, {Key: "maxOffset", Value: fmt.Sprint(len(all))}}
	r.Reply(resp)
}

func (f *fakeCluster) wakeLocked() {
	parked := f.parked
	f.parked = nil
	for _, p := range parked {
		topic, _ := p.r.Ext.Get("topic")
		id, _ := p.r.Ext.Get("queueId")
		n, _ := strconv.Atoi(id)
		at, _ := p.r.Ext.Get("queueOffset")
		switch have := len(f.messages[Queue{topic, f.nameOf(p.addr), int32(n)}]); {
		case p.r.Answered():
		case fmt.Sprint(have) == at:
			f.parked = append(f.parked, p)
		default:
			f.pullLocked(p.addr, p.r, false)
		}
	}
}

func (f *fakeCluster) heartbeatLocked(addr string, r *remoting.Request) {
	var body struct {
		ClientID        string `json:"clientID"`
		ConsumerDataSet []struct {
			GroupName, ConsumeType, MessageModel, ConsumeFromWhere string
			SubscriptionDataSet                                    []struct {
				Topic, SubString, ExpressionType string
				TagsSet                          []string
				CodeSet                          []int64
				SubVersion                       int64
			}
		}
	}
	if err := json.Unmarshal(r.Body, &body); err != nil || body.ClientID == "" {
		r.ReplyCode(1, fmt.Sprint(err))
		return
	}
	r.Conn.SetValue(body.ClientID)
	for _, c := range body.ConsumerDataSet {
		f.topics["%RETRY%"+c.GroupName] = 1
		if !slices.Contains(f.conns[c.GroupName], r.Conn) {
			f.conns[c.GroupName] = append(f.conns[c.GroupName], r.Conn)
		}
		if !slices.Contains(f.members[c.GroupName], body.ClientID) {
			f.members[c.GroupName] = append(f.members[c.GroupName], body.ClientID)
			f.notifyLocked(c.GroupName)
		}
	}
	r.Reply(&remoting.Command{Ext: protocol.Fields{{Key: "IS_SUPPORT_HEART_BEAT_V2", Value: "true"}}})
}

func (f *fakeCluster) notifyLocked(group string) {
	for _, c := range f.conns[group] {
		c.Oneway(&remoting.Command{Code: 40, Ext: protocol.Fields{{Key: "consumerGroup", Value: group}}})
	}
}

func (f *fakeCluster) closed(c *remoting.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, _ := c.Value().(string)
	for group := range f.members {
		if at := slices.Index(f.conns[group], c); at >= 0 {
			f.conns[group] = slices.Delete(f.conns[group], at, at+1)
			f.members[group] = slices.DeleteFunc(f.members[group], func(m string) bool { return m == id })
			f.notifyLocked(group)
		}
	}
}

func (f *fakeCluster) sendBackLocked(addr string, r *remoting.Request, physical int64, group string) {
	for _, list := range f.messages {
		for _, m := range list {
			if int64(m.PhysicalOffset) != physical {
				continue
			}
			properties := m.Properties
			if _, ok := message.Property(properties, "RETRY_TOPIC"); !ok {
				properties = message.SetProperty(properties, "RETRY_TOPIC", m.Topic)
			}
			again := f.append(Queue{"%RETRY%" + group, f.nameOf(addr), 0}, m.Body, properties, 0)
			again.ReconsumeTimes = m.ReconsumeTimes + 1
			r.ReplyCode(0, "")
			f.wakeLocked()
			return
		}
	}
	r.ReplyCode(1, fmt.Sprintf("look message by offset failed, %d", physical))
}

// committed returns the group's stored offset, 0 if there is none.
func (f *fakeCluster) committed(group string, q Queue) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.offsets[fmt.Sprint(group, " ", q)]
}

// bodies lists the bodies stored in all queues of a topic, by queue.
func (f *fakeCluster) bodies(topic string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var queues []Queue
	for q := range f.messages {
		if q.Topic == topic {
			queues = append(queues, q)
		}
	}
	slices.SortFunc(queues, compareQueues)
	var out []string
	for _, q := range queues {
		for _, m := range f.messages[q] {
			out = append(out, string(m.Body))
		}
	}
	return out
}

// elapse lets virtual time pass; every test here runs in a bubble.
func elapse(d time.Duration) { time.Sleep(d) }
