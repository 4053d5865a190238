package remoting

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// reportCPU reports the processor time of the process for each iteration, which other load on the machine disturbs less
// than elapsed time. Use: defer reportCPU(b)().
func reportCPU(b *testing.B) func() {
	used := func() (n int64) {
		var r syscall.Rusage
		if syscall.Getrusage(syscall.RUSAGE_SELF, &r) == nil {
			n = r.Utime.Nano() + r.Stime.Nano()
		}
		return n
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

// sendFields are the extFields of a send as the Java client fills them (code 310).
func sendFields() protocol.Fields {
	return protocol.Fields{{Key: "a", Value: "PG"}, {Key: "b", Value: "TopicA"}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: "4"},
		{Key: "e", Value: "0"}, {Key: "f", Value: "0"}, {Key: "g", Value: "1700000000000"}, {Key: "h", Value: "0"},
		{Key: "i", Value: "KEYS\x01k1\x02WAIT\x01true\x02TAGS\x01TagA\x02UNIQ_KEY\x010A000009C3502A139A5500000000000A\x02"},
		{Key: "j", Value: "0"}, {Key: "k", Value: "false"}, {Key: "m", Value: "false"}, {Key: "n", Value: "broker-a"}}
}

func sendResponse() Command {
	return Command{Flag: FlagResponse, Opaque: 7, Version: protocol.Version, Ext: protocol.Fields{
		{Key: "msgId", Value: "0A00000100002A9F0000000000001000"}, {Key: "queueId", Value: "2"}, {Key: "queueOffset", Value: "123456"},
		{Key: "transactionId", Value: "0A000009C3502A139A5500000000000A"}, {Key: "MSG_REGION", Value: "DefaultRegion"},
		{Key: "TRACE_ON", Value: "true"}}}
}

func BenchmarkDecodeSend(b *testing.B) {
	for _, kind := range []SerializeType{JSON, RocketMQ} {
		b.Run([]string{"json", "binary"}[kind], func(b *testing.B) {
			frame, err := AppendFrame(nil, &Command{Code: 310, Version: 479, Ext: sendFields(), Body: make([]byte, 1024), Serialize: kind})
			if err != nil {
				b.Fatal(err)
			}
			l := Limits{}.withDefaults(time.Minute)
			b.ReportAllocs()
			defer reportCPU(b)()
			for b.Loop() {
				r := &Request{}
				r.Ext = r.room[:0]
				p, _ := decodePrefix(frame, &l)
				if err := decodeHeader(frame[8:8+p.header], p.serialize, &r.Command); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodeSendResponse(b *testing.B) {
	resp := sendResponse()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		buf, _ = AppendFrame(buf[:0], &resp)
	}
}

// BenchmarkEcho is a server that answers sends of 1 KiB at once, over loopback, with 1,024 requests in flight on each
// of a few connections. Client and server share the machine, and the allocations counted are those of both.
func BenchmarkEcho(b *testing.B) {
	for _, conns := range []int{1, 4} {
		b.Run(map[int]string{1: "conns=1", 4: "conns=4"}[conns], func(b *testing.B) { benchmarkEcho(b, conns, 1024) })
	}
}

func benchmarkEcho(b *testing.B, conns, inFlight int) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	fixed := sendResponse()
	server := NewServer(ServerOptions{Handler: HandlerFunc(func(r *Request) { r.Reply(&fixed) })})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { server.Serve(ctx, ln) })
	defer wg.Wait()
	defer cancel()

	req := &Command{Code: 310, Ext: sendFields(), Body: make([]byte, 1024)}
	var left atomic.Int64
	left.Store(int64(b.N))
	var flying sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	defer reportCPU(b)()
	for range conns {
		nc, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		c := NewConn(nc, ClientOptions{})
		defer c.Close()
		for range inFlight {
			flying.Add(1)
			var next func(*Command, error)
			next = func(_ *Command, err error) {
				if err != nil {
					b.Error(err)
				}
				if err != nil || left.Add(-1) < 0 {
					flying.Done()
					return
				}
				c.Go(req, 10*time.Second, next)
			}
			next(nil, nil)
		}
	}
	flying.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}
