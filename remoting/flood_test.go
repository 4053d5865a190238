package remoting

import (
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"
)

// TestRN6_FloodsLeaveOthersAlone: while strangers open and close connections, send without end and never take an answer, lie about the length
// of frames and send them byte by byte, a connection that was there before goes on being answered, and nothing that they made us hold stays.
func TestRN6_FloodsLeaveOthersAlone(t *testing.T) {
	const floodCode, answerBytes = 7, 64 << 10
	answer := make([]byte, answerBytes)
	s, addr := listen(t, ServerOptions{
		Handler: HandlerFunc(func(r *Request) {
			if r.Code == floodCode {
				r.Reply(&Command{Body: answer}) // far more than was asked with
				return
			}
			echo(r)
		}),
		Limits: Limits{Connections: 100, InFlightSize: 8 << 20, ReplyQueue: 1 << 20, FrameTimeout: 200 * time.Millisecond, WriteTimeout: 200 * time.Millisecond},
	})
	good := dial(t, addr)
	ask := func(i int) time.Duration {
		began := time.Now()
		frame, _ := AppendFrame(nil, &Command{Opaque: int32(i), Body: make([]byte, 1000)})
		good.SetDeadline(began.Add(10 * time.Second))
		if _, err := good.Write(frame); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if got, err := readFrame(good); err != nil || got.Opaque != int32(i) || len(got.Body) != 1000 {
			t.Fatalf("request %d: %v %v", i, got.Opaque, err)
		}
		return time.Since(began)
	}
	ask(0)

	lie := binary.BigEndian.AppendUint32(nil, 15<<20) // announced, never sent
	greedy, _ := AppendFrame(nil, &Command{Code: floodCode})
	done := make(chan struct{})
	var floods sync.WaitGroup
	for _, attack := range []func(nc net.Conn){
		func(net.Conn) {},                      // connects and goes
		func(nc net.Conn) { nc.Write(lie) },    // lies
		func(nc net.Conn) { trickle(nc, lie) }, // byte by byte
		func(nc net.Conn) { // asks and never reads
			for range 10_000 {
				nc.SetWriteDeadline(time.Now().Add(time.Second))
				if _, err := nc.Write(greedy); err != nil {
					return
				}
			}
		},
	} {
		for range 8 {
			floods.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					nc, err := net.Dial("tcp", addr)
					if err != nil {
						continue
					}
					attack(nc)
					nc.Close()
				}
			})
		}
	}
	var worst time.Duration
	for i := 1; i <= 60; i++ {
		worst = max(worst, ask(i))
	}
	close(done)
	floods.Wait()
	eventually(t, "all of it has gone", func() bool {
		return s.Stats().Connections.Load() == 1 && s.Stats().InFlight.Load() == 0 && s.o.budget.used.Load() == 0
	})
	ask(61)
	t.Logf("60 requests beside the floods, the slowest took %v; %d connections accepted, %d refused, %d closed for what they sent or did not read",
		worst, s.Stats().Accepted.Load(), s.Stats().Refused.Load(), s.Stats().BadFrames.Load()+s.Stats().TimedOut.Load()+s.Stats().ReplyOverflows.Load())
	if s.Stats().ReplyOverflows.Load()+s.Stats().TimedOut.Load() == 0 {
		t.Error("no attack was noticed")
	}
}

func trickle(nc net.Conn, b []byte) {
	for i := range b {
		if _, err := nc.Write(b[i : i+1]); err != nil {
			return
		}
	}
	nc.SetReadDeadline(time.Now().Add(time.Second))
	nc.Read(make([]byte, 1)) // until it is closed on us
}
