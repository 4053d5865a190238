package broker

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// realBroker is a group of one member on loopback, from where administration is allowed.
type realBroker struct {
	t      testing.TB
	broker *Broker
	addr   string
	client *remoting.Client
}

func newRealBroker(t testing.TB) *realBroker {
	t.Helper()
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	front, raft := listen(), listen()
	o := Options{
		Cluster: "TestCluster", Name: "RaftNode00", Node: "n0", Advertise: front.Addr().String(), Listener: front,
		FS: vfs.NewMem(), Dir: "/data", RealDir: t.TempDir(), AutoCreateTopic: true, AutoCreateGroup: true, FollowerReads: true,
		Raft: raftlog.Options{Listener: raft, Peers: []raftlog.Peer{{Name: "n0", Address: raft.Addr().String()}}},
	}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	r := &realBroker{t: t, broker: b, addr: front.Addr().String(), client: remoting.NewClient(remoting.ClientOptions{})}
	t.Cleanup(func() {
		_ = r.client.Close()
		cancel()
		wg.Wait()
	})
	deadline := time.Now().Add(20 * time.Second)
	for now, changed := b.roles.watch(); !now.ready; now, changed = b.roles.watch() {
		select {
		case <-changed:
		case <-time.After(time.Until(deadline)):
			t.Fatal("no leader")
		}
	}
	return r
}

func (r *realBroker) call(code int32, ext protocol.Fields, body []byte) *remoting.Command {
	r.t.Helper()
	resp, err := r.client.Invoke(context.Background(), r.addr, &remoting.Command{Code: code, Version: 401, Ext: ext, Body: body})
	if err != nil {
		r.t.Fatal(err)
	}
	return resp
}

// expect calls and wants a code.
func (r *realBroker) expect(want, code int32, ext protocol.Fields, body []byte) *remoting.Command {
	r.t.Helper()
	resp := r.call(code, ext, body)
	if resp.Code != want {
		r.t.Errorf("request %d %v = %d %q, want %d", code, ext, resp.Code, resp.Remark, want)
	}
	return resp
}

func topicFields(topic string, read, write, perm int, more ...any) protocol.Fields {
	f := fields("topic", topic, "defaultTopic", "TBW102", "readQueueNums", read, "writeQueueNums", write, "perm", perm, "topicFilterType", "SINGLE_TAG",
		"topicSysFlag", 0, "order", false)
	return append(f, fields(more...)...)
}

func TestTopicAdministration(t *testing.T) {
	r := newRealBroker(t)
	r.expect(protocol.Success, protocol.CodeUpdateAndCreateTopic, topicFields("orders", 4, 4, 6, "attributes", "+message.type=FIFO"), nil)
	for name, bad := range map[string]protocol.Fields{
		"a slash": topicFields("a/b", 4, 4, 6), "a system topic": topicFields("TBW102", 4, 4, 6), "our own topic": topicFields("RaftNode00", 4, 4, 6),
		"too many queues": topicFields("x", topicQueuesMax+1, 4, 6), "negative queues": topicFields("x", -1, 4, 6), "a perm": topicFields("x", 4, 4, 16),
	} {
		if resp := r.call(protocol.CodeUpdateAndCreateTopic, bad, nil); resp.Code != protocol.InvalidParameter {
			t.Errorf("%s: %d %q", name, resp.Code, resp.Remark)
		}
	}
	r.expect(protocol.SystemError, protocol.CodeUpdateAndCreateTopic, topicFields("x", 4, 4, 6, "attributes", "+nonsense=1"), nil)

	var one protocol.TopicConfig
	if err := one.Decode(r.expect(protocol.Success, protocol.CodeGetTopicConfig, fields("topic", "orders"), nil).Body); err != nil {
		t.Fatal(err)
	}
	if one.TopicName != "orders" || one.WriteQueueNums != 4 || one.Attributes["message.type"] != "FIFO" {
		t.Errorf("orders = %+v", one)
	}
	list := protocol.TopicConfigList{TopicConfigList: []protocol.TopicConfig{one, {TopicName: "more", ReadQueueNums: 2, WriteQueueNums: 1, Perm: 6}}}
	r.expect(protocol.Success, protocol.CodeUpdateAndCreateTopicList, nil, list.Encode())
	var all protocol.TopicConfigSerializeWrapper
	if err := all.Decode(r.expect(protocol.Success, protocol.CodeGetAllTopicConfig, fields("topicSeq", 0), nil).Body); err != nil {
		t.Fatal(err)
	}
	if all.TopicConfigTable["more"].ReadQueueNums != 2 || all.TopicConfigTable["TBW102"].Perm != 7 || all.DataVersion.StateVersion == 0 {
		t.Errorf("all = %+v", all)
	}

	r.expect(protocol.Success, 310, sendFields("orders", 1, ""), []byte("x"))
	var stats protocol.TopicStatsTable
	if err := stats.Decode(r.expect(protocol.Success, protocol.CodeGetTopicStatsInfo, fields("topic", "orders"), nil).Body); err != nil {
		t.Fatal(err)
	}
	if q := stats.OffsetTable[protocol.MessageQueue{BrokerName: "RaftNode00", Topic: "orders", QueueID: 1}]; len(stats.OffsetTable) != 4 || q.MaxOffset != 1 || q.LastUpdateTimestamp == 0 {
		t.Errorf("stats = %+v", stats)
	}
	r.expect(protocol.TopicNotExist, protocol.CodeGetTopicStatsInfo, fields("topic", "nowhere"), nil)
	var system protocol.TopicList
	if err := system.Decode(r.expect(protocol.Success, protocol.CodeGetSystemTopicListFromBroker, nil, nil).Body); err != nil || len(system.TopicList) < 8 {
		t.Errorf("system topics = %v, %v", system.TopicList, err)
	}

	r.expect(protocol.InvalidParameter, protocol.CodeDeleteTopicInBroker, fields("topic", "SCHEDULE_TOPIC_XXXX"), nil)
	r.expect(protocol.Success, protocol.CodeDeleteTopicInBroker, fields("topic", "orders"), nil)
	r.expect(protocol.Success, protocol.CodeDeleteTopicInBroker, fields("topic", "orders"), nil)
	r.expect(protocol.TopicNotExist, protocol.CodeGetTopicConfig, fields("topic", "orders"), nil)
	r.expect(protocol.Success, protocol.CodeUpdateAndCreateTopic, topicFields("orders", 4, 4, 6), nil)
	if got := number(t, r.expect(protocol.Success, protocol.CodeGetMaxOffset, fields("topic", "orders", "queueId", 1), nil), "offset"); got != 0 {
		t.Errorf("a topic created again begins at %d", got)
	}
}

