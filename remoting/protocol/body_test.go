package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// golden reads testdata/bodies.txt: lines "name body", with # comments.
func golden(t testing.TB) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/bodies.txt")
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, body, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(name, "#") {
			bodies[name] = body
		}
	}
	return bodies
}

type body interface {
	Body
	Decode(b []byte) error
}

var (
	tags   = SubscriptionData{Topic: "TopicA", SubString: "TagA || TagB", TagsSet: []string{"TagA", "TagB"}, CodeSet: []int32{2598919, 2598920}, SubVersion: 1700000000001, ExpressionType: "TAG"}
	java   = Connection{ClientAddr: "10.0.0.9:5555", ClientID: "c1", Language: "JAVA", Version: 401}
	topicA = TopicConfig{TopicName: "TopicA", ReadQueueNums: 4, WriteQueueNums: 4, Perm: 6, TopicFilterType: "SINGLE_TAG", Attributes: map[string]string{}}
	seven  = DataVersion{Counter: 7, Timestamp: 1700000000000}
	queue0 = MessageQueue{Topic: "TopicA", BrokerName: "broker-a"}
	queue1 = MessageQueue{Topic: "TopicA", BrokerName: "broker-a", QueueID: 1}
	addrs  = map[int64]string{0: "10.0.0.1:10911", 1: "10.0.0.2:10911"}
)

func groupCG() SubscriptionGroupConfig {
	g := DefaultSubscriptionGroupConfig("CG")
	g.Attributes = map[string]string{}
	return g
}

func route() TopicRouteData {
	return TopicRouteData{
		BrokerDatas:       []BrokerData{{BrokerAddrs: addrs, BrokerName: "broker-a", Cluster: "DefaultCluster"}},
		FilterServerTable: map[string][]string{},
		QueueDatas:        []QueueData{{BrokerName: "broker-a", Perm: 6, ReadQueueNums: 4, WriteQueueNums: 4}},
	}
}

// bodies are the values that the golden bodies stand for. Those whose name ends in a star print otherwise than they read.
func bodies() map[string]body {
	order := route()
	order.OrderTopicConf = "broker-a:4"
	unquoted := route()
	all := SubscriptionData{Topic: "%RETRY%CG", SubString: "*", SubVersion: 1700000000002, ExpressionType: "TAG"}
	goTags := tags
	goTags.SubVersion = 1
	consumer := ConsumerData{GroupName: "CG", ConsumeType: "CONSUME_PASSIVELY", MessageModel: "CLUSTERING", ConsumeFromWhere: "CONSUME_FROM_LAST_OFFSET"}
	javaConsumer, goConsumer := consumer, consumer
	javaConsumer.SubscriptionDataSet = []SubscriptionData{tags, all}
	goConsumer.SubscriptionDataSet = []SubscriptionData{goTags}
	return map[string]body{
		"heartbeat-java":      &HeartbeatData{ClientID: "10.0.0.9@123#456", ConsumerDataSet: []ConsumerData{javaConsumer}, ProducerDataSet: []ProducerData{{"PG"}}},
		"heartbeat-go*":       &HeartbeatData{ClientID: "10.0.0.9@1#2", ConsumerDataSet: []ConsumerData{goConsumer}, ProducerDataSet: []ProducerData{{"PG"}}},
		"lock-request":        &LockBatchRequest{ClientID: "10.0.0.9@123#456", ConsumerGroup: "CG", MQSet: []MessageQueue{queue0}},
		"lock-response":       &LockBatchResponse{LockOKMQSet: []MessageQueue{queue0}},
		"check-client":        &CheckClientRequest{ClientID: "c1", Group: "CG", SubscriptionData: SubscriptionData{Topic: "TopicA", SubString: "a > 5", SubVersion: 1, ExpressionType: "SQL92"}},
		"consumer-list":       &ConsumerList{ConsumerIDList: []string{"10.0.0.9@123#456"}},
		"topic-list":          &TopicConfigList{TopicConfigList: []TopicConfig{topicA}},
		"all-topics":          &TopicConfigSerializeWrapper{DataVersion: seven, MappingDataVersion: seven, TopicConfigTable: map[string]TopicConfig{"TopicA": topicA}},
		"topic-config":        &topicA,
		"names":               &TopicList{TopicList: []string{"TopicA", "TBW102"}},
		"groups-of-topic":     &GroupList{GroupList: []string{"CG"}},
		"group-config":        ptr(groupCG()),
		"group-list":          &SubscriptionGroupList{GroupConfigList: []SubscriptionGroupConfig{groupCG()}},
		"all-groups":          &SubscriptionGroupWrapper{DataVersion: seven, ForbiddenTable: map[string]map[string]int32{"CG": {"TopicA": 4}}, SubscriptionGroupTable: map[string]SubscriptionGroupConfig{"CG": groupCG()}},
		"consume-stats*":      &ConsumeStats{OffsetTable: map[MessageQueue]OffsetWrapper{queue0: {BrokerOffset: 10, ConsumerOffset: 4, LastTimestamp: 1700000000000, PullOffset: 8}}},
		"reset-offset*":       &ResetOffsetBody{OffsetTable: map[MessageQueue]int64{queue0: 5, queue1: 7}},
		"consumer-connection": &ConsumerConnection{ConnectionSet: []Connection{java}, ConsumeFromWhere: "CONSUME_FROM_LAST_OFFSET", ConsumeType: "CONSUME_PASSIVELY", MessageModel: "CLUSTERING", SubscriptionTable: map[string]SubscriptionData{"TopicA": tags}},
		"producer-connection": &ProducerConnection{ConnectionSet: []Connection{java}},
		"producers":           &ProducerTableInfo{Data: map[string][]ProducerInfo{"PG": {{ClientID: "c1", Language: "JAVA", LastUpdateTimestamp: 1700000000000, RemoteIP: "/10.0.0.9:5555", Version: 401}}}},
		"kv-table":            &KVTable{Table: map[string]string{"k": "v"}},
		"route":               ptr(route()),
		"route-old*":          &unquoted,
		"route-order*":        &order,
		"cluster*":            &ClusterInfo{BrokerAddrTable: map[string]BrokerData{"broker-a": {BrokerAddrs: addrs, BrokerName: "broker-a", Cluster: "DefaultCluster"}}, ClusterAddrTable: map[string][]string{"DefaultCluster": {"broker-a"}}},
		"member-group*":       &BrokerMemberGroup{BrokerAddrs: addrs, BrokerName: "broker-a", Cluster: "DefaultCluster"},
	}
}

