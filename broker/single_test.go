package broker

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// The tests of this file run a group of one in a bubble of testing/synctest: time is virtual and exact.

func TestSentMessageIsPulled(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		p := message.EncodeProperties(message.KeyValue{Name: "TAGS", Value: "TagA"}, message.KeyValue{Name: "UNIQ_KEY", Value: "id1"})
		resp := g.send(0, "T", 2, p, "hello", protocol.Success)
		if number(t, resp, "queueId") != 2 || number(t, resp, "queueOffset") != 0 {
			t.Errorf("fields = %v", resp.Ext)
		}
		for _, f := range [][2]string{{"transactionId", "id1"}, {"MSG_REGION", "DefaultRegion"}, {"TRACE_ON", "true"}} {
			if got, _ := resp.Ext.Get(f[0]); got != f[1] {
				t.Errorf("%s = %q", f[0], got)
			}
		}
		pull, all := g.pulled(0, pullFields("g", "T", 2, 0))
		if pull.Code != protocol.Success || len(all) != 1 {
			t.Fatalf("pull = %d %q, %d messages", pull.Code, pull.Remark, len(all))
		}
		m := all[0]
		id, _ := resp.Ext.Get("msgId")
		if message.OffsetID(m.StoreHost, m.PhysicalOffset) != id || m.StoreHost.String() != "10.0.0.1:10911" {
			t.Errorf("msgId %s does not name the message at %d on %s", id, m.PhysicalOffset, m.StoreHost)
		}
		if string(m.Body) != "hello" || m.Topic != "T" || m.QueueID != 2 || m.QueueOffset != 0 {
			t.Errorf("message = %+v", m)
		}
		if want := p + message.EncodeProperties(message.KeyValue{Name: "CLUSTER", Value: "TestCluster"},
			message.KeyValue{Name: "MSG_REGION", Value: "DefaultRegion"}, message.KeyValue{Name: "TRACE_ON", Value: "true"}); m.Properties != want {
			t.Errorf("properties = %q, want %q", m.Properties, want)
		}
		if number(t, pull, "nextBeginOffset") != 1 || number(t, pull, "maxOffset") != 1 || number(t, pull, "minOffset") != 0 || number(t, pull, "suggestWhichBrokerId") != 0 {
			t.Errorf("fields = %v", pull.Ext)
		}
		_, physical, err := message.ParseOffsetID(id)
		if err != nil {
			t.Fatal(err)
		}
		view := g.call(0, 33, fields("offset", int64(physical)), nil)
		if view.Code != protocol.Success || !bytes.Equal(view.Body, pull.Body) {
			t.Errorf("view by id = %d %q", view.Code, view.Remark)
		}
		if view := g.call(0, 33, fields("offset", int64(physical)+1), nil); view.Code != protocol.SystemError {
			t.Errorf("view inside a message = %d", view.Code)
		}
	})
}

func TestSendWithoutUniqueKeyGetsOne(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		resp := g.send(0, "T", -1, "", "x", protocol.Success)
		unique, _ := resp.Ext.Get("transactionId")
		all := g.drain(0, "T", int(number(t, resp, "queueId")))
		if len(all) != 1 {
			t.Fatalf("%d messages", len(all))
		}
		if stored, _ := message.Property(all[0].Properties, "UNIQ_KEY"); stored == "" || stored != unique {
			t.Errorf("stored key %q, answered %q", stored, unique)
		}
	})
}

