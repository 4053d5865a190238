package compat

import (
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

// raw is a connection on which a test speaks the protocol itself.
type raw struct {
	t      *testing.T
	conn   net.Conn
	opaque int32
}

func dialRaw(t *testing.T, addr string) *raw {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &raw{t: t, conn: conn}
}

// fieldsOf makes extFields of names and values.
func fieldsOf(pairs ...any) map[string]string {
	fields := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i].(string)] = fmt.Sprint(pairs[i+1])
	}
	return fields
}

// try sends a request and returns its answer; requests of the broker in between are skipped.
func (r *raw) try(code int32, fields map[string]string, body []byte) (frame.Frame, error) {
	r.opaque++
	if err := r.conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return frame.Frame{}, err
	}
	if _, err := r.conn.Write(frame.Encode(frame.Header{Code: code, Version: 401, Opaque: r.opaque, ExtFields: fields}, body)); err != nil {
		return frame.Frame{}, err
	}
	for {
		f, err := frame.Read(r.conn)
		if err != nil || f.Response() && f.Opaque == r.opaque {
			return f, err
		}
	}
}

// ask is try of a request that has to be answered.
func (r *raw) ask(code int32, fields map[string]string, body []byte) frame.Frame {
	r.t.Helper()
	f, err := r.try(code, fields, body)
	if err != nil {
		r.t.Fatalf("request %d: %v", code, err)
	}
	return f
}

// want asks and wants a code.
func (r *raw) want(want, code int32, fields map[string]string, body []byte) frame.Frame {
	r.t.Helper()
	f := r.ask(code, fields, body)
	if f.Code != want {
		r.t.Errorf("request %d with %v is answered %d %q, want %d", code, fields, f.Code, f.Remark, want)
	}
	return f
}

// send sends a message by code 310 and returns the answer.
func (r *raw) send(topic string, queue int, properties string, body []byte) frame.Frame {
	r.t.Helper()
	return r.ask(310, fieldsOf("a", "raw", "b", topic, "c", "TBW102", "d", 4, "e", queue, "f", 0, "g", time.Now().UnixMilli(), "h", 0,
		"i", properties, "j", 0, "k", false, "m", false), body)
}

// pull is code 11 with a subscription to everything.
func (r *raw) pull(group, topic string, queue int, from int64) frame.Frame {
	r.t.Helper()
	return r.ask(11, fieldsOf("consumerGroup", group, "topic", topic, "queueId", queue, "queueOffset", from, "maxMsgNums", 32, "sysFlag", 4,
		"commitOffset", 0, "suspendTimeoutMillis", 1000, "subscription", "*", "subVersion", 0), nil)
}

func (r *raw) number(f frame.Frame, field string) int64 {
	r.t.Helper()
	n, err := strconv.ParseInt(f.ExtFields[field], 10, 64)
	if err != nil {
		r.t.Fatalf("answer %d %q has %s = %q", f.Code, f.Remark, field, f.ExtFields[field])
	}
	return n
}

// bounds are the lowest offset of a queue and the one behind its newest message.
func (r *raw) bounds(topic string, queue int) (low, high int64) {
	r.t.Helper()
	fields := fieldsOf("topic", topic, "queueId", queue)
	return r.number(r.want(0, 31, fields, nil), "offset"), r.number(r.want(0, 30, fields, nil), "offset")
}

// heartbeat says that a consumer subscribes to a topic.
func (r *raw) heartbeat(client, group, topic, tags string, version int64) {
	r.t.Helper()
	r.want(0, 34, nil, fmt.Appendf(nil, `{"clientID":%q,"producerDataSet":[],"consumerDataSet":[{"groupName":%q,"consumeType":"CONSUME_PASSIVELY",
		"messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","unitMode":false,"subscriptionDataSet":[{"classFilterMode":false,
		"codeSet":[],"expressionType":"TAG","subString":%q,"subVersion":%d,"tagsSet":[],"topic":%q}]}]}`, client, group, tags, version, topic))
}

// followers are the addresses of the members of the first group that do not lead.
func followers(t *testing.T, topic string) []string {
	t.Helper()
	route, err := frame.QueryRoute(namesrv()[0], topic)
	if err != nil {
		t.Fatal(err)
	}
	var addrs []string
	for id, addr := range route.Brokers[0].BrokerAddrs {
		if id != "0" {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}
