package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"regexp"
	"sync"
	"testing"
	"time"
)

// BenchmarkToolCost is what a message costs the tool itself, as CPU time: a broker that does nothing but answer takes little beside it.
func BenchmarkToolCost(b *testing.B) {
	for _, concurrency := range []int{1, 128, 1024} {
		b.Run(fmt.Sprint("c", concurrency), func(b *testing.B) {
			addr, stop := serveNothing(b)
			defer stop()
			j := Job{Target: Target{NameServers: []string{addr}},
				Settings: Settings{Kind: Produce, Queues: -1, Concurrency: concurrency, Messages: int64(b.N), Duration: seconds(600)}}
			b.ReportAllocs()
			before := processorTime()
			r, err := j.Do(context.Background())
			if err != nil || r.Main().Messages != int64(b.N) {
				b.Fatal(err, r)
			}
			b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

var opaqueField = regexp.MustCompile(`"opaque":(\d+)`)

// serveNothing answers every request at once as NameServer and broker of one topic, on loopback.
func serveNothing(tb testing.TB) (addr string, stop func()) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	addr = ln.Addr().String()
	route := fmt.Sprintf(`{"brokerDatas":[{"brokerAddrs":{"0":%q},"brokerName":"b","cluster":"C"}],"queueDatas":[{"brokerName":"b","perm":6,"readQueueNums":8,"writeQueueNums":8}]}`, addr)
	var serving sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			serving.Go(func() { answerAll(c, route) })
		}
	})
	return addr, func() {
		ln.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		serving.Wait()
	}
}

// answerAll reads frames and answers them until the connection closes; what has gathered is written when there is nothing more to read.
func answerAll(c net.Conn, route string) {
	in, out := bufio.NewReaderSize(c, 64<<10), bufio.NewWriterSize(c, 64<<10)
	var frame []byte
	for {
		var size [4]byte
		if _, err := io.ReadFull(in, size[:]); err != nil {
			return
		}
		frame = append(frame[:0], make([]byte, binary.BigEndian.Uint32(size[:]))...)
		if _, err := io.ReadFull(in, frame); err != nil {
			return
		}
		header := frame[4 : 4+binary.BigEndian.Uint32(frame)&0xffffff]
		opaque := opaqueField.FindSubmatch(header)[1]
		body := ""
		if len(frame) == 4+len(header) {
			body = route
		}
		answer := fmt.Appendf(nil, `{"code":0,"extFields":{"queueId":"3","queueOffset":"1234567","msgId":"7F000001000055970000000000000411","TRACE_ON":"true","MSG_REGION":"DefaultRegion"},"flag":1,"language":"JAVA","opaque":%s,"serializeTypeCurrentRPC":"JSON","version":401}`, opaque)
		out.Write(binary.BigEndian.AppendUint32(nil, uint32(4+len(answer)+len(body))))
		out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(answer))))
		out.Write(answer)
		out.WriteString(body)
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

func TestServeNothingStops(t *testing.T) {
	addr, stop := serveNothing(t)
	j := Job{Target: Target{NameServers: []string{addr}}, Settings: Settings{Kind: Produce, Queues: -1, Messages: 10, Duration: Duration{time.Minute}}}
	r, err := j.Do(t.Context())
	stop()
	if err != nil || r.Main().Messages != 10 {
		t.Errorf("%+v, %v", r, err)
	}
}
