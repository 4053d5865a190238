package remoting_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// capture is one frame under testdata/golden, recorded between a stock client and Apache RocketMQ by scripts/golden.sh.
type capture struct {
	path     string
	request  int32 // code of the request, also of a response
	response bool
	raw      []byte
}

// captures reads all golden files of clients.
func captures(t testing.TB) []capture {
	t.Helper()
	var all []capture
	err := filepath.WalkDir("testdata/golden", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		c := capture{path: path, response: strings.Contains(d.Name(), "-response")}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var digits strings.Builder
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if code, ok := strings.CutPrefix(line, "# request-code: "); ok {
				n, err := strconv.ParseInt(code, 10, 32)
				if err != nil {
					return err
				}
				c.request = int32(n)
			}
			if !strings.HasPrefix(line, "#") {
				digits.WriteString(line)
			}
		}
		c.raw, err = hex.DecodeString(digits.String())
		all = append(all, c)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no golden frames")
	}
	return all
}

func (c capture) decode(t testing.TB) remoting.Command {
	t.Helper()
	cmd, size, err := remoting.DecodeFrame(c.raw, remoting.Limits{})
	if err != nil || size != len(c.raw) {
		t.Fatalf("size %d of %d, %v", size, len(c.raw), err)
	}
	return cmd
}

func TestClientFrames(t *testing.T) {
	for _, c := range captures(t) {
		t.Run(strings.TrimPrefix(c.path, "testdata/golden/"), func(t *testing.T) {
			cmd := c.decode(t)
			if cmd.IsResponse() != c.response || !c.response && cmd.Code != c.request {
				t.Errorf("code %d, response %v", cmd.Code, cmd.IsResponse())
			}
			for n := 0; n < len(c.raw); n += 1 + n/16 {
				if _, _, err := remoting.DecodeFrame(c.raw[:n], remoting.Limits{}); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("a prefix of %d bytes: %v", n, err)
				}
			}
			encoded, err := remoting.AppendFrame(nil, &cmd)
			if err != nil {
				t.Fatal(err)
			}
			again, _, err := remoting.DecodeFrame(encoded, remoting.Limits{})
			if err != nil || !reflect.DeepEqual(again, cmd) {
				t.Errorf("encoded and decoded: %+v, %v\nwant %+v", again, err, cmd)
			}
			if cmd.Serialize == remoting.RocketMQ && !bytes.Equal(encoded, c.raw) {
				t.Errorf("a compact header is encoded as\n%x\nwant\n%x", encoded, c.raw)
			}
		})
	}
}

type typedHeader interface {
	protocol.Header
	protocol.HeaderDecoder
}

// requestHeader returns the typed header of a request that has one; RocketMQ's name of it is in the type's comment.
func requestHeader(code int32) typedHeader {
	switch code {
	case protocol.CodeSendMessage, protocol.CodeSendMessageV2, protocol.CodeSendBatchMessage:
		return &protocol.SendMessageHeader{}
	case protocol.CodePullMessage, protocol.CodeLitePullMessage:
		return &protocol.PullMessageHeader{}
	case protocol.CodeQueryConsumerOffset:
		return &protocol.QueryConsumerOffsetHeader{}
	case protocol.CodeUpdateConsumerOffset:
		return &protocol.UpdateConsumerOffsetHeader{}
	case protocol.CodeSearchOffsetByTimestamp:
		return &protocol.SearchOffsetHeader{}
	case protocol.CodeGetMaxOffset:
		return &protocol.MaxOffsetHeader{}
	case protocol.CodeGetMinOffset, protocol.CodeGetEarliestMsgStoreTime:
		return &protocol.TopicQueueHeader{}
	case protocol.CodeQueryMessage:
		return &protocol.QueryMessageHeader{}
	case protocol.CodeViewMessageByID:
		return &protocol.ViewMessageHeader{}
	case protocol.CodeUnregisterClient:
		return &protocol.UnregisterClientHeader{}
	case protocol.CodeConsumerSendMsgBack:
		return &protocol.SendBackHeader{}
	case protocol.CodeGetConsumerListByGroup, protocol.CodeNotifyConsumerIDsChanged:
		return &protocol.ConsumerGroupHeader{}
	case protocol.CodeUpdateAndCreateTopic:
		return &protocol.CreateTopicHeader{}
	case protocol.CodeRegisterBroker:
		return &protocol.RegisterBrokerHeader{}
	case protocol.CodeGetRouteInfoByTopic:
		return &protocol.RouteHeader{}
	case protocol.CodeGetConsumeStats:
		return &protocol.ConsumeStatsHeader{}
	case protocol.CodeDeleteTopicInBroker, protocol.CodeGetTopicStatsInfo:
		return &protocol.TopicHeader{}
	case protocol.CodeDeleteTopicInNamesrv:
		return &protocol.DeleteTopicInNamesrvHeader{}
	case protocol.CodePutKVConfig:
		return &protocol.PutKVHeader{}
	case protocol.CodeGetKVConfig, protocol.CodeDeleteKVConfig:
		return &protocol.KVHeader{}
	}
	return nil
}