func TestGroupAdministration(t *testing.T) {
	r := newRealBroker(t)
	g := protocol.DefaultSubscriptionGroupConfig("g")
	g.RetryQueueNums, g.RetryMaxTimes = 2, 3
	r.expect(protocol.Success, protocol.CodeUpdateAndCreateSubscriptionGroup, nil, g.Encode())
	var retry protocol.TopicConfig
	if err := retry.Decode(r.expect(protocol.Success, protocol.CodeGetTopicConfig, fields("topic", "%RETRY%g"), nil).Body); err != nil || retry.WriteQueueNums != 2 {
		t.Errorf("retry topic = %+v, %v", retry, err)
	}
	g.RetryQueueNums = 4
	r.expect(protocol.Success, protocol.CodeUpdateAndCreateSubscriptionGroup, nil, g.Encode())
	if topic := r.broker.State().Topic("%RETRY%g"); topic.WriteQueues != 4 || topic.ReadQueues != 4 {
		t.Errorf("the retry topic did not grow with its group: %+v", topic)
	}
	g.RetryQueueNums = 1
	r.expect(protocol.Success, protocol.CodeUpdateAndCreateSubscriptionGroup, nil, g.Encode())
	if topic := r.broker.State().Topic("%RETRY%g"); topic.WriteQueues != 1 || topic.ReadQueues != 4 {
		t.Errorf("a retry topic that shrinks must stay readable: %+v", topic)
	}
	bad := g
	bad.GroupName = "a b"
	r.expect(protocol.InvalidParameter, protocol.CodeUpdateAndCreateSubscriptionGroup, nil, bad.Encode())
	bad = g
	bad.RetryQueueNums = retryQueuesMax + 1
	r.expect(protocol.InvalidParameter, protocol.CodeUpdateAndCreateSubscriptionGroup, nil, bad.Encode())
	r.expect(protocol.SystemError, protocol.CodeUpdateAndCreateSubscriptionGroup, nil, []byte("{"))
	list := protocol.SubscriptionGroupList{GroupConfigList: []protocol.SubscriptionGroupConfig{protocol.DefaultSubscriptionGroupConfig("h")}}
	r.expect(protocol.Success, protocol.CodeUpdateAndCreateSubscriptionGroupList, nil, list.Encode())

	var one protocol.SubscriptionGroupConfig
	if err := one.Decode(r.expect(protocol.Success, protocol.CodeGetSubscriptionGroupConfig, fields("group", "g"), nil).Body); err != nil || one.RetryMaxTimes != 3 {
		t.Errorf("g = %+v, %v", one, err)
	}
	var all protocol.SubscriptionGroupWrapper
	if err := all.Decode(r.expect(protocol.Success, protocol.CodeGetAllSubscriptionGroupConfig, nil, nil).Body); err != nil || len(all.SubscriptionGroupTable) != 2 {
		t.Errorf("groups = %+v, %v", all, err)
	}
	r.expect(protocol.Success, protocol.CodeDeleteSubscriptionGroup, fields("groupName", "g", "cleanOffset", true), nil)
	r.expect(protocol.SubscriptionGroupNotExist, protocol.CodeGetSubscriptionGroupConfig, fields("group", "g"), nil)
}

