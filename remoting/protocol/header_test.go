package protocol

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

type bothWays interface {
	Header
	HeaderDecoder
}

// headers has one of each header, to be filled.
func headers() []bothWays {
	return []bothWays{
		&SendMessageHeader{}, &SendMessageResponseHeader{}, &SendBackHeader{}, &PullMessageHeader{}, &PullMessageResponseHeader{},
		&QueryConsumerOffsetHeader{}, &UpdateConsumerOffsetHeader{}, &OffsetResponseHeader{}, &SearchOffsetHeader{}, &MaxOffsetHeader{},
		&TopicQueueHeader{}, &TimestampResponseHeader{}, &QueryMessageHeader{}, &QueryMessageResponseHeader{}, &ViewMessageHeader{},
		&UnregisterClientHeader{}, &ConsumerGroupHeader{}, &ProducerGroupHeader{}, &HeartbeatResponseHeader{}, &ConsumerRunningInfoHeader{},
		&TopicHeader{}, &CreateTopicHeader{}, &DeleteTopicInNamesrvHeader{}, &AllTopicConfigResponseHeader{}, &ConfigResponseHeader{},
		&GroupHeader{}, &DeleteGroupHeader{}, &AllGroupConfigResponseHeader{}, &ConsumeStatsHeader{}, &RouteHeader{}, &PutKVHeader{},
		&KVHeader{}, &KVResponseHeader{}, &RegisterBrokerHeader{}, &RegisterBrokerResponseHeader{}, &BrokerIdentityHeader{},
		&DataVersionResponseHeader{}, &BrokerHeartbeatHeader{}, &MemberGroupHeader{}, &BrokerNameHeader{}, &WipeWritePermResponseHeader{},
		&AddWritePermResponseHeader{}, &NamespaceHeader{}, &ClusterHeader{}, &ResetOffsetHeader{},
	}
}

// fill sets every field of *h to a value that depends on its place and on seed.
func fill(h any, seed int) {
	v := reflect.ValueOf(h).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(fmt.Sprintf("text%d-%d", seed, i))
		case reflect.Bool:
			f.SetBool((seed+i)%2 == 0)
		default:
			f.SetInt(int64(seed*(i+1)) - 3)
		}
	}
}

func TestHeadersGoBothWays(t *testing.T) {
	for _, h := range headers() {
		for seed := range 4 {
			fill(h, seed)
			fields := h.AppendFields(nil)
			back := reflect.New(reflect.TypeOf(h).Elem()).Interface().(bothWays)
			fill(back, 9) // what was in it before must not stay
			if err := back.Decode(append(fields, Field{"unknown", "x"})); err != nil || !reflect.DeepEqual(back, h) {
				t.Errorf("%T: %+v decodes to %+v, %v", h, fields, back, err)
			}
			seen := map[string]bool{}
			for _, f := range fields {
				if seen[f.Key] {
					t.Errorf("%T: %s twice", h, f.Key)
				}
				seen[f.Key] = true
			}
		}
	}
}

func TestHeadersNameTheFieldThatIsBad(t *testing.T) {
	for _, h := range headers() {
		fill(h, 2)
		for i, f := range h.AppendFields(nil) {
			fields := h.AppendFields(nil)
			if fields[i].Value = "12x"; !strings.HasPrefix(f.Value, "text") && f.Value != "true" && f.Value != "false" {
				var bad *FieldError
				if err := h.Decode(fields); !errors.As(err, &bad) || bad.Name != f.Key || bad.Value != "12x" {
					t.Errorf("%T: %s=12x: %v", h, f.Key, err)
				}
				fill(h, 2)
			}
			fields[i].Value = ""
			var bad *FieldError
			if err := h.Decode(fields); err != nil && (!errors.As(err, &bad) || bad.Name != f.Key && len(f.Key) > 1) {
				t.Errorf("%T without %s: %v", h, f.Key, err)
			}
			fill(h, 2)
		}
	}
}

func TestRequiredFields(t *testing.T) {
	tests := []struct {
		h    HeaderDecoder
		f    Fields
		want string // field that is missing, "" for none
	}{
		{&SendMessageHeader{}, Fields{{"b", "T"}, {"e", "0"}}, ""},
		{&SendMessageHeader{}, Fields{{"topic", "T"}, {"queueId", "-1"}}, ""},
		{&SendMessageHeader{}, Fields{{"e", "0"}}, "topic"},
		{&SendMessageHeader{}, Fields{{"b", "T"}}, "queueId"},
		{&SendMessageHeader{}, nil, "topic"},
		{&PullMessageHeader{}, nil, "consumerGroup"},
		{&PullMessageHeader{}, Fields{{"consumerGroup", "G"}, {"topic", "T"}, {"queueId", "0"}, {"maxMsgNums", "1"}}, "queueOffset"},
		{&PullMessageHeader{}, Fields{{"consumerGroup", "G"}, {"topic", "T"}, {"queueId", "0"}, {"queueOffset", "1"}, {"maxMsgNums", "1"}}, ""},
		{&QueryConsumerOffsetHeader{}, Fields{{"consumerGroup", "G"}, {"topic", "T"}}, "queueId"},
		{&TopicHeader{}, Fields{{"topic", ""}}, "topic"},
		{&RouteHeader{}, nil, ""},
		{&ViewMessageHeader{}, Fields{{"offset", "9"}}, ""},
	}
	for _, tt := range tests {
		err := tt.h.Decode(tt.f)
		var bad *FieldError
		if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &bad) || bad.Name != tt.want) {
			t.Errorf("%T %v: %v, want %q missing", tt.h, tt.f, err, tt.want)
		}
	}
}

