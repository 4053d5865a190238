package remoting_test

import (
	"bytes"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// captured is one frame of testdata/golden: what stock clients and an Apache RocketMQ broker sent each other.
type captured struct {
	name  string
	code  int32 // of the request, also for a response
	frame []byte
}

func readCaptured(t *testing.T) (all []captured) {
	err := filepath.WalkDir("testdata/golden", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".hex" {
			return err
		}
		text, err := os.ReadFile(path)
		c := captured{name: strings.TrimPrefix(path, "testdata/golden/")}
		for line := range strings.Lines(string(text)) {
			if code, ok := strings.CutPrefix(line, "# request-code: "); ok {
				n, err := strconv.Atoi(strings.TrimSpace(code))
				if err != nil {
					t.Errorf("%s: %v", path, err)
				}
				c.code = int32(n)
			}
			if !strings.HasPrefix(line, "#") {
				b, err := hex.DecodeString(strings.TrimSpace(line))
				if err != nil {
					t.Errorf("%s: %v", path, err)
				}
				c.frame = append(c.frame, b...)
			}
		}
		all = append(all, c)
		return err
	})
	if err != nil || len(all) < 100 {
		t.Fatalf("%d captured frames: %v", len(all), err)
	}
	return all
}

type header interface {
	protocol.Header
	protocol.HeaderDecoder
}

type body interface {
	protocol.Body
	Decode(b []byte) error
}

// meaning is what package protocol knows of a request code.
type meaning struct {
	request, response         func() header
	requestBody, responseBody func() body
}

func h[T any, P interface {
	*T
	header
}]() header {
	return P(new(T))
}

func b[T any, P interface {
	*T
	body
}]() body {
	return P(new(T))
}

var meanings = map[int32]meaning{
	10:  {request: h[protocol.SendMessageHeader], response: h[protocol.SendMessageResponseHeader]},
	310: {request: h[protocol.SendMessageHeader], response: h[protocol.SendMessageResponseHeader]},
	320: {request: h[protocol.SendMessageHeader], response: h[protocol.SendMessageResponseHeader]},
	11:  {request: h[protocol.PullMessageHeader], response: h[protocol.PullMessageResponseHeader]},
	361: {request: h[protocol.PullMessageHeader], response: h[protocol.PullMessageResponseHeader]},
	12:  {request: h[protocol.QueryMessageHeader], response: h[protocol.QueryMessageResponseHeader]},
	14:  {request: h[protocol.QueryConsumerOffsetHeader], response: h[protocol.OffsetResponseHeader]},
	15:  {request: h[protocol.UpdateConsumerOffsetHeader]},
	17:  {request: h[protocol.CreateTopicHeader]},
	28:  {responseBody: b[protocol.KVTable]},
	29:  {request: h[protocol.SearchOffsetHeader], response: h[protocol.OffsetResponseHeader]},
	30:  {request: h[protocol.MaxOffsetHeader], response: h[protocol.OffsetResponseHeader]},
	31:  {request: h[protocol.TopicQueueHeader], response: h[protocol.OffsetResponseHeader]},
	32:  {request: h[protocol.TopicQueueHeader], response: h[protocol.TimestampResponseHeader]},
	33:  {request: h[protocol.ViewMessageHeader]},
	34:  {requestBody: b[protocol.HeartbeatData]},
	35:  {request: h[protocol.UnregisterClientHeader]},
	36:  {request: h[protocol.SendBackHeader]},
	38:  {request: h[protocol.ConsumerGroupHeader], responseBody: b[protocol.ConsumerList]},
	40:  {request: h[protocol.ConsumerGroupHeader]},
	41:  {requestBody: b[protocol.LockBatchRequest], responseBody: b[protocol.LockBatchResponse]},
	42:  {requestBody: b[protocol.LockBatchRequest]},
	46:  {requestBody: b[protocol.CheckClientRequest]},
	100: {request: h[protocol.PutKVHeader]},
	101: {request: h[protocol.KVHeader], response: h[protocol.KVResponseHeader]},
	102: {request: h[protocol.KVHeader]},
	103: {request: h[protocol.RegisterBrokerHeader], response: h[protocol.RegisterBrokerResponseHeader]},
	104: {request: h[protocol.BrokerIdentityHeader]},
	105: {request: h[protocol.RouteHeader], responseBody: b[protocol.TopicRouteData]},
	106: {responseBody: b[protocol.ClusterInfo]},
	200: {requestBody: b[protocol.SubscriptionGroupConfig]},
	201: {responseBody: b[protocol.SubscriptionGroupWrapper]},
	202: {request: h[protocol.TopicHeader], responseBody: b[protocol.TopicStatsTable]},
	203: {request: h[protocol.ConsumerGroupHeader], responseBody: b[protocol.ConsumerConnection]},
	204: {request: h[protocol.ProducerGroupHeader], responseBody: b[protocol.ProducerConnection]},
	206: {responseBody: b[protocol.TopicList]},
	207: {request: h[protocol.DeleteGroupHeader]},
	208: {request: h[protocol.ConsumeStatsHeader], responseBody: b[protocol.ConsumeStats]},
	215: {request: h[protocol.TopicHeader]},
	216: {request: h[protocol.DeleteTopicInNamesrvHeader]},
	222: {request: h[protocol.ResetOffsetHeader], responseBody: b[protocol.ResetOffsetBody]},
	300: {request: h[protocol.TopicHeader], responseBody: b[protocol.GroupList]},
	307: {request: h[protocol.ConsumerRunningInfoHeader]},
	325: {request: h[protocol.SendMessageHeader], response: h[protocol.SendMessageResponseHeader]},
	351: {request: h[protocol.TopicHeader], responseBody: b[protocol.TopicConfig]},
}

