package client

import (
	"net/netip"
	"testing"

	"github.com/raftmq/raftmq/remoting/message"
)

// What servers answer is not trusted: no body makes a decoder panic, and a route lists no queue that is not in it.
func FuzzAnswers(f *testing.F) {
	stored := message.AppendStored(nil, &message.Message{Topic: "T", Body: new(Compressor).Compress([]byte("hello hello hello")), SysFlag: message.FlagCompressed,
		Properties: "TAGS\x01A\x02", BornHost: netip.MustParseAddrPort("10.0.0.1:1"), StoreHost: netip.MustParseAddrPort("10.0.0.2:2")})
	f.Add(append(stored, stored...))
	f.Add([]byte(`{"brokerDatas":[{"brokerAddrs":{0:"a:1","1":"b:1"},"brokerName":"g","cluster":"C"}],"queueDatas":[{"brokerName":"g","perm":6,"readQueueNums":2147483647,"writeQueueNums":-1}]}`))
	f.Add([]byte(`{"brokerAddrTable":{"g":{"brokerAddrs":{0:"a:1"}}},"clusterAddrTable":{"C":["g"]}}`))
	f.Add([]byte(`{"offsetTable":{{"brokerName":"g","queueId":1,"topic":"T"}:{"brokerOffset":10,"consumerOffset":4,"maxOffset":3}}}`))
	f.Add([]byte(`{"subscriptionGroupTable":{"G":{"groupName":"G"}},"consumerIdList":["a"],"topicList":["T"],"table":{"k":"v"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if messages, err := decodeMessages(body); err == nil && len(body) > 0 && len(messages) == 0 {
			t.Error("bytes without message")
		}
		if r, err := decodeRoute("T", body); err == nil {
			for _, q := range append(r.WriteQueues(), r.ReadQueues()...) {
				if r.broker(q.Broker) == nil || q.ID < 0 || q.ID >= routeQueuesMax {
					t.Errorf("queue %v of nobody", q)
				}
			}
		}
		decodeCluster(body)
		decodeTopicList(body)
		decodeTopicStats(body)
		decodeProgress(body)
		decodeGroups(body)
		decodeKVTable(body)
		decodeConsumerList(body)
	})
}