func TestDefaultsOfAbsentFields(t *testing.T) {
	var send SendMessageHeader
	var back SendBackHeader
	var query QueryConsumerOffsetHeader
	send.Decode(Fields{{"b", "T"}, {"e", "0"}})
	back.Decode(Fields{{"offset", "1"}, {"group", "G"}, {"delayLevel", "0"}})
	query.Decode(Fields{{"consumerGroup", "G"}, {"topic", "T"}, {"queueId", "0"}})
	if send.MaxReconsumeTimes != -1 || back.MaxReconsumeTimes != -1 || !query.SetZeroIfNotFound {
		t.Errorf("%+v, %+v, %+v", send, back, query)
	}
}

func TestSendNames(t *testing.T) {
	h := SendMessageHeader{ProducerGroup: "PG", Topic: "T", DefaultTopic: "TBW102", DefaultTopicQueueNums: 4, QueueID: 1, SysFlag: 2,
		BornTimestamp: 3, Flag: 5, Properties: "p", ReconsumeTimes: 6, UnitMode: true, MaxReconsumeTimes: 7, Batch: true, BrokerName: "b"}
	short, long := h.AppendFields(nil), h.AppendFieldsV1(nil)
	for i, f := range short {
		if len(f.Key) != 1 || f.Key[0] != byte('a'+i) || len(long[i].Key) < 2 || long[i].Value != f.Value {
			t.Errorf("field %d: %v, %v", i, f, long[i])
		}
	}
	var got SendMessageHeader
	if err := got.Decode(long); err != nil || got != h {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHotHeadersAllocateLittle(t *testing.T) {
	send := SendMessageResponseHeader{MsgID: "0A00000100002A9F0000000000001000", QueueID: 2, QueueOffset: 123456, Region: "DefaultRegion"}
	pull := PullMessageResponseHeader{NextBeginOffset: 1000, MaxOffset: 2000}
	fields := make(Fields, 0, 16)
	if n := testing.AllocsPerRun(100, func() { send.AppendFields(fields) }); n > 1 {
		t.Errorf("answer to a send: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { pull.AppendFields(fields) }); n > 1 {
		t.Errorf("answer to a pull: %v allocations", n)
	}
	f := (&SendMessageHeader{Topic: "T", ProducerGroup: "PG"}).AppendFields(nil)
	var h SendMessageHeader
	if n := testing.AllocsPerRun(100, func() { h.Decode(f) }); n > 0 {
		t.Errorf("header of a send: %v allocations", n)
	}
}

func TestSearchOffsetUpper(t *testing.T) {
	for text, want := range map[string]bool{"UPPER": true, "upper": true, "LOWER": false, "": false, "x": false} {
		if h := (SearchOffsetHeader{BoundaryType: text}); h.Upper() != want {
			t.Errorf("%q", text)
		}
	}
}

func TestCodesTable(t *testing.T) {
	for i, c := range Codes {
		if c.Class < Public || c.Class > Peer || c.To == 0 || c.Name == "" || c.Class.String() == "" {
			t.Errorf("%+v", c)
		}
		if i > 0 && Codes[i-1].Code >= c.Code {
			t.Errorf("%d after %d", c.Code, Codes[i-1].Code)
		}
		if got, ok := Lookup(c.Code); !ok || got.Name != c.Name {
			t.Errorf("Lookup(%d): %+v, %t", c.Code, got, ok)
		}
	}
	for _, unknown := range []int32{-1, 0, 16, 50, 7777, 200152} {
		if c, ok := Lookup(unknown); ok {
			t.Errorf("Lookup(%d): %+v", unknown, c)
		}
	}
	for code, class := range map[int32]Class{CodeSendMessageV2: Produce, CodePullMessage: Consume, CodeHeartBeat: Public,
		CodeUpdateAndCreateTopic: Admin, CodeRegisterBroker: Peer, CodeUpdateBrokerConfig: Admin} {
		if c, _ := Lookup(code); c.Class != class {
			t.Errorf("%s is %s", c.Name, c.Class)
		}
	}
}

// TestCodesTableIsWhole: each constant of codes.go has its entry.
func TestCodesTableIsWhole(t *testing.T) {
	src, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	constants := regexp.MustCompile(`(?m)^\tCode\w+ +int32 = (\d+)$`).FindAllSubmatch(src, -1)
	if len(constants) != len(Codes) {
		t.Errorf("%d constants, %d entries", len(constants), len(Codes))
	}
	for _, m := range constants {
		code, _ := strconv.Atoi(string(m[1]))
		if _, ok := Lookup(int32(code)); !ok {
			t.Errorf("%d has no entry", code)
		}
	}
}

func TestLanguageNames(t *testing.T) {
	for l := Java; l <= NodeJS; l++ {
		if LanguageOf(l.String()) != l {
			t.Errorf("%d: %s", l, l)
		}
	}
	if LanguageOf("COBOL") != Other || Language(200).String() != "OTHER" {
		t.Error("unknown languages")
	}
}

func BenchmarkDecodeSendHeader(b *testing.B) {
	h := SendMessageHeader{ProducerGroup: "PG", Topic: "TopicA", DefaultTopic: "TBW102", DefaultTopicQueueNums: 4, BornTimestamp: 1700000000000,
		Properties: "KEYS\x01k1\x02", BrokerName: "broker-a"}
	f := h.AppendFields(nil)
	b.ReportAllocs()
	for b.Loop() {
		h.Decode(f)
	}
}