// TestCapturedFrames: every frame decodes and encodes to the same command, binary ones to the same bytes; headers and
// bodies of the codes that we know decode, and say the same after being encoded by us.
func TestCapturedFrames(t *testing.T) {
	for _, c := range readCaptured(t) {
		cmd, size, err := remoting.DecodeFrame(c.frame, remoting.Limits{})
		if err != nil || size != len(c.frame) {
			t.Errorf("%s: %d of %d bytes, %v", c.name, size, len(c.frame), err)
			continue
		}
		again, err := remoting.AppendFrame(nil, &cmd)
		back, _, _ := remoting.DecodeFrame(again, remoting.Limits{})
		if err != nil || !reflect.DeepEqual(back, cmd) || cmd.Serialize == remoting.RocketMQ && !bytes.Equal(again, c.frame) {
			t.Errorf("%s encodes to\n%q, %v, want\n%q", c.name, again, err, c.frame)
		}
		if !cmd.IsResponse() && cmd.Code != c.code {
			t.Errorf("%s has code %d", c.name, cmd.Code)
		}
		checkMeaning(t, &c, &cmd)
	}
}

func checkMeaning(t *testing.T, c *captured, cmd *remoting.Command) {
	m := meanings[c.code]
	head, content := m.request, m.requestBody
	if cmd.IsResponse() {
		head, content = m.response, m.responseBody
		if cmd.Code != protocol.Success {
			return
		}
	}
	if head != nil {
		checkHeader(t, c.name, head, cmd.Ext)
	}
	if content != nil {
		checkBody(t, c.name, content, cmd.Body)
	}
	checkMessages(t, c, cmd)
}

func checkHeader(t *testing.T, name string, kind func() header, fields protocol.Fields) {
	first, again := kind(), kind()
	if err := first.Decode(fields); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	ours := first.AppendFields(nil)
	if err := again.Decode(ours); err != nil || !reflect.DeepEqual(again, first) {
		t.Errorf("%s: %+v encodes to %v, %v", name, first, ours, err)
	}
	for _, f := range ours { // what we say is what was said, unless it was not said
		if theirs, ok := fields.Get(f.Key); ok && theirs != f.Value && theirs != "" {
			t.Errorf("%s: %s is %q, we say %q", name, f.Key, theirs, f.Value)
		}
	}
}

func checkBody(t *testing.T, name string, kind func() body, content []byte) {
	first, again := kind(), kind()
	if err := first.Decode(content); err != nil {
		t.Errorf("%s: %v\n%s", name, err, content)
		return
	}
	if err := again.Decode(first.Encode()); err != nil || !bytes.Equal(again.Encode(), first.Encode()) {
		t.Errorf("%s: %s encodes to %s, %v", name, content, first.Encode(), err)
	}
	if reflect.ValueOf(first).Elem().IsZero() {
		t.Errorf("%s: nothing was found in %s", name, content)
	}
}

// checkMessages: stored messages and batches encode to the bytes that they were decoded from.
func checkMessages(t *testing.T, c *captured, cmd *remoting.Command) {
	switch {
	case cmd.IsResponse() && (c.code == 11 || c.code == 361 || c.code == 12 || c.code == 33):
		if len(cmd.Body) == 0 {
			t.Errorf("%s: no messages", c.name)
		}
		for rest := cmd.Body; len(rest) > 0; {
			m, size, err := message.DecodeStored(rest)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				return
			}
			if ours := message.AppendStored(nil, &m); !bytes.Equal(ours, rest[:size]) {
				t.Errorf("%s: message encodes to\n%x, want\n%x", c.name, ours, rest[:size])
			}
			rest = rest[size:]
		}
	case !cmd.IsResponse() && c.code == 320:
		parts, err := message.DecodeBatch(cmd.Body, 1000)
		var ours []byte
		for _, p := range parts {
			ours = message.AppendBatchPart(ours, p)
		}
		if err != nil || !bytes.Equal(ours, cmd.Body) {
			t.Errorf("%s: %v, encodes to\n%x, want\n%x", c.name, err, ours, cmd.Body)
		}
	case !cmd.IsResponse() && c.code == 103:
		var head protocol.RegisterBrokerHeader
		head.Decode(cmd.Ext)
		reg, err := protocol.DecodeRegisterBrokerBody(cmd.Body, &head)
		if err != nil || len(reg.Topics) == 0 {
			t.Errorf("%s: %+v, %v", c.name, reg, err)
		}
	}
}
