package compat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// The Go client cannot query; what it sent is asked for as mqadmin does, by key and by the unique id that the client made.
func TestMessagesAreFoundByKeyAndUniqueID(t *testing.T) {
	t.Parallel()
	topic, p, key := newTopic(t, 1), newProducer(t), unique(t, "key")
	var last *primitive.SendResult
	for n := range 3 {
		m := primitive.NewMessage(topic, fmt.Append(nil, "keyed", n)).WithKeys([]string{key, fmt.Sprint("n", n)})
		result, err := p.SendSync(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		last = result
	}
	broker := last.MessageQueue.BrokerName
	var addr string
	for _, b := range waitRoute(t, topic, len(leaders(t))).Brokers {
		if b.BrokerName == broker {
			addr = b.BrokerAddrs["0"]
		}
	}
	r := dialRaw(t, addr)
	query := func(pairs ...any) map[string]string {
		return fieldsOf(append(pairs, "topic", topic, "maxNum", 32, "beginTimestamp", time.Now().Add(-time.Hour).UnixMilli(),
			"endTimestamp", time.Now().Add(time.Hour).UnixMilli())...)
	}
	body := string(r.want(0, 12, query("key", last.MsgID, "_UNIQUE_KEY_QUERY", true), nil).Body())
	if !strings.Contains(body, "keyed2") || strings.Contains(body, "keyed1") {
		t.Errorf("by the id of the last message: %q", body)
	}
	if len(leaders(t)) == 1 {
		if body := string(r.want(0, 12, query("key", key), nil).Body()); strings.Count(body, "keyed") != 3 {
			t.Errorf("by the key of all three: %q", body)
		}
	}
	r.want(22, 12, query("key", unique(t, "absent")), nil)
}