func TestRefusedSends(t *testing.T) {
	long := strings.Repeat("p", message.PropertiesMax-propertiesReserve)
	tests := []struct {
		name       string
		topic      string
		queue      int
		properties string
		body       string
		more       []any
		want       int32
	}{
		{"a topic with a slash", "a/b", 0, "", "x", nil, protocol.InvalidParameter},
		{"a blank topic", "", 0, "", "x", nil, protocol.SystemError},
		{"a reserved topic", "SCHEDULE_TOPIC_XXXX", 0, "", "x", nil, protocol.NoPermission},
		{"no template", "new1", 0, "", "x", []any{"c", "NoSuchTopic"}, protocol.TopicNotExist},
		{"a template that does not inherit", "new2", 0, "", "x", []any{"c", "BenchmarkTest"}, protocol.TopicNotExist},
		{"a queue beyond the topic", "T", 4, "", "x", nil, protocol.InvalidParameter},
		{"an empty body", "T", 0, "", "", nil, protocol.MessageIllegal},
		{"a body that is too long", "T", 0, "", strings.Repeat("x", 65_537), nil, protocol.MessageIllegal},
		{"properties that are too long", "T", 0, "K\x01" + long + "\x02", "x", nil, protocol.MessageIllegal},
		{"a retry topic of no group", "%RETRY%nobody", 0, "", "x", nil, protocol.SubscriptionGroupNotExist},
		{"a half message", "T", 0, "TRAN_MSG\x01true\x02", "x", nil, protocol.NoPermission},
		{"an arbitrary delay", "T", 0, "TIMER_DELAY_SEC\x015\x02", "x", nil, protocol.SystemError},
		{"a delay level that is no number", "T", 0, "DELAY\x01soon\x02", "x", nil, protocol.MessageIllegal},
		{"a batch that does not decode", "T", 0, "", "x", []any{"m", true}, protocol.MessageIllegal},
		{"a field that is no number", "T", 0, "", "x", []any{"e", "two"}, protocol.SystemError},
	}
	one(t, func(o *Options) { o.MessageBytesMax = 65_536 }, func(t *testing.T, g *testGroup) {
		g.send(0, "T", 0, "", "first", protocol.Success)
		for _, tt := range tests {
			resp := g.call(0, 310, sendFields(tt.topic, tt.queue, tt.properties, tt.more...), []byte(tt.body))
			if resp.Code != tt.want || resp.Remark == "" {
				t.Errorf("%s: %d %q, want %d", tt.name, resp.Code, resp.Remark, tt.want)
			}
			if region, _ := resp.Ext.Get("MSG_REGION"); region != "DefaultRegion" {
				t.Errorf("%s: no region in the answer", tt.name)
			}
		}
		if all := g.drain(0, "T", 0); len(all) != 1 {
			t.Errorf("%d messages were stored", len(all))
		}
		if resp := g.send(0, "T", 0, "", "second", protocol.Success); number(t, resp, "queueOffset") != 1 {
			t.Error("a refused send took a queue offset")
		}
	})
}

func TestAutoCreatedTopicFollowsItsTemplate(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		for topic, asked := range map[string]int{"two": 2, "sixteen": 16, "none": 0} {
			if resp := g.call(0, 310, sendFields(topic, 0, "", "d", asked), []byte("x")); resp.Code != protocol.Success {
				t.Fatalf("%s: %d %q", topic, resp.Code, resp.Remark)
			}
			want := int32(min(max(asked, 1), 8))
			if topic := g.members[0].broker.State().Topic(topic); topic.ReadQueues != want || topic.WriteQueues != want || topic.Perm != permReadWrite {
				t.Errorf("%+v, want %d queues", topic, want)
			}
		}
	})
}

func TestBatchIsStoredAsSingleMessages(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		var body []byte
		for _, tag := range []string{"TagA", "TagB", "TagA"} {
			body = message.AppendBatchPart(body, message.BatchPart{Properties: "TAGS\x01" + tag + "\x02", Body: []byte("b" + tag)})
		}
		resp := g.call(0, 320, sendFields("T", 1, "", "m", true), body)
		if resp.Code != protocol.Success || number(t, resp, "queueOffset") != 0 {
			t.Fatalf("%d %q", resp.Code, resp.Remark)
		}
		ids, _ := resp.Ext.Get("msgId")
		all := g.drain(0, "T", 1)
		if len(all) != 3 {
			t.Fatalf("%d messages", len(all))
		}
		for i, id := range strings.Split(ids, ",") {
			if all[i].QueueOffset != offset.Queue(i) || message.OffsetID(all[i].StoreHost, all[i].PhysicalOffset) != id {
				t.Errorf("message %d at queue offset %d has not id %s", i, all[i].QueueOffset, id)
			}
		}
		_, tagged := g.pulled(0, pullFields("g", "T", 1, 0, "subscription", "TagB"))
		if len(tagged) != 1 || string(tagged[0].Body) != "bTagB" {
			t.Errorf("%d messages with TagB", len(tagged))
		}
	})
}

