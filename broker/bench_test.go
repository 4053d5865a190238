package broker

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// BenchmarkSend is the path of a message through one member, from the client's frame to the answer: 1 KiB, 64 under way on each of two
// connections, the log in memory.
func BenchmarkSend(b *testing.B) {
	r := newRealBroker(b)
	properties := message.EncodeProperties(message.KeyValue{Name: "KEYS", Value: "key"}, message.KeyValue{Name: "UNIQ_KEY", Value: "0A000009C3502A139A5500000000000A"},
		message.KeyValue{Name: "WAIT", Value: "true"}, message.KeyValue{Name: "TAGS", Value: "TagA"})
	body := bytes.Repeat([]byte("x"), 1024)
	ext := sendFields("T", 0, properties)
	r.expect(protocol.Success, 310, ext, body)
	clients := []*remoting.Client{remoting.NewClient(remoting.ClientOptions{}), remoting.NewClient(remoting.ClientOptions{})}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			defer c.Close()
			slots := make(chan struct{}, 64)
			for range b.N/len(clients) + i*(b.N%len(clients)) {
				slots <- struct{}{}
				c.Go(r.addr, &remoting.Command{Code: 310, Version: 401, Ext: ext, Body: body, Serialize: remoting.RocketMQ}, time.Minute, func(resp *remoting.Command, err error) {
					if err != nil || resp.Code != protocol.Success {
						b.Errorf("%+v, %v", resp, err)
					}
					<-slots
				})
			}
			for range cap(slots) {
				slots <- struct{}{}
			}
		})
	}
	wg.Wait()
}

// BenchmarkPull pulls 32 messages of 1 KiB at a time.
func BenchmarkPull(b *testing.B) {
	r := newRealBroker(b)
	body := bytes.Repeat([]byte("x"), 1024)
	for range 32 {
		r.expect(protocol.Success, 310, sendFields("T", 0, ""), body)
	}
	ext := pullFields("g", "T", 0, 0)
	r.expect(protocol.Success, 11, ext, nil)
	b.SetBytes(32 * 1024)
	b.ReportAllocs()
	for b.Loop() {
		if resp := r.call(11, ext, nil); resp.Code != protocol.Success {
			b.Fatal(resp.Remark)
		}
	}
}
