package broker

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// usualValues are values that the fields of requests may well have.
var usualValues = map[string]string{
	"topic": "T", "e": "T", "consumerGroup": "g", "producerGroup": "p", "group": "g", "groupName": "g", "a": "p", "b": "T", "c": "TBW102", "d": "4", "f": "0", "g": "0", "h": "1700000000000",
	"i": "0", "j": "", "k": "0", "l": "false", "m": "false", "queueId": "0", "queueOffset": "0", "maxMsgNums": "32", "sysFlag": "4", "commitOffset": "0", "suspendTimeoutMillis": "0",
	"subscription": "*", "subVersion": "0", "expressionType": "TAG", "timestamp": "1700000000000", "offset": "0", "delayLevel": "1", "originMsgId": "x", "originTopic": "T",
	"maxReconsumeTimes": "3", "unitMode": "false", "clientID": "c", "defaultTopic": "TBW102", "defaultTopicQueueNums": "4", "bornTimestamp": "1700000000000", "flag": "0", "properties": "",
	"readQueueNums": "4", "writeQueueNums": "4", "perm": "6", "topicFilterType": "SINGLE_TAG", "topicSysFlag": "0", "order": "false", "attributes": "", "key": "k", "maxNum": "32",
	"beginTimestamp": "0", "endTimestamp": "1800000000000", "isForce": "true", "cleanOffset": "true", "boundaryType": "lower",
}

// absurdValues are values that no client means.
var absurdValues = []string{"", "-1", "-9223372036854775808", "9223372036854775807", "9223372036854775808", "2147483648", "1e9", "NaN", "../../etc/passwd", "a/b", "..", "\x00", "\x1b[31m", "%RETRY%", "%DLQ%%RETRY%g",
	"TBW102", "SCHEDULE_TOPIC_XXXX", "ünïcödé", "\u202e", strings.Repeat("x", 300), strings.Repeat("9", 5000), "{}", "[[[[[[[[[[", "true"}

// absurdBodies are bodies that do not say what they should.
var absurdBodies = []string{"", "x", "{", "null", "[]", "[[]]", `{"consumerDataSet":null}`, `{"clientID":"c","consumerDataSet":[{"groupName":"../x","subscriptionDataSet":[{"topic":"` + strings.Repeat("t", 400) + `","subString":"a||b"}]}]}`,
	`{"topicConfigList":[{"topicName":"../../x","readQueueNums":-5,"writeQueueNums":999999999}]}`, `{"mqSet":[{"topic":"T","queueId":-1}],"consumerGroup":"g","clientId":"c"}`, strings.Repeat("[", 10_000), strings.Repeat(`{"a":`, 10_000)}

// TestRN4_AbsurdRequests sends every request with values that mean nothing, one or several at a time. Each is answered, by no panic; whoever asks
// decently afterwards is served, and nothing that was sent has become the name of a file.
func TestRN4_AbsurdRequests(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		_ = g.client.Close()
		g.client = remoting.NewClient(remoting.ClientOptions{Dial: g.net.Host("127.0.0.1").Dial}) // may administer
		g.send(0, "T", 0, "", "before", protocol.Success)
		g.drain(0, "T", 0)
		rng := rand.New(rand.NewPCG(4, 4))
		var names []string
		for name := range usualValues {
			names = append(names, name)
		}
		sent, codes := 0, map[int32]int{}
		ask := func(code int32, strange map[string]string, body string) {
			var ext protocol.Fields
			for name, value := range usualValues {
				if s, ok := strange[name]; ok {
					value = s
				}
				ext = append(ext, protocol.Field{Key: name, Value: value})
			}
			began := time.Now()
			resp, err := g.try(0, code, ext, []byte(body))
			sent++
			if err != nil {
				t.Fatalf("request %d with %q and body %.80q: %v", code, strange, body, err)
			}
			codes[resp.Code]++
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("request %d with %q was answered after %v", code, strange, took)
			}
			if len(resp.Remark) > 8<<10 {
				t.Errorf("request %d with %q: a remark of %d bytes", code, strange, len(resp.Remark))
			}
		}
		for i := range rules {
			code := rules[i].code
			for _, name := range names {
				ask(code, map[string]string{name: absurdValues[rng.IntN(len(absurdValues))]}, "body")
			}
			for range 20 {
				strange := map[string]string{}
				for range 1 + rng.IntN(6) {
					strange[names[rng.IntN(len(names))]] = absurdValues[rng.IntN(len(absurdValues))]
				}
				ask(code, strange, absurdBodies[rng.IntN(len(absurdBodies))])
			}
			for _, body := range absurdBodies {
				ask(code, nil, body)
			}
		}
		if n := g.members[0].broker.server.Stats().Panics.Load(); n != 0 {
			t.Errorf("%d handlers panicked", n)
		}
		if s := g.members[0].broker.Status(); !s.Serving {
			t.Errorf("the member serves no more: %+v", s)
		}
		g.send(0, "U", 0, "", "after", protocol.Success)
		if all := g.drain(0, "U", 0); len(all) != 1 || string(all[0].Body) != "after" {
			t.Errorf("a decent message afterwards: %d", len(all))
		}
		t.Logf("%d absurd requests of %d kinds, answered with %v", sent, len(rules), codes)
		for _, dir := range []string{"/data", "/data/consumequeue"} {
			entries, err := g.members[0].fs.List(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range entries {
				if strings.ContainsAny(name, "./%") || strings.Contains(fmt.Sprint(name), "passwd") {
					t.Errorf("%s has an entry %q", dir, name)
				}
			}
		}
	})
}