func TestPullAnswers(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		for range 10 {
			g.send(0, "T", 0, "TAGS\x01TagA\x02", "x", protocol.Success)
		}
		now := protocol.PullSubscription
		tests := []struct {
			name   string
			queue  int
			from   int64
			more   []any
			code   int32
			next   int64
			remark string
		}{
			{"inside", 0, 3, nil, protocol.Success, 10, "FOUND"},
			{"few", 0, 3, []any{"maxMsgNums", 2}, protocol.Success, 5, "FOUND"},
			{"at the end", 0, 10, []any{"sysFlag", now}, protocol.PullNotFound, 10, "OFFSET_OVERFLOW_ONE"},
			{"beyond the end", 0, 15, nil, protocol.PullOffsetMoved, 10, "OFFSET_OVERFLOW_BADLY"},
			{"an empty queue from 0", 1, 0, nil, protocol.PullNotFound, 0, "NO_MESSAGE_IN_QUEUE"},
			{"an empty queue from 5", 1, 5, nil, protocol.PullOffsetMoved, 0, "NO_MESSAGE_IN_QUEUE"},
			{"nothing matches", 0, 2, []any{"subscription", "TagX"}, protocol.PullRetryImmediately, 10, "NO_MATCHED_MESSAGE"},
		}
		for _, tt := range tests {
			resp := g.call(0, 11, pullFields("g", "T", tt.queue, tt.from, tt.more...), nil)
			if resp.Code != tt.code || resp.Remark != tt.remark || number(t, resp, "nextBeginOffset") != tt.next {
				t.Errorf("%s: %d %q next %d, want %d %q %d", tt.name, resp.Code, resp.Remark, number(t, resp, "nextBeginOffset"), tt.code, tt.remark, tt.next)
			}
		}
		refused := []struct {
			name string
			ext  []any
			code int32
		}{
			{"an unknown topic", []any{"topic", "nowhere"}, protocol.TopicNotExist},
			{"a queue beyond", []any{"queueId", 99}, protocol.InvalidParameter},
			{"a negative offset", []any{"queueOffset", -1}, protocol.InvalidParameter},
			{"no messages wanted", []any{"maxMsgNums", 0}, protocol.InvalidParameter},
			{"no subscription anywhere", []any{"sysFlag", 0}, protocol.SubscriptionNotExist},
			{"SQL", []any{"expressionType", "SQL92", "subscription", "a > 5"}, protocol.SystemError},
			{"a missing field", []any{"queueId", ""}, protocol.SystemError},
		}
		for _, tt := range refused {
			if resp := g.call(0, 11, pullFields("g", "T", 0, 0, tt.ext...), nil); resp.Code != tt.code {
				t.Errorf("%s: %d %q, want %d", tt.name, resp.Code, resp.Remark, tt.code)
			} else if _, ok := resp.Ext.Get("suggestWhichBrokerId"); !ok {
				t.Errorf("%s: the answer lacks the fields of a pull", tt.name)
			}
		}
	})
}

