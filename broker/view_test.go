package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

func queryFields(topic, key string, more ...any) protocol.Fields {
	f := fields("topic", topic, "key", key, "maxNum", 32, "beginTimestamp", 0, "endTimestamp", time.Now().Add(time.Hour).UnixMilli())
	for i := 0; i < len(more); i += 2 {
		f = f.Set(more[i].(string), fmt.Sprint(more[i+1]))
	}
	return f
}

// bodiesOf are the bodies of stored messages, joined.
func bodiesOf(t *testing.T, resp *remoting.Command) string {
	t.Helper()
	var bodies []string
	for rest := resp.Body; len(rest) > 0; {
		m, n, err := message.DecodeStored(rest)
		if err != nil {
			t.Fatal(err)
		}
		bodies, rest = append(bodies, string(m.Body)), rest[n:]
	}
	return strings.Join(bodies, " ")
}

func TestMessagesAreQueriedByKey(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		follower := (leader + 1) % 3
		begin := time.Now()
		g.send(leader, "T", 0, "KEYS\x01order-1 customer-7\x02UNIQ_KEY\x01id1\x02", "a", protocol.Success)
		g.send(leader, "T", 1, "KEYS\x01order-2 customer-7\x02UNIQ_KEY\x01id2\x02", "b", protocol.Success)
		g.send(leader, "Other", 0, "KEYS\x01order-1\x02", "c", protocol.Success)
		g.pass(time.Minute)
		g.send(leader, "T", 2, "KEYS\x01customer-7\x02", "d", protocol.Success)
		g.send(leader, "T", 0, "KEYS\x01BB\x02", "same hash as Aa", protocol.Success)
		want := func(want string, i int, ext protocol.Fields) {
			t.Helper()
			resp := g.call(i, 12, ext, nil)
			if got := bodiesOf(t, resp); resp.Code != protocol.Success || got != want {
				t.Errorf("%v: %d %q %q, want %q", ext, resp.Code, resp.Remark, got, want)
			}
			if number(t, resp, "indexLastUpdatePhyoffset") <= 0 || number(t, resp, "indexLastUpdateTimestamp") < begin.UnixMilli() {
				t.Errorf("fields %v", resp.Ext)
			}
		}
		for _, i := range []int{leader, follower} {
			want("a", i, queryFields("T", "order-1"))
			want("d b a", i, queryFields("T", "customer-7"))
			want("d b", i, queryFields("T", "customer-7", "maxNum", 2))
			want("b a", i, queryFields("T", "customer-7", "endTimestamp", begin.Add(30*time.Second).UnixMilli()))
			want("b", i, queryFields("T", "id2", "_UNIQUE_KEY_QUERY", true))
			want("c", i, queryFields("Other", "order-1"))
			for _, ext := range []protocol.Fields{queryFields("T", "order-3"), queryFields("T", "Aa"), queryFields("nowhere", "order-1"),
				queryFields("T", "order-1", "beginTimestamp", begin.Add(time.Second).UnixMilli())} {
				if resp := g.call(i, 12, ext, nil); resp.Code != protocol.QueryNotFound {
					t.Errorf("%v: %d %q", ext, resp.Code, resp.Remark)
				}
			}
		}
		if resp := g.call(leader, 12, fields("topic", "T", "key", "k", "maxNum", 1), nil); resp.Code != protocol.SystemError || !strings.Contains(resp.Remark, "beginTimestamp") {
			t.Errorf("a query without times: %d %q", resp.Code, resp.Remark)
		}
		g.kill(leader)
		next := g.leader(leader)
		want("d b a", next, queryFields("T", "customer-7"))
	})
}