func TestClientsAreShown(t *testing.T) {
	r := newRealBroker(t)
	r.expect(protocol.ConsumerNotOnline, protocol.CodeGetConsumerConnectionList, fields("consumerGroup", "g"), nil)
	r.expect(protocol.SystemError, protocol.CodeGetProducerConnectionList, fields("producerGroup", "p"), nil)
	r.expect(protocol.SystemError, protocol.CodeGetConsumerListByGroup, fields("consumerGroup", "g"), nil)
	for range 3 {
		r.expect(protocol.Success, 310, sendFields("T", 0, ""), []byte("x"))
	}
	h := subscribed("g", 1, "T")
	h.ClientID = "c1"
	h.ProducerDataSet = []protocol.ProducerData{{GroupName: "p"}}
	resp := r.expect(protocol.Success, protocol.CodeHeartBeat, nil, h.Encode())
	var header protocol.HeartbeatResponseHeader
	if err := header.Decode(resp.Ext); err != nil || !header.SupportsV2 || !header.SubChange || resp.Version != protocol.Version {
		t.Errorf("heartbeat answer %+v, %v, version %d", header, err, resp.Version)
	}
	if r.broker.State().Group("g") == nil || r.broker.State().Topic("%RETRY%g") == nil {
		t.Error("the heartbeat created no group and retry topic")
	}
	r.expect(protocol.SystemError, protocol.CodeHeartBeat, nil, []byte("nonsense"))
	r.expect(protocol.InvalidParameter, protocol.CodeHeartBeat, nil, protocol.HeartbeatData{}.Encode())

	var ids protocol.ConsumerList
	if err := ids.Decode(r.expect(protocol.Success, protocol.CodeGetConsumerListByGroup, fields("consumerGroup", "g"), nil).Body); err != nil || len(ids.ConsumerIDList) != 1 {
		t.Errorf("consumers = %v, %v", ids, err)
	}
	var connected protocol.ConsumerConnection
	if err := connected.Decode(r.expect(protocol.Success, protocol.CodeGetConsumerConnectionList, fields("consumerGroup", "g"), nil).Body); err != nil ||
		connected.ConnectionSet[0].ClientID != "c1" || connected.SubscriptionTable["T"].SubString != "*" {
		t.Errorf("consumers = %+v, %v", connected, err)
	}
	r.expect(protocol.Success, protocol.CodeGetProducerConnectionList, fields("producerGroup", "p"), nil)
	r.expect(protocol.Success, protocol.CodeGetAllProducerInfo, nil, nil)

	r.expect(protocol.Success, protocol.CodeUpdateConsumerOffset, fields("consumerGroup", "g", "topic", "T", "queueId", 0, "commitOffset", 2), nil)
	var stats protocol.ConsumeStats
	if err := stats.Decode(r.expect(protocol.Success, protocol.CodeGetConsumeStats, fields("consumerGroup", "g"), nil).Body); err != nil {
		t.Fatal(err)
	}
	if q := stats.OffsetTable[protocol.MessageQueue{BrokerName: "RaftNode00", Topic: "T", QueueID: 0}]; q.BrokerOffset != 3 || q.ConsumerOffset != 2 || q.LastTimestamp == 0 {
		t.Errorf("progress = %+v", stats)
	}
	var groups protocol.GroupList
	if err := groups.Decode(r.expect(protocol.Success, protocol.CodeQueryTopicConsumeByWho, fields("topic", "T"), nil).Body); err != nil || len(groups.GroupList) != 1 {
		t.Errorf("groups of T = %v, %v", groups, err)
	}
	r.expect(protocol.Success, protocol.CodeUnregisterClient, fields("clientID", "c1", "consumerGroup", "g", "producerGroup", "p"), nil)
	r.expect(protocol.ConsumerNotOnline, protocol.CodeGetConsumerConnectionList, fields("consumerGroup", "g"), nil)
	check := protocol.CheckClientRequest{ClientID: "c1", Group: "g", SubscriptionData: protocol.SubscriptionData{ExpressionType: "SQL92", SubString: "a > 5", Topic: "T"}}
	r.expect(protocol.SystemError, protocol.CodeCheckClientConfig, nil, check.Encode())
	check.SubscriptionData.ExpressionType = "TAG"
	r.expect(protocol.Success, protocol.CodeCheckClientConfig, nil, check.Encode())
}