func TestPullAheadOfItsSubscription(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		g.send(0, "T", 0, "TAGS\x01TagB\x02", "x", protocol.Success)
		h := subscribed("g", 1000, "T")
		h.ClientID = "c"
		h.ConsumerDataSet[0].SubscriptionDataSet[0].SubString = "TagA"
		beat := func() {
			if resp := g.call(0, protocol.CodeHeartBeat, nil, h.Encode()); resp.Code != protocol.Success {
				t.Fatalf("heartbeat: %d %q", resp.Code, resp.Remark)
			}
		}
		expect := func(what string, version int, want int32) {
			t.Helper()
			if resp := g.call(0, 11, pullFields("g", "T", 0, 0, "sysFlag", 0, "subVersion", version), nil); resp.Code != want {
				t.Errorf("%s: %d %q, want %d", what, resp.Code, resp.Remark, want)
			}
		}
		expect("before any heartbeat", 1000, protocol.SubscriptionNotExist)
		beat()
		expect("of the known version", 1000, protocol.PullRetryImmediately)
		expect("of a newer version", 2000, protocol.SubscriptionNotLatest)
		time.Sleep(behindMax)
		expect("the newer version has not come", 2000, protocol.Success)
		h.ConsumerDataSet[0].SubscriptionDataSet[0].SubVersion = 2000
		beat()
		expect("now it has", 2000, protocol.PullRetryImmediately)
		expect("of one that is newer again", 3000, protocol.SubscriptionNotLatest)
	})
}

func TestParkedPullIsAnsweredByAMatch(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		g.send(0, "T", 0, "", "first", protocol.Success)
		type answer struct {
			code  int32
			after time.Duration
		}
		answers := make(chan answer, 1)
		park := func(tags string) {
			begin := time.Now()
			go func() {
				from := number(t, g.call(0, 30, fields("topic", "T", "queueId", 0), nil), "offset")
				resp := g.call(0, 11, pullFields("g", "T", 0, from, "sysFlag", protocol.PullSuspend|protocol.PullSubscription, "subscription", tags), nil)
				answers <- answer{resp.Code, time.Since(begin)}
			}()
			time.Sleep(time.Second)
		}
		park("TagA")
		g.send(0, "T", 0, "TAGS\x01TagA\x02", "x", protocol.Success)
		if a := <-answers; a.code != protocol.Success || a.after > time.Second+50*time.Millisecond {
			t.Errorf("a match: %+v", a)
		}
		park("TagA")
		g.send(0, "T", 0, "TAGS\x01TagB\x02", "x", protocol.Success)
		if a := <-answers; a.code != protocol.PullRetryImmediately || a.after < recheckInterval-time.Second || a.after > recheckInterval+time.Second {
			t.Errorf("no match: %+v, want 20 at the recheck", a)
		}
		park("TagA")
		if a := <-answers; a.code != protocol.PullNotFound || a.after < 15*time.Second || a.after > 16*time.Second {
			t.Errorf("silence: %+v, want 19 after 15 s", a)
		}
	})
}