func ptr[T any](v T) *T { return &v }

func TestBodiesGolden(t *testing.T) {
	texts := golden(t)
	for name, want := range bodies() {
		name, differs := strings.CutSuffix(name, "*")
		text := texts[name]
		got := reflect.New(reflect.TypeOf(want).Elem()).Interface().(body)
		if err := got.Decode([]byte(text)); err != nil || !equalBodies(got, want) {
			t.Errorf("%s decodes to\n%+v, %v, want\n%+v", name, got, err, want)
		}
		printed := want.Encode()
		if !differs && string(printed) != text {
			t.Errorf("%s prints as\n%s, want\n%s", name, printed, text)
		}
		again := reflect.New(reflect.TypeOf(want).Elem()).Interface().(body)
		if err := again.Decode(printed); err != nil || !equalBodies(again, want) {
			t.Errorf("%s prints and decodes to %+v, %v", name, again, err)
		}
		delete(texts, name)
	}
	delete(texts, "register")
	if len(texts) != 0 {
		t.Errorf("without a value: %v", texts)
	}
}

// equalBodies compares what they print: nil and empty lists are the same.
func equalBodies(a, b body) bool { return bytes.Equal(a.Encode(), b.Encode()) }

func TestBodiesAsWePrintThem(t *testing.T) {
	texts := golden(t)
	order := route()
	order.OrderTopicConf = "broker-a:4"
	wantOrder, _, _ := strings.Cut(texts["route-order"], `,"topicQueueMappingByBroker"`)
	for name, tt := range map[string]struct {
		got  []byte
		want string
	}{
		"unquoted route":         {route().EncodeUnquoted(), texts["route-old"]},
		"unquoted order route":   {order.EncodeUnquoted(), wantOrder + "}"},
		"cluster, always quoted": {bodies()["cluster*"].Encode(), strings.NewReplacer("{0:", `{"0":`, ",1:", `,"1":`).Replace(texts["cluster"])},
		"members, always quoted": {bodies()["member-group*"].Encode(), strings.NewReplacer("{0:", `{"0":`, ",1:", `,"1":`).Replace(texts["member-group"])},
		"object keys, sorted": {bodies()["reset-offset*"].Encode(),
			`{"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"TopicA"}:5,{"brokerName":"broker-a","queueId":1,"topic":"TopicA"}:7}}`},
		"consume stats": {bodies()["consume-stats*"].Encode(), strings.Replace(texts["consume-stats"], "0.0", "0", 1)},
		"topic stats": {TopicStatsTable{OffsetTable: map[MessageQueue]TopicOffset{queue0: {LastUpdateTimestamp: 3, MaxOffset: 2, MinOffset: 1}}, TopicPutTps: 1.5}.Encode(),
			`{"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"TopicA"}:{"lastUpdateTimestamp":3,"maxOffset":2,"minOffset":1}},"topicPutTps":1.5}`},
		"an empty route":    {TopicRouteData{}.Encode(), `{"brokerDatas":[],"filterServerTable":{},"queueDatas":[]}`},
		"no consumers":      {ConsumerList{}.Encode(), `{"consumerIdList":[]}`},
		"no topics":         {TopicList{}.Encode(), `{"topicList":[]}`},
		"no locks":          {LockBatchResponse{}.Encode(), `{"lockOKMQSet":[]}`},
		"nothing consumed":  {ConsumeStats{}.Encode(), `{"consumeTps":0,"offsetTable":{}}`},
		"nothing described": {HeartbeatData{ClientID: "c"}.Encode(), `{"clientID":"c","consumerDataSet":[],"heartbeatFingerprint":0,"producerDataSet":[],"withoutSub":false}`},
	} {
		if string(tt.got) != tt.want {
			t.Errorf("%s:\n%s, want\n%s", name, tt.got, tt.want)
		}
	}
}