func TestBrokerShowsItself(t *testing.T) {
	r := newRealBroker(t)
	r.expect(protocol.Success, 310, sendFields("T", 0, ""), []byte("x"))
	var info protocol.KVTable
	if err := info.Decode(r.expect(protocol.Success, protocol.CodeGetBrokerRuntimeInfo, nil, nil).Body); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"putTps", "getTransferredTps", "brokerVersionDesc", "earliestMessageTimeStamp", "commitLogDiskRatio", "brokerActive"} {
		if info.Table[key] == "" {
			t.Errorf("%s is missing", key)
		}
	}
	if info.Table["putMessageTimesTotal"] != "1" || info.Table["brokerActive"] != "true" {
		t.Errorf("runtime = %v", info.Table)
	}
	config := r.expect(protocol.Success, protocol.CodeGetBrokerConfig, nil, nil)
	if text := string(config.Body); !strings.Contains(text, "brokerName=RaftNode00\n") || strings.Contains(text, "/data") {
		t.Errorf("config = %s", text)
	}
	before := config.Body
	for _, body := range []string{"brokerPermission=4\nbrokerConfigPath=/x\n", "brokerConfigPath=/x\nbrokerPermission=4\n", "unknown=1\n"} {
		r.expect(protocol.NoPermission, protocol.CodeUpdateBrokerConfig, nil, []byte(body))
	}
	if after := r.expect(protocol.Success, protocol.CodeGetBrokerConfig, nil, nil).Body; string(after) != string(before) {
		t.Error("a refused change changed something")
	}
	for _, code := range []int32{protocol.CodeCleanExpiredConsumeQueue, protocol.CodeCleanUnusedTopic, protocol.CodeDeleteExpiredCommitLog} {
		r.expect(protocol.Success, code, nil, nil)
	}
	s := r.broker.Status()
	if !s.Recovered || !s.Serving || s.BrokerID != 0 || s.Topics < 8 {
		t.Errorf("status = %+v", s)
	}
}

// Every request with each of its fields left out once, and as text where a number is due: the answer names the field, and the connection
// goes on.
func TestMissingFieldsAreNamed(t *testing.T) {
	r := newRealBroker(t)
	r.expect(protocol.Success, 310, sendFields("T", 0, ""), []byte("x"))
	requests := map[int32]protocol.Fields{
		310: fields("b", "T", "e", 0),
		11:  fields("consumerGroup", "g", "topic", "T", "queueId", 0, "queueOffset", 0, "maxMsgNums", 1),
		12:  fields("topic", "T", "key", "k", "maxNum", 1, "beginTimestamp", 0, "endTimestamp", 1),
		14:  fields("consumerGroup", "g", "topic", "T", "queueId", 0),
		15:  fields("consumerGroup", "g", "topic", "T", "queueId", 0, "commitOffset", 0),
		17:  topicFields("T", 1, 1, 6)[:5],
		29:  fields("topic", "T", "queueId", 0, "timestamp", 0),
		30:  fields("topic", "T", "queueId", 0),
		31:  fields("topic", "T", "queueId", 0),
		32:  fields("topic", "T", "queueId", 0),
		33:  fields("offset", 0),
		35:  fields("clientID", "c"),
		36:  fields("offset", 0, "group", "g", "delayLevel", 0),
		38:  fields("consumerGroup", "g"),
		202: fields("topic", "T"),
		203: fields("consumerGroup", "g"),
		204: fields("producerGroup", "p"),
		207: fields("groupName", "g"),
		208: fields("consumerGroup", "g"),
		215: fields("topic", "T"),
		300: fields("topic", "T"),
		351: fields("topic", "T"),
		352: fields("group", "g"),
	}
	optional := map[string]bool{"defaultTopic": true}
	for code, whole := range requests {
		for i, f := range whole {
			if optional[f.Key] {
				continue
			}
			without := append(append(protocol.Fields{}, whole[:i]...), whole[i+1:]...)
			resp := r.call(code, without, []byte("x"))
			name := map[string]string{"b": "topic", "e": "queueId"}[f.Key]
			if name == "" {
				name = f.Key
			}
			if resp.Code != protocol.SystemError || !strings.Contains(resp.Remark, name) {
				t.Errorf("%d without %s: %d %q", code, f.Key, resp.Code, resp.Remark)
			}
			if f.Value == "0" || f.Value == "1" {
				bad := append(protocol.Fields{}, whole...).Set(f.Key, "soon")
				if resp := r.call(code, bad, []byte("x")); resp.Code != protocol.SystemError || !strings.Contains(resp.Remark, "soon") {
					t.Errorf("%d with a bad %s: %d %q", code, f.Key, resp.Code, resp.Remark)
				}
			}
		}
	}
}