func TestConsumerOffsets(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		for range 3 {
			g.send(0, "T", 0, "", "x", protocol.Success)
		}
		query := func(group string, queue int, more ...any) (int32, int64) {
			f := fields("consumerGroup", group, "topic", "T", "queueId", queue)
			for i := 0; i < len(more); i += 2 {
				f = f.Set(more[i].(string), more[i+1].(string))
			}
			resp := g.call(0, 14, f, nil)
			if resp.Code != protocol.Success {
				return resp.Code, -1
			}
			return resp.Code, number(t, resp, "offset")
		}
		expect := func(what string, code int32, o int64, wantCode int32, want int64) {
			t.Helper()
			if code != wantCode || o != want {
				t.Errorf("%s: %d offset %d, want %d offset %d", what, code, o, wantCode, want)
			}
		}
		code, o := query("g", 0)
		expect("a new group whose first message is recent", code, o, protocol.Success, 0)
		code, o = query("g", 0, "setZeroIfNotFound", "false")
		expect("unless it does not want that", code, o, protocol.QueryNotFound, -1)
		code, o = query("g", 1)
		expect("an empty queue", code, o, protocol.QueryNotFound, -1)

		commit := func(group, topic string, queue, at int) int32 {
			return g.call(0, 15, fields("consumerGroup", group, "topic", topic, "queueId", queue, "commitOffset", at), nil).Code
		}
		if code := commit("g", "T", 0, 2); code != protocol.SubscriptionGroupNotExist {
			t.Errorf("commit of an unknown group = %d", code)
		}
		g.pulled(0, pullFields("g", "T", 0, 0)) // creates the group
		for what, got := range map[string][2]int32{
			"a commit": {commit("g", "T", 0, 2), protocol.Success}, "an unknown topic": {commit("g", "nowhere", 0, 2), protocol.TopicNotExist},
			"a queue beyond": {commit("g", "T", 9, 2), protocol.InvalidParameter}, "a negative offset": {commit("g", "T", 0, -2), protocol.InvalidParameter},
		} {
			if got[0] != got[1] {
				t.Errorf("%s = %d, want %d", what, got[0], got[1])
			}
		}
		code, o = query("g", 0)
		expect("after the commit", code, o, protocol.Success, 2)
		g.oneway(0, 15, fields("consumerGroup", "g", "topic", "T", "queueId", 0, "commitOffset", 1), nil)
		time.Sleep(10 * time.Millisecond)
		code, o = query("g", 0)
		expect("a one-way commit that is still gathered", code, o, protocol.Success, 1)
		time.Sleep(200 * time.Millisecond)
		if o, _, ok := g.members[0].broker.State().ConsumerOffset("g", "T", 0); !ok || o != 1 {
			t.Errorf("applied offset = %d, %v, want 1", o, ok)
		}
		g.pulled(0, pullFields("g", "T", 0, 0, "sysFlag", protocol.PullCommitOffset|protocol.PullSubscription, "commitOffset", 3))
		code, o = query("g", 0)
		expect("a commit that rode on a pull", code, o, protocol.Success, 3)
	})
}

func TestQueueOffsets(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		begin := time.Now().UnixMilli()
		for range 3 {
			g.send(0, "T", 0, "", "x", protocol.Success)
			time.Sleep(time.Second)
		}
		ask := func(code int32, key string, pairs ...any) int64 {
			t.Helper()
			return number(t, g.call(0, code, fields(pairs...), nil), key)
		}
		for _, tt := range []struct {
			name      string
			got, want int64
		}{
			{"max", ask(30, "offset", "topic", "T", "queueId", 0), 3},
			{"min", ask(31, "offset", "topic", "T", "queueId", 0), 0},
			{"max of an unknown topic", ask(30, "offset", "topic", "nowhere", "queueId", 0), 0},
			{"before the first", ask(29, "offset", "topic", "T", "queueId", 0, "timestamp", begin-1000), 0},
			{"after the last", ask(29, "offset", "topic", "T", "queueId", 0, "timestamp", begin+60_000), 3},
			{"between", ask(29, "offset", "topic", "T", "queueId", 0, "timestamp", begin+500), 1},
			{"between, upper", ask(29, "offset", "topic", "T", "queueId", 0, "timestamp", begin+500, "boundaryType", "UPPER"), 0},
			{"earliest of nothing", ask(32, "timestamp", "topic", "T", "queueId", 1), -1},
		} {
			if tt.got != tt.want {
				t.Errorf("%s = %d, want %d", tt.name, tt.got, tt.want)
			}
		}
		if at := ask(32, "timestamp", "topic", "T", "queueId", 0); at < begin || at > begin+100 {
			t.Errorf("earliest = %d, begin %d", at, begin)
		}
	})
}

func TestDelayedMessageComesOnceAndNotEarly(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		begin := time.Now()
		resp := g.send(0, "T", 3, "DELAY\x012\x02TAGS\x01TagA\x02", "later", protocol.Success) // 5 s
		if number(t, resp, "queueId") != 3 {
			t.Errorf("queueId = %d, want the one asked for", number(t, resp, "queueId"))
		}
		time.Sleep(4900 * time.Millisecond)
		if n := len(g.drain(0, "T", 3)); n != 0 {
			t.Fatalf("%d messages before the time", n)
		}
		g.eventually("the message", func() bool { return len(g.drain(0, "T", 3)) > 0 })
		if late := time.Since(begin) - 5*time.Second; late > 200*time.Millisecond {
			t.Errorf("%s late", late)
		}
		time.Sleep(10 * time.Second)
		all := g.drain(0, "T", 3)
		if len(all) != 1 {
			t.Fatalf("%d messages", len(all))
		}
		for name, want := range map[string]string{"REAL_TOPIC": "T", "REAL_QID": "3", "DELAY": "2", "TAGS": "TagA"} {
			if got, _ := message.Property(all[0].Properties, name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		if _, tagged := g.pulled(0, pullFields("g", "T", 3, 0, "subscription", "TagA")); len(tagged) != 1 {
			t.Error("the released message is not found by its tag")
		}
	})
}

