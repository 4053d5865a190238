package remoting

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// listen runs a server on loopback until the test ends.
func listen(t *testing.T, o ServerOptions) (*Server, string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(o)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx, ln); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return s, ln.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

// eventually polls until ok or ten seconds have passed.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		runtime.Gosched()
	}
}

func TestLoopback(t *testing.T) {
	remote := make(chan netip.AddrPort, 1)
	_, addr := listen(t, ServerOptions{Handler: HandlerFunc(echo), OnOpen: func(c *Conn) { remote <- c.RemoteAddr() }})
	c := NewClient(ClientOptions{})
	defer c.Close()
	for _, size := range []int{0, 10, 5000, 4 << 20} {
		resp, err := c.Invoke(t.Context(), addr, &Command{Code: 10, Body: make([]byte, size)})
		if err != nil || len(resp.Body) != size {
			t.Fatalf("%d bytes: %v", size, err)
		}
	}
	conn, err := c.Conn(t.Context(), addr)
	if err != nil || conn.LocalAddr() != <-remote || conn.RemoteAddr().String() != addr {
		t.Errorf("addresses %v, %v", conn.LocalAddr(), conn.RemoteAddr())
	}
}

// TestRN5_IdleConnectionsAreSmall: at most 32 KiB for each connection that sends nothing, or no more.
func TestRN5_IdleConnectionsAreSmall(t *testing.T) {
	const count, limit = 300, 32 << 10
	s, addr := listen(t, ServerOptions{Handler: HandlerFunc(echo)})
	used := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapInuse + m.StackInuse)
	}
	before := used()
	frame, _ := AppendFrame(nil, &Command{Body: make([]byte, 1000)})
	var conns []net.Conn
	for range count {
		nc := dial(t, addr)
		nc.Write(frame) // once busy, now idle
		if _, err := readFrame(nc); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, nc)
	}
	each := (used() - before) / count
	t.Logf("%d bytes for each of %d idle connections", each, s.Stats().Connections.Load())
	if each > limit {
		t.Errorf("want at most %d", limit)
	}
	runtime.KeepAlive(conns)
}

func TestGrownReadBufferIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		s := NewServer(ServerOptions{Handler: HandlerFunc(echo)})
		c := newConn(theirs, &s.o)
		f := frameReader{c: c, buf: make([]byte, readBufferMax), lastRead: time.Now()}
		go func() {
			time.Sleep(shrinkAfter / 2)
			ours.Write(make([]byte, 4)) // half a prefix: not idle
		}()
		if err := f.fill(); err != nil || len(f.buf) != readBufferMax {
			t.Fatalf("%d bytes, %v", len(f.buf), err)
		}
		f.r = f.w
		go func() {
			time.Sleep(2 * shrinkAfter)
			ours.Write(make([]byte, 4))
		}()
		if err := f.fill(); err != nil || len(f.buf) != readBufferMin {
			t.Fatalf("%d bytes, %v", len(f.buf), err)
		}
	})
}

// TestRN6_ConnectionsAreCapped: reliability threat N6.
func TestRN6_ConnectionsAreCapped(t *testing.T) {
	s, addr := listen(t, ServerOptions{Handler: HandlerFunc(echo), Limits: Limits{Connections: 3}})
	var open []net.Conn
	for range 3 {
		open = append(open, dial(t, addr))
	}
	eventually(t, "three connections", func() bool { return s.Stats().Connections.Load() == 3 })
	if _, err := dial(t, addr).Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the fourth: %v", err)
	}
	eventually(t, "one refused", func() bool { return s.Stats().Refused.Load() == 1 })
	open[0].Close()
	eventually(t, "two connections", func() bool { return s.Stats().Connections.Load() == 2 })
	nc := dial(t, addr)
	frame, _ := AppendFrame(nil, &Command{})
	nc.Write(frame)
	if _, err := readFrame(nc); err != nil {
		t.Errorf("the next: %v", err)
	}
}

func TestRN6_ConnectionsOfOneHostAreCapped(t *testing.T) {
	s := NewServer(ServerOptions{Limits: Limits{ConnectionsPerHost: 2}})
	host, other, loopback := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("127.0.0.1")
	conns := map[string]*Conn{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		conns[name] = newConn(pipeEnd{}, &s.o)
	}
	for i, step := range []struct {
		conn string
		host netip.Addr
		ok   bool
	}{{"a", host, true}, {"b", host, true}, {"c", host, false}, {"c", other, true}, {"d", loopback, true}} {
		if err := s.addConn(conns[step.conn], step.host); (err == nil) != step.ok {
			t.Errorf("step %d: %v", i, err)
		}
	}
	s.removeConn(conns["a"])
	if err := s.addConn(conns["e"], host); err != nil {
		t.Errorf("after one has gone: %v", err)
	}
}

// flakyListener fails with the errors given, then accepts nothing until it is closed.
type flakyListener struct {
	errs   []error
	closed chan struct{}
	once   sync.Once
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, err
	}
	<-l.closed
	return nil, net.ErrClosed
}
func (l *flakyListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *flakyListener) Addr() net.Addr { return &net.TCPAddr{} }

func TestAcceptBacksOff(t *testing.T) {
	full := &net.OpError{Op: "accept", Err: syscall.EMFILE}
	tests := []struct {
		name  string
		errs  []error
		after time.Duration
		ok    bool
	}{
		{"three times no descriptor", []error{full, full, full}, time.Hour, true},
		{"a broken listener", []error{full, errors.New("broken")}, 5 * time.Millisecond, false},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			ln := &flakyListener{errs: tt.errs, closed: make(chan struct{})}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			begin := time.Now()
			err := NewServer(ServerOptions{}).Serve(ctx, ln)
			if (err == nil) != tt.ok || time.Since(begin) != tt.after || len(ln.errs) != 0 {
				t.Errorf("%s: %v after %v, %d errors left", tt.name, err, time.Since(begin), len(ln.errs))
			}
		})
	}
}

// TestDrainReadsToTheEnd: what a peer had sent when the drain began must not reset the connection under our replies.
func TestDrainReadsToTheEnd(t *testing.T) {
	parked := make(chan *Request, 1)
	s, addr := listen(t, ServerOptions{Handler: HandlerFunc(func(r *Request) {
		if r.IsOneway() {
			r.Discard()
		} else {
			parked <- r
		}
	})})
	nc := dial(t, addr)
	frame, _ := AppendFrame(nil, &Command{Opaque: 1})
	nc.Write(frame)
	r := <-parked
	drained := make(chan struct{})
	go func() {
		s.Drain(t.Context())
		close(drained)
	}()
	eventually(t, "draining", s.isDraining)
	frame, _ = AppendFrame(nil, &Command{Flag: FlagOneway})
	for range 1000 {
		nc.Write(frame) // most of them are never read
	}
	r.Reply(&Command{Body: make([]byte, 100_000)})
	if got, err := readFrame(nc); err != nil || len(got.Body) != 100_000 {
		t.Errorf("body of %d, %v", len(got.Body), err)
	}
	if _, err := nc.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the reply: %v", err)
	}
	nc.Close()
	<-drained
}
