package remoting

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// peer is a raw client of a server under test, over a pipe.
type peer struct {
	t      *testing.T
	server *Server
	nc     net.Conn
	served chan error // what ServeConn returned
}

// newPeer serves one end of a pipe. The connection ends with the test.
func newPeer(t *testing.T, o ServerOptions) *peer {
	return connect(t, NewServer(o))
}

func connect(t *testing.T, s *Server) *peer {
	ours, theirs := net.Pipe()
	p := &peer{t: t, server: s, nc: ours, served: make(chan error, 1)}
	var wg sync.WaitGroup
	wg.Go(func() { p.served <- s.ServeConn(t.Context(), theirs) })
	t.Cleanup(func() {
		ours.Close()
		wg.Wait()
	})
	return p
}

func (p *peer) send(cmds ...Command) {
	p.t.Helper()
	var b []byte
	for i := range cmds {
		var err error
		if b, err = AppendFrame(b, &cmds[i]); err != nil {
			p.t.Fatal(err)
		}
	}
	if _, err := p.nc.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// receive reads one frame.
func (p *peer) receive() Command {
	p.t.Helper()
	c, err := readFrame(p.nc)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func readFrame(r io.Reader) (Command, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return Command{}, err
	}
	frame := append(head, make([]byte, binary.BigEndian.Uint32(head))...)
	if _, err := io.ReadFull(r, frame[4:]); err != nil {
		return Command{}, err
	}
	c, _, err := DecodeFrame(frame, Limits{})
	return c, err
}

// closedFor waits until the server has closed the connection.
func (p *peer) closedFor() error {
	p.t.Helper()
	return <-p.served
}

// echo answers with the request's code as remark's companion, its fields and its body.
func echo(r *Request) { r.Reply(&Command{Remark: "echo", Ext: r.Ext, Body: r.Body}) }

func TestReplyTakesFromItsRequest(t *testing.T) {
	p := newPeer(t, ServerOptions{Handler: HandlerFunc(echo), Version: 401})
	for _, kind := range []SerializeType{JSON, RocketMQ} {
		req := Command{Code: 10, Opaque: 7, Version: 317, Language: protocol.Go, Serialize: kind,
			Ext: protocol.Fields{{Key: "k", Value: "v"}}, Body: []byte("body")}
		p.send(req)
		got := p.receive()
		if got.Opaque != 7 || got.Flag != FlagResponse || got.Serialize != kind || got.Version != 401 || got.Language != protocol.Java ||
			string(got.Body) != "body" || len(got.Ext) != 1 || got.Remark != "echo" {
			t.Errorf("%+v", got)
		}
	}
}

func TestOnewayIsNeverAnswered(t *testing.T) {
	p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) {
		if r.Code == 1 {
			panic("even then")
		}
		r.ReplyCode(0, "")
	})})
	p.send(Command{Code: 1, Flag: FlagOneway, Opaque: 1}, Command{Code: 0, Flag: FlagOneway, Opaque: 2}, Command{Opaque: 3})
	if got := p.receive(); got.Opaque != 3 {
		t.Errorf("%+v", got)
	}
	if n := p.server.Stats().InFlight.Load(); n != 0 {
		t.Errorf("%d requests in flight", n)
	}
}

func TestReplyOnlyOnceAndOutOfOrder(t *testing.T) {
	var first *Request
	p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) {
		if r.Opaque == 1 {
			first = r
			return
		}
		r.ReplyCode(0, "second")
		r.ReplyCode(0, "again")
		r.Discard()
		first.ReplyCode(0, "first")
	})})
	p.send(Command{Opaque: 1}, Command{Opaque: 2}, Command{Opaque: 2})
	for _, want := range []string{"second", "first", "second"} {
		if got := p.receive(); got.Remark != want {
			t.Errorf("%+v, want %s", got, want)
		}
	}
}