func TestUnquotedRouteIsTouchedInItsKeysOnly(t *testing.T) {
	r := route()
	r.OrderTopicConf = `"0":1`
	r.BrokerDatas[0].BrokerName = "0"
	var back TopicRouteData
	if err := back.Decode(r.EncodeUnquoted()); err != nil || !reflect.DeepEqual(back, r) {
		t.Errorf("%+v, %v", back, err)
	}
}

// TestHeartbeatVariations: codes.md section 6.1.
func TestHeartbeatVariations(t *testing.T) {
	tests := []struct{ name, in string }{
		{"C++: ordinals, text numbers, no sets", `{"clientID":"c","producerDataSet":null,"consumerDataSet":[{"groupName":"CG","consumeType":1,"messageModel":1,"consumeFromWhere":0,
			"subscriptionDataSet":[{"topic":"T","subString":"*","subVersion":"17"}]}]}`},
		{"Node: names", `{"clientID":"c","producerDataSet":[],"consumerDataSet":[{"groupName":"CG","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET",
			"subscriptionDataSet":[{"topic":"T","subString":"*","subVersion":17,"tagsSet":null,"codeSet":null}],"unitMode":false}]}`},
		{"Java with a reference", `{"clientID":"c","consumerDataSet":[{"groupName":"CG","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET",
			"subscriptionDataSet":[{"topic":"T","subString":"*","subVersion":17}]}],"x":{"$ref":"$.consumerDataSet[0]"}}`},
	}
	want := HeartbeatData{ClientID: "c", ConsumerDataSet: []ConsumerData{{GroupName: "CG", ConsumeType: "CONSUME_PASSIVELY", MessageModel: "CLUSTERING",
		ConsumeFromWhere: "CONSUME_FROM_LAST_OFFSET", SubscriptionDataSet: []SubscriptionData{{Topic: "T", SubString: "*", SubVersion: 17}}}}}
	for _, tt := range tests {
		var got HeartbeatData
		if err := got.Decode([]byte(tt.in)); err != nil || !equalBodies(&got, &want) {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
	for _, in := range []string{`{"withoutSub":true}`, `{"isWithoutSub":true}`} {
		var got HeartbeatData
		if err := got.Decode([]byte(in)); err != nil || !got.WithoutSub {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for _, bad := range []string{``, `[]`, `{"consumerDataSet":[{"consumeType":7}]}`, `{"consumerDataSet":[{"subscriptionDataSet":[{"codeSet":["x"]}]}]}`,
		`{"consumerDataSet":[{"subscriptionDataSet":[{"subVersion":"99999999999999999999"}]}]}`, `{"consumerDataSet":` + strings.Repeat("[", 100)} {
		if err := new(HeartbeatData).Decode([]byte(bad)); err == nil {
			t.Errorf("%.60s decodes", bad)
		}
	}
}

func TestGroupDefaultsFillWhatIsMissing(t *testing.T) {
	var g SubscriptionGroupConfig
	if err := g.Decode([]byte(`{"groupName":"CG","retryMaxTimes":3,"unknown":1,"groupRetryPolicy":{"type":"EXPONENTIAL"}}`)); err != nil {
		t.Fatal(err)
	}
	want := DefaultSubscriptionGroupConfig("CG")
	want.RetryMaxTimes, want.GroupRetryPolicy = 3, json.RawMessage(`{"type":"EXPONENTIAL"}`)
	if !equalBodies(&g, &want) {
		t.Errorf("%+v", g)
	}
}

func FuzzBodies(f *testing.F) {
	for _, text := range golden(f) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, kind := range bodies() {
			first := reflect.New(reflect.TypeOf(kind).Elem()).Interface().(body)
			if first.Decode(b) != nil {
				continue
			}
			again := reflect.New(reflect.TypeOf(kind).Elem()).Interface().(body)
			if err := again.Decode(first.Encode()); err != nil || !equalBodies(first, again) {
				t.Fatalf("%s: %q prints as %s, %v", name, b, first.Encode(), err)
			}
		}
	})
}

func BenchmarkDecodeHeartbeat(b *testing.B) {
	text := []byte(golden(b)["heartbeat-java"])
	b.ReportAllocs()
	for b.Loop() {
		if err := new(HeartbeatData).Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeRegister(b *testing.B) {
	body := RegisterBrokerBody{}
	for i := range 1000 {
		body.Topics = append(body.Topics, TopicConfig{TopicName: fmt.Sprint("Topic", i), ReadQueueNums: 8, WriteQueueNums: 8, Perm: 6})
	}
	text := body.Encode()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeRegisterBrokerBody(text, &RegisterBrokerHeader{}); err != nil {
			b.Fatal(err)
		}
	}
}