// responseHeader returns the typed header of the answer with code 0.
func responseHeader(code int32) typedHeader {
	switch code {
	case protocol.CodeSendMessage, protocol.CodeSendMessageV2, protocol.CodeSendBatchMessage:
		return &protocol.SendMessageResponseHeader{}
	case protocol.CodePullMessage, protocol.CodeLitePullMessage:
		return &protocol.PullMessageResponseHeader{}
	case protocol.CodeQueryConsumerOffset, protocol.CodeSearchOffsetByTimestamp, protocol.CodeGetMaxOffset, protocol.CodeGetMinOffset:
		return &protocol.OffsetResponseHeader{}
	case protocol.CodeGetEarliestMsgStoreTime:
		return &protocol.TimestampResponseHeader{}
	case protocol.CodeQueryMessage:
		return &protocol.QueryMessageResponseHeader{}
	case protocol.CodeGetKVConfig:
		return &protocol.KVResponseHeader{}
	case protocol.CodeRegisterBroker:
		return &protocol.RegisterBrokerResponseHeader{}
	case protocol.CodeHeartBeat:
		return &protocol.HeartbeatResponseHeader{}
	}
	return nil
}

// A header that was captured decodes, and what it encodes to says the same.
func TestClientHeaders(t *testing.T) {
	checked := 0
	for _, c := range captures(t) {
		h := requestHeader(c.request)
		if c.response {
			h = responseHeader(c.request)
		}
		cmd := c.decode(t)
		if h == nil || c.response && cmd.Code != protocol.Success {
			continue
		}
		checked++
		t.Run(strings.TrimPrefix(c.path, "testdata/golden/"), func(t *testing.T) {
			if err := h.Decode(cmd.Ext); err != nil {
				t.Fatalf("%v: %+v", err, cmd.Ext)
			}
			fields := h.AppendFields(nil)
			again := reflect.New(reflect.TypeOf(h).Elem()).Interface().(typedHeader)
			if err := again.Decode(fields); err != nil || !reflect.DeepEqual(again, h) {
				t.Errorf("encoded and decoded: %+v, %v\nwant %+v", again, err, h)
			}
			for _, f := range fields {
				if value, ok := cmd.Ext.Get(f.Key); ok && value != f.Value {
					t.Errorf("field %s is %q, was %q", f.Key, f.Value, value)
				}
			}
		})
	}
	if checked < 100 {
		t.Errorf("only %d headers were checked", checked)
	}
}

// typedBody is a body that has a type of its own.
type typedBody interface {
	Decode(b []byte) error
	Encode() []byte
}

// bodyOf returns the typed body of a request or of the answer with code 0.
func bodyOf(c capture) typedBody {
	type key struct {
		code     int32
		response bool
	}
	switch (key{c.request, c.response}) {
	case key{protocol.CodeGetRouteInfoByTopic, true}:
		return &protocol.TopicRouteData{}
	case key{protocol.CodeGetBrokerClusterInfo, true}:
		return &protocol.ClusterInfo{}
	case key{protocol.CodeHeartBeat, false}:
		return &protocol.HeartbeatData{}
	case key{protocol.CodeGetConsumerListByGroup, true}:
		return &protocol.ConsumerList{}
	case key{protocol.CodeLockBatchMQ, false}, key{protocol.CodeUnlockBatchMQ, false}:
		return &protocol.LockBatchRequest{}
	case key{protocol.CodeLockBatchMQ, true}:
		return &protocol.LockBatchResponse{}
	case key{protocol.CodeCheckClientConfig, false}:
		return &protocol.CheckClientRequest{}
	case key{protocol.CodeGetConsumerConnectionList, true}:
		return &protocol.ConsumerConnection{}
	case key{protocol.CodeGetProducerConnectionList, true}:
		return &protocol.ProducerConnection{}
	case key{protocol.CodeGetConsumeStats, true}:
		return &protocol.ConsumeStats{}
	case key{protocol.CodeGetTopicStatsInfo, true}:
		return &protocol.TopicStatsTable{}
	case key{protocol.CodeUpdateAndCreateSubscriptionGroup, false}:
		return &protocol.SubscriptionGroupConfig{}
	case key{protocol.CodeGetAllSubscriptionGroupConfig, true}:
		return &protocol.SubscriptionGroupWrapper{}
	case key{protocol.CodeGetAllTopicListFromNameServer, true}:
		return &protocol.TopicList{}
	case key{protocol.CodeGetBrokerRuntimeInfo, true}, key{protocol.CodeRegisterBroker, true}:
		return &protocol.KVTable{}
	}
	return nil
}

