package broker

import (
	"bytes"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// BenchmarkSend is the path of a message through one member, from the client's frame to the answer: 64 under way on each of two
// connections, the log in memory.
func BenchmarkSend(b *testing.B) {
	for _, serialize := range []remoting.SerializeType{remoting.JSON, remoting.RocketMQ} {
		for _, size := range []int{100, 1024} {
			b.Run(fmt.Sprintf("%s/%d", map[remoting.SerializeType]string{remoting.JSON: "json", remoting.RocketMQ: "binary"}[serialize], size),
				func(b *testing.B) { benchSend(b, serialize, size) })
		}
	}
}

func benchSend(b *testing.B, serialize remoting.SerializeType, size int) {
	r := newRealBroker(b)
	properties := message.EncodeProperties(message.KeyValue{Name: "KEYS", Value: "key"}, message.KeyValue{Name: "UNIQ_KEY", Value: "0A000009C3502A139A5500000000000A"},
		message.KeyValue{Name: "WAIT", Value: "true"}, message.KeyValue{Name: "TAGS", Value: "TagA"})
	body := bytes.Repeat([]byte("x"), size)
	ext := sendFields("T", 0, properties)
	r.expect(protocol.Success, 310, ext, body)
	clients := []*remoting.Client{remoting.NewClient(remoting.ClientOptions{}), remoting.NewClient(remoting.ClientOptions{})}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	b.ResetTimer()
	defer reportCPU(b)()
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			defer c.Close()
			slots := make(chan struct{}, 64)
			for range b.N/len(clients) + i*(b.N%len(clients)) {
				slots <- struct{}{}
				c.Go(r.addr, &remoting.Command{Code: 310, Version: 401, Ext: ext, Body: body, Serialize: serialize}, time.Minute, func(resp *remoting.Command, err error) {
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

// reportCPU reports the processor time of the process for each operation: on a busy machine it says more than the elapsed time.
func reportCPU(b *testing.B) (end func()) {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}