func TestPanicAnswersAndKeepsTheConnection(t *testing.T) {
	p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) {
		if r.Code == 1 {
			panic("boom")
		}
		echo(r)
	})})
	p.send(Command{Code: 1, Opaque: 1}, Command{Code: 2, Opaque: 2})
	if got := p.receive(); got.Code != 1 || got.Opaque != 1 || strings.Contains(got.Remark, "boom") {
		t.Errorf("%+v", got)
	}
	if got := p.receive(); got.Code != 0 || got.Opaque != 2 || p.server.Stats().Panics.Load() != 1 {
		t.Errorf("%+v", got)
	}
}

func TestNoHandlerAnswersCode3(t *testing.T) {
	p := newPeer(t, ServerOptions{})
	p.send(Command{Code: 7777})
	if got := p.receive(); got.Code != 3 || got.Remark != " request type 7777 not supported" {
		t.Errorf("%+v", got)
	}
}

func TestResponseThatCannotBeSentBecomesAnError(t *testing.T) {
	tests := map[string]struct {
		resp Command
		kind SerializeType
	}{
		"beyond the largest frame":  {Command{Body: make([]byte, 5000)}, JSON},
		"a code beyond 16 bits":     {Command{Code: 1 << 20}, RocketMQ},
		"a header beyond the frame": {Command{Remark: strings.Repeat("r", 5000)}, JSON},
	}
	for name, tt := range tests {
		p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) { r.Reply(&tt.resp) }), Limits: Limits{FrameBytes: 4096}})
		p.send(Command{Opaque: 9, Serialize: tt.kind})
		if got := p.receive(); got.Code != 1 || got.Opaque != 9 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestFramesInAnyPieces(t *testing.T) {
	p := newPeer(t, ServerOptions{Handler: HandlerFunc(echo)})
	var stream []byte
	sizes := []int{0, 1, 100, readBufferMin - 100, readBufferMin, 3 * readBufferMin, readBufferMax + 1, 1 << 20, 5}
	for i, n := range sizes {
		stream, _ = AppendFrame(stream, &Command{Opaque: int32(i), Body: bytes.Repeat([]byte{byte(i + 1)}, n)})
	}
	for _, piece := range []int{1 << 30, 1000, 4096, 7} {
		sent := make(chan error, 1)
		go func() { sent <- writePieces(p.nc, stream, piece) }()
		for i, n := range sizes {
			got := p.receive()
			if got.Opaque != int32(i) || !bytes.Equal(got.Body, bytes.Repeat([]byte{byte(i + 1)}, n)) {
				t.Fatalf("in pieces of %d, frame %d: opaque %d, body of %d", piece, i, got.Opaque, len(got.Body))
			}
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	if used := p.server.o.budget.used.Load(); used != 0 {
		t.Errorf("%d bytes still counted", used)
	}
}

func writePieces(w io.Writer, b []byte, piece int) error {
	for len(b) > 0 {
		n := min(piece, len(b))
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// TestRN1_BadFramesCloseTheConnection: reliability threat N1.
func TestRN1_BadFramesCloseTheConnection(t *testing.T) {
	good, _ := AppendFrame(nil, &Command{Code: 1})
	frame := func(length, word uint32, rest string) []byte {
		b := binary.BigEndian.AppendUint32(nil, length)
		return append(binary.BigEndian.AppendUint32(b, word), rest...)
	}
	tests := []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"length 0", frame(0, 0, ""), ErrFrame},
		{"length 3", frame(3, 0, ""), ErrFrame},
		{"negative length", frame(0xFFFFFFFF, 0, ""), ErrFrame},
		{"length beyond the limit", frame(16<<20-3, 0, ""), ErrFrameSize},
		{"header longer than the frame", frame(10, 7, ""), ErrFrame},
		{"header beyond the limit", frame(1<<20, 64<<10+1, ""), ErrFrameSize},
		{"serialize type 2", frame(8, 2<<24|4, "{}  "), ErrFrame},
		{"JSON that is none", frame(8, 4, "nope"), ErrFrame},
		{"binary header too short", frame(8, 1<<24|4, "nope"), ErrFrame},
		{"TLS", []byte{0x16, 3, 1, 2, 0, 1, 0, 1}, ErrTLS},
		{"a bad frame after a good one", append(bytes.Clone(good), frame(0, 0, "")...), ErrFrame},
	}
	for _, tt := range tests {
		p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) { r.Discard() })})
		p.nc.Write(tt.bytes)
		if err := p.closedFor(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if p.server.Stats().BadFrames.Load() != 1 {
			t.Errorf("%s: not counted", tt.name)
		}
	}
}