// A body that was captured decodes to something, and what it encodes to says the same.
func TestClientBodies(t *testing.T) {
	checked := 0
	for _, c := range captures(t) {
		cmd := c.decode(t)
		b := bodyOf(c)
		if b == nil || len(cmd.Body) == 0 {
			continue
		}
		checked++
		t.Run(strings.TrimPrefix(c.path, "testdata/golden/"), func(t *testing.T) {
			if err := b.Decode(cmd.Body); err != nil {
				t.Fatalf("%v: %s", err, cmd.Body)
			}
			if reflect.ValueOf(b).Elem().IsZero() {
				t.Errorf("nothing was found in %s", cmd.Body)
			}
			again := reflect.New(reflect.TypeOf(b).Elem()).Interface().(typedBody)
			encoded := b.Encode()
			if err := again.Decode(encoded); err != nil || !bytes.Equal(again.Encode(), encoded) {
				t.Errorf("encoded, decoded and encoded: %s, %v\nwant %s", again.Encode(), err, encoded)
			}
			var was, is any
			if json.Unmarshal(cmd.Body, &was) != nil { // numbers or objects as keys, which fastjson prints
				return
			}
			if err := json.Unmarshal(encoded, &is); err != nil {
				t.Fatal(err)
			}
			if lost := lostKeys(was, is, ""); len(lost) > 0 {
				t.Errorf("our encoding lacks %v of %s", lost, cmd.Body)
			}
		})
	}
	if checked < 40 {
		t.Errorf("only %d bodies were checked", checked)
	}
}

// lostKeys returns the paths of the keys of was that is does not have.
func lostKeys(was, is any, path string) []string {
	var lost []string
	switch was := was.(type) {
	case map[string]any:
		other, _ := is.(map[string]any)
		for key, value := range was {
			if _, ok := other[key]; !ok {
				lost = append(lost, path+"/"+key)
				continue
			}
			lost = append(lost, lostKeys(value, other[key], path+"/"+key)...)
		}
	case []any:
		other, _ := is.([]any)
		for i, value := range was {
			if i >= len(other) {
				return append(lost, fmt.Sprintf("%s/%d", path, i))
			}
			lost = append(lost, lostKeys(value, other[i], fmt.Sprintf("%s/%d", path, i))...)
		}
	}
	return lost
}

// Stored messages, as pulled, looked up and checked, decode and encode to the same bytes.
func TestClientMessages(t *testing.T) {
	checked := 0
	for _, c := range captures(t) {
		cmd := c.decode(t)
		stored := c.response && cmd.Code == protocol.Success &&
			(c.request == protocol.CodePullMessage || c.request == protocol.CodeLitePullMessage ||
				c.request == protocol.CodeQueryMessage || c.request == protocol.CodeViewMessageByID)
		if !stored && (c.response || c.request != protocol.CodeCheckTransactionState) { // which carries one to the client
			continue
		}
		t.Run(strings.TrimPrefix(c.path, "testdata/golden/"), func(t *testing.T) {
			for rest := cmd.Body; len(rest) > 0; {
				m, size, err := message.DecodeStored(rest)
				if err != nil {
					t.Fatal(err)
				}
				if m.Topic == "" {
					t.Errorf("%+v", m)
				}
				if encoded := message.AppendStored(nil, &m); !bytes.Equal(encoded, rest[:size]) {
					t.Errorf("encoded as\n%x\nwant\n%x", encoded, rest[:size])
				}
				rest, checked = rest[size:], checked+1
			}
		})
	}
	if checked < 20 {
		t.Errorf("only %d messages were checked", checked)
	}
}

func TestClientBatches(t *testing.T) {
	checked := 0
	for _, c := range captures(t) {
		if c.request != protocol.CodeSendBatchMessage || c.response {
			continue
		}
		checked++
		body := c.decode(t).Body
		parts, err := message.DecodeBatch(body, 1000)
		if err != nil || len(parts) != 20 {
			t.Errorf("%s: %d messages, %v", c.path, len(parts), err)
		}
		var encoded []byte
		for i, p := range parts {
			if want := fmt.Sprintf("batch-%03d", i); string(p.Body) != want {
				t.Errorf("%s: message %d is %q", c.path, i, p.Body)
			}
			encoded = message.AppendBatchPart(encoded, p)
		}
		if !bytes.Equal(encoded, body) {
			t.Errorf("%s: encoded as\n%x\nwant\n%x", c.path, encoded, body)
		}
	}
	if checked < 4 {
		t.Errorf("only %d batches were checked", checked)
	}
}