func TestSendBackRetriesAndThenBuries(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		g.send(0, "T", 0, "", "poison", protocol.Success)
		_, all := g.pulled(0, pullFields("g", "T", 0, 0))
		back := func(m message.Message, group string, more ...any) int32 {
			f := fields("offset", int64(m.PhysicalOffset), "group", group, "delayLevel", 0, "originTopic", "T", "maxReconsumeTimes", 2)
			for i := 0; i < len(more); i += 2 {
				f = f.Set(more[i].(string), more[i+1].(string))
			}
			return g.call(0, 36, f, nil).Code
		}
		if code := back(all[0], "nobody"); code != protocol.SubscriptionGroupNotExist {
			t.Errorf("an unknown group: %d", code)
		}
		if code := back(all[0], "g", "offset", "999999999"); code != protocol.SystemError {
			t.Errorf("an unknown message: %d", code)
		}
		begin := time.Now()
		if code := back(all[0], "g"); code != protocol.Success {
			t.Fatalf("send back = %d", code)
		}
		var retried []message.Message
		g.eventually("the first retry", func() bool { retried = g.drain(0, "%RETRY%g", 0); return len(retried) == 1 })
		if took := time.Since(begin); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("the first retry came after %s, want 10 s", took)
		}
		m := retried[0]
		origin, _ := message.Property(m.Properties, "ORIGIN_MESSAGE_ID")
		if topic, _ := message.Property(m.Properties, "RETRY_TOPIC"); topic != "T" || m.ReconsumeTimes != 1 || origin != message.OffsetID(all[0].StoreHost, all[0].PhysicalOffset) {
			t.Errorf("retry: topic %q, times %d, origin %q", topic, m.ReconsumeTimes, origin)
		}
		if code := back(m, "g"); code != protocol.Success {
			t.Fatalf("second send back = %d", code)
		}
		g.eventually("the second retry", func() bool { retried = g.drain(0, "%RETRY%g", 0); return len(retried) == 2 })
		if code := back(retried[1], "g"); code != protocol.Success {
			t.Fatalf("third send back = %d", code)
		}
		dead := g.drain(0, "%DLQ%g", 0)
		if len(dead) != 1 || string(dead[0].Body) != "poison" || dead[0].ReconsumeTimes != 3 {
			t.Errorf("dead letters: %+v", dead)
		}
	})
}

func TestUnknownAndAdminRequests(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		for _, code := range []int32{13, 37, 43, 4711, 200050} {
			resp := g.call(0, code, nil, nil)
			if want := " request type " + itoa(code) + " not supported"; resp.Code != protocol.RequestCodeNotSupported || resp.Remark != want {
				t.Errorf("%d: %d %q", code, resp.Code, resp.Remark)
			}
		}
		// Addresses of the network in memory are not loopback.
		for _, code := range []int32{17, 28, 200, 215} {
			if resp := g.call(0, code, nil, nil); resp.Code != protocol.NoPermission {
				t.Errorf("admin request %d from elsewhere: %d %q", code, resp.Code, resp.Remark)
			}
		}
		if resp := g.call(0, 12, fields("topic", "T", "key", "k", "maxNum", 1, "beginTimestamp", 0, "endTimestamp", 1), nil); resp.Code != protocol.QueryNotFound {
			t.Errorf("query by key: %d %q", resp.Code, resp.Remark)
		}
	})
}