// TestRN1_BuffersGrowWithWhatCame: a frame that announces 16 MiB and sends 10 bytes costs no more than its connection.
func TestRN1_BuffersGrowWithWhatCame(t *testing.T) {
	f := frameReader{c: newConn(pipeEnd{}, &NewServer(ServerOptions{}).o), buf: make([]byte, readBufferMin)}
	f.w = copy(f.buf, []byte{0, 0xFF, 0xFF, 0xFC, 0, 0, 0, 2, '{', '}'})
	for size := len(f.buf); size < 16<<20; {
		f.w = len(f.buf)
		if err := f.makeRoom(); err != nil {
			t.Fatal(err)
		}
		if len(f.buf) != min(2*size, 16<<20) {
			t.Fatalf("%d bytes after %d were full", len(f.buf), size)
		}
		size = len(f.buf)
	}
	if want := int64(16<<20 - readBufferMin); f.held != want {
		t.Errorf("%d bytes counted, want %d", f.held, want)
	}
}

type pipeEnd struct{ net.Conn }

func (pipeEnd) LocalAddr() net.Addr  { return nil }
func (pipeEnd) RemoteAddr() net.Addr { return nil }

// TestRN5_SlowFramesAndIdleConnections: reliability threat N5.
func TestRN5_SlowFramesAndIdleConnections(t *testing.T) {
	frame, _ := AppendFrame(nil, &Command{Code: 1, Remark: strings.Repeat("r", 300)})
	tests := []struct {
		name  string
		drive func(p *peer)
		want  error
		after time.Duration
	}{
		{"nothing is sent", func(*peer) {}, errIdle, 120 * time.Second},
		{"one byte", func(p *peer) { p.nc.Write(frame[:1]) }, errFrameTimeout, 10 * time.Second},
		{"one byte a second", func(p *peer) {
			for i := 0; i < len(frame); i++ {
				if _, err := p.nc.Write(frame[i : i+1]); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, errFrameTimeout, 10 * time.Second},
		{"requests now and then", func(p *peer) {
			for range 3 {
				p.send(Command{Flag: FlagOneway})
				time.Sleep(100 * time.Second)
			}
		}, errIdle, 320 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) { r.Discard() })})
				var driver sync.WaitGroup
				driver.Go(func() { tt.drive(p) })
				err := p.closedFor()
				if took := time.Since(begin); err != tt.want || took != tt.after {
					t.Errorf("%v after %v, want %v after %v", err, took, tt.want, tt.after)
				}
				p.nc.Close()
				driver.Wait()
			})
		})
	}
}

func TestRepliesAreTrafficToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parked := make(chan *Request, 1)
		p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) { parked <- r })})
		begin := time.Now()
		p.send(Command{})
		time.Sleep(100 * time.Second)
		(<-parked).ReplyCode(0, "")
		p.receive()
		if err := p.closedFor(); err != errIdle || time.Since(begin) != 220*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestRN5_PeerThatDoesNotReadIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a write that nobody takes
		p := newPeer(t, ServerOptions{Handler: HandlerFunc(echo)})
		begin := time.Now()
		p.send(Command{})
		if err := p.closedFor(); err == nil || time.Since(begin) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
	synctest.Test(t, func(t *testing.T) { // replies that pile up
		p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) { r.Reply(&Command{Body: make([]byte, 1000)}) }),
			Limits: Limits{ReplyQueue: 10_000}})
		for range 12 {
			b, _ := AppendFrame(nil, &Command{})
			p.nc.Write(b)
		}
		if err := p.closedFor(); err != errReplyQueue || p.server.Stats().ReplyOverflows.Load() != 1 {
			t.Error(err)
		}
	})
}

// TestRN7_InFlightStopsTheReading: reliability threat N7.
func TestRN7_InFlightStopsTheReading(t *testing.T) {
	tests := map[string]Limits{
		"requests of one connection": {InFlight: 3},
		"bytes of one connection":    {ConnInFlightSize: 250},
		"bytes of all connections":   {InFlightSize: 250, ConnInFlightSize: 1 << 20},
	}
	for name, limits := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parked := make(chan *Request, 100)
				p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) { parked <- r }), Limits: limits})
				req := Command{Flag: FlagOneway, Ext: protocol.Fields{{Key: "key", Value: "value"}}} // a frame of 95 bytes
				go p.send(req, req, req, req, req)
				synctest.Wait()
				for want := 3; want <= 5; want++ {
					if n := len(parked) + want - 3; n != want {
						t.Fatalf("%d requests were read, want %d", n, want)
					}
					(<-parked).Discard()
					synctest.Wait()
				}
			})
		})
	}
}

func TestTimeSpentWaitingForHandlersIsNotThePeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parked := make(chan *Request, 100)
		p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) { parked <- r }), Limits: Limits{InFlight: 1}})
		frame, _ := AppendFrame(nil, &Command{Flag: FlagOneway})
		go writePieces(p.nc, append(bytes.Clone(frame), frame...), len(frame)+5) // the second comes in two pieces
		first := <-parked
		time.Sleep(300 * time.Second)
		first.Discard()
		(<-parked).Discard()
		p.nc.Close()
		if err := p.closedFor(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

func TestOverBudgetFrameIsRefused(t *testing.T) {
	p := newPeer(t, ServerOptions{Limits: Limits{InFlightSize: 100_000}})
	p.server.o.budget.add(99_999) // others have nearly all
	frame, _ := AppendFrame(nil, &Command{Body: make([]byte, 1<<20)})
	p.nc.Write(frame)
	if err := p.closedFor(); err != errOverBudget {
		t.Error(err)
	}
	if used := p.server.o.budget.used.Load(); used != 99_999 {
		t.Errorf("%d bytes counted afterwards", used)
	}
}

func TestDrainAnswersWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parked := make(chan *Request, 1)
		p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) { parked <- r })})
		p.send(Command{Opaque: 5})
		r := <-parked
		drained := make(chan struct{})
		go func() {
			p.server.Drain(t.Context())
			close(drained)
		}()
		time.Sleep(3 * time.Second)
		r.ReplyCode(0, "done")
		if got := p.receive(); got.Opaque != 5 || got.Remark != "done" {
			t.Errorf("%+v", got)
		}
		<-drained
		if err := p.closedFor(); err != errDraining {
			t.Error(err)
		}
		late := connect(t, p.server)
		if err := late.closedFor(); err != ErrServerClosed {
			t.Errorf("a connection after Drain: %v", err)
		}
	})
}

func TestDrainEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t, ServerOptions{Handler: HandlerFunc(func(r *Request) {})})
		p.send(Command{})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		p.server.Drain(ctx)
		if err := p.closedFor(); time.Since(begin) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestConnKnowsItsPeer(t *testing.T) {
	opened, closed := make(chan *Conn, 1), make(chan *Conn, 1)
	p := newPeer(t, ServerOptions{OnOpen: func(c *Conn) { opened <- c }, OnClose: func(c *Conn) { closed <- c }})
	c := <-opened
	if c.RemoteAddr().IsValid() || c.LocalAddr().IsValid() || c.Value() != nil {
		t.Errorf("a pipe has the address %v", c.RemoteAddr())
	}
	a := netip.MustParseAddrPort("10.0.0.9:50000")
	c.SetRemoteAddr(a)
	c.SetValue("n1")
	if c.RemoteAddr() != a || c.Value() != "n1" || c.ID() == 0 {
		t.Errorf("%v, %v", c.RemoteAddr(), c.Value())
	}
	c.Close()
	c.Close()
	if <-closed != c || p.closedFor() == nil {
		t.Error("OnClose of another connection")
	}
	<-c.Done()
}
