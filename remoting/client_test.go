package remoting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// pipes is an address book of servers over pipes, with a count of dials.
type pipes struct {
	t       *testing.T
	mu      sync.Mutex
	servers map[string]*Server
	dials   atomic.Int32
	delay   time.Duration
	wg      sync.WaitGroup
}

func newPipes(t *testing.T) *pipes {
	p := &pipes{t: t, servers: map[string]*Server{}}
	t.Cleanup(p.wg.Wait)
	return p
}

func (p *pipes) serve(addr string, h HandlerFunc) *Server {
	s := NewServer(ServerOptions{Handler: h})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.servers[addr] = s
	return s
}

func (p *pipes) dial(ctx context.Context, addr string) (net.Conn, error) {
	p.dials.Add(1)
	select {
	case <-time.After(p.delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.servers[addr]
	if s == nil {
		return nil, errors.New("refused")
	}
	ours, theirs := net.Pipe()
	p.wg.Go(func() { s.ServeConn(p.t.Context(), theirs) })
	return ours, nil
}

func (p *pipes) client(o ClientOptions) *Client {
	o.Dial = p.dial
	c := NewClient(o)
	p.t.Cleanup(func() { c.Close() })
	return c
}

func TestClientSharesOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes(t)
		p.delay = time.Second
		p.serve("a", echo)
		c := p.client(ClientOptions{})
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				resp, err := c.Invoke(t.Context(), "a", &Command{Code: 10, Body: fmt.Append(nil, i)})
				if err != nil || string(resp.Body) != fmt.Sprint(i) {
					t.Errorf("%d: %+v, %v", i, resp, err)
				}
			})
			done := make(chan struct{})
			c.Go("a", &Command{Code: 10, Body: fmt.Append(nil, i)}, time.Minute, func(resp *Command, err error) {
				if err != nil || string(resp.Body) != fmt.Sprint(i) {
					t.Errorf("%d: %+v, %v", i, resp, err)
				}
				close(done)
			})
			wg.Go(func() { <-done })
		}
		wg.Wait()
		if n := p.dials.Load(); n != 1 {
			t.Errorf("%d dials", n)
		}
	})
}

func TestClientDialsAgain(t *testing.T) {
	p := newPipes(t)
	c := p.client(ClientOptions{})
	ctx := t.Context()
	if _, err := c.Invoke(ctx, "a", &Command{}); !errors.Is(err, ErrNotSent) {
		t.Errorf("nobody listens: %v", err)
	}
	p.serve("a", echo)
	if _, err := c.Invoke(ctx, "a", &Command{}); err != nil {
		t.Errorf("somebody listens: %v", err)
	}
	conn, _ := c.Conn(ctx, "a")
	c.CloseAddr("a")
	<-conn.Done()
	if _, err := c.Invoke(ctx, "a", &Command{}); err != nil {
		t.Errorf("after CloseAddr: %v", err)
	}
	if n := p.dials.Load(); n != 3 {
		t.Errorf("%d dials, want 3", n)
	}
}

func TestClientNamesItself(t *testing.T) {
	p := newPipes(t)
	got := make(chan Command, 2)
	p.serve("a", func(r *Request) { got <- r.Command; r.ReplyCode(0, "") })
	c := p.client(ClientOptions{})
	c.Invoke(t.Context(), "a", &Command{Code: 1, Flag: FlagOneway | FlagResponse | 4})
	if r := <-got; r.Version != protocol.Version || r.Language != protocol.Go || r.Flag != 4 {
		t.Errorf("%+v", r)
	}
	c.Invoke(t.Context(), "a", &Command{Code: 1, Version: 121, Language: protocol.Java}) // forwarded for an old client
	if r := <-got; r.Version != 121 || r.Language != protocol.Java {
		t.Errorf("%+v", r)
	}
	if err := c.Oneway(t.Context(), "a", &Command{Code: 2}); err != nil {
		t.Error(err)
	}
	if r := <-got; r.Flag != FlagOneway || r.Code != 2 {
		t.Errorf("%+v", r)
	}
}

// ending is how a call can end without an answer.
func TestCallsEndWithTheRightError(t *testing.T) {
	silent := func(r *Request) { r.Discard() }
	tests := []struct {
		name    string
		handler HandlerFunc
		delay   time.Duration // of the dial
		cancel  time.Duration // of the caller's context
		is, not error
		after   time.Duration
	}{
		{"no answer", silent, 0, 0, ErrTimeout, ErrNotSent, 3 * time.Second},
		{"a slow dial", silent, time.Hour, 0, ErrNotSent, ErrConnClosed, 3 * time.Second},
		{"a refused dial", nil, time.Second, 0, ErrNotSent, ErrTimeout, time.Second},
		{"a server that closes", func(r *Request) { r.Conn.Close() }, 0, 0, ErrConnClosed, ErrNotSent, 0},
		{"cancelled", silent, 0, 2 * time.Second, context.Canceled, ErrNotSent, 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipes(t)
				p.delay = tt.delay
				if tt.handler != nil {
					p.serve("a", tt.handler)
				}
				c := p.client(ClientOptions{})
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				begin := time.Now()
				_, err := c.Invoke(ctx, "a", &Command{})
				if !errors.Is(err, tt.is) || errors.Is(err, tt.not) || time.Since(begin) != tt.after {
					t.Errorf("Invoke: %v after %v", err, time.Since(begin))
				}
				if tt.cancel > 0 {
					return
				}
				begin = time.Now()
				ended := make(chan error, 2)
				c.Go("a", &Command{}, 3*time.Second, func(_ *Command, err error) { ended <- err })
				if err := <-ended; !errors.Is(err, tt.is) || errors.Is(err, tt.not) || time.Since(begin) > tt.after+expirySlack {
					t.Errorf("Go: %v after %v", err, time.Since(begin))
				}
				time.Sleep(time.Minute)
				if len(ended) != 0 {
					t.Error("a call ended twice")
				}
			})
		})
	}
}

func TestCallsWithoutTimeAreNotSent(t *testing.T) {
	p := newPipes(t)
	p.serve("a", echo)
	c := p.client(ClientOptions{})
	conn, err := c.Conn(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := conn.Invoke(ctx, &Command{}); !errors.Is(err, ErrNotSent) || !errors.Is(err, context.Canceled) {
		t.Errorf("Invoke: %v", err)
	}
	conn.Go(&Command{}, 0, func(_ *Command, err error) {
		if !errors.Is(err, ErrNotSent) || !errors.Is(err, ErrTimeout) {
			t.Errorf("Go: %v", err)
		}
	})
	if n := p.servers["a"].Stats().Requests.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// countingConn takes so many bytes and then blocks until it is closed.
type countingConn struct {
	net.Conn
	left  int
	block chan struct{}
	once  sync.Once
}

func (c *countingConn) Read([]byte) (int, error) { <-c.block; return 0, io.EOF }
func (c *countingConn) Write(b []byte) (int, error) {
	if len(b) <= c.left {
		c.left -= len(b)
		return len(b), nil
	}
	n := c.left
	c.left = 0
	<-c.block
	return n, io.ErrClosedPipe
}
func (c *countingConn) Close() error { c.once.Do(func() { close(c.block) }); return nil }

func (*countingConn) LocalAddr() net.Addr              { return nil }
func (*countingConn) RemoteAddr() net.Addr             { return nil }
func (*countingConn) SetReadDeadline(time.Time) error  { return nil }
func (*countingConn) SetWriteDeadline(time.Time) error { return nil }

// TestNotSentExactly: of four requests, the socket takes so many bytes before the connection breaks. Those whose last
// byte it took may have been executed; all others certainly were not.
func TestNotSentExactly(t *testing.T) {
	frame, _ := AppendFrame(nil, &Command{Code: 1, Opaque: 1, Version: protocol.Version, Language: protocol.Go})
	size := len(frame)
	for taken := 0; taken <= 4*size; taken++ {
		synctest.Test(t, func(t *testing.T) {
			c := NewConn(&countingConn{left: taken, block: make(chan struct{})}, ClientOptions{})
			ended := make([]chan error, 4)
			for i := range ended {
				ended[i] = make(chan error, 1)
				c.Go(&Command{Code: 1}, time.Minute, func(_ *Command, err error) { ended[i] <- err })
			}
			synctest.Wait()
			c.Close()
			for i, ch := range ended {
				err := <-ch
				if sent := (i+1)*size <= taken; errors.Is(err, ErrNotSent) == sent || errors.Is(err, ErrConnClosed) != sent {
					t.Errorf("%d bytes taken, request %d: %v", taken, i, err)
				}
			}
			c.Go(&Command{}, time.Minute, func(_ *Command, err error) {
				if !errors.Is(err, ErrNotSent) {
					t.Errorf("after Close: %v", err)
				}
			})
			if err := c.Oneway(&Command{}); !errors.Is(err, ErrNotSent) {
				t.Errorf("one-way after Close: %v", err)
			}
			<-c.Done()
		})
	}
}

func TestServerAsksItsClient(t *testing.T) {
	p := newPipes(t)
	answers := make(chan *Command, 2)
	p.serve("a", func(r *Request) {
		r.Conn.Go(&Command{Code: 307, Body: r.Body}, time.Minute, func(resp *Command, err error) {
			if err != nil {
				t.Error(err)
			}
			answers <- resp
			r.ReplyCode(0, "")
		})
	})
	for _, h := range []Handler{nil, HandlerFunc(echo)} {
		c := p.client(ClientOptions{Handler: h})
		if _, err := c.Invoke(t.Context(), "a", &Command{Body: []byte("hello")}); err != nil {
			t.Fatal(err)
		}
		want := int32(3)
		if h != nil {
			want = 0
		}
		if got := <-answers; got.Code != want || h != nil && string(got.Body) != "hello" {
			t.Errorf("%+v", got)
		}
	}
}

// TestRN10_UnknownOpaques: reliability threat N10.
func TestRN10_UnknownOpaques(t *testing.T) {
	p := newPeer(t, ServerOptions{Handler: HandlerFunc(echo)})
	for range 100 {
		p.send(Command{Flag: FlagResponse, Opaque: 12345})
	}
	p.send(Command{Opaque: 1})
	p.receive()
	if n := p.server.Stats().UnknownOpaque.Load(); n != 100 {
		t.Errorf("%d counted", n)
	}
}

func TestPendingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes(t)
		p.serve("a", func(r *Request) {})
		c := p.client(ClientOptions{Limits: Limits{Pending: 2}})
		conn, err := c.Conn(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 3)
		for range 3 {
			conn.Go(&Command{}, time.Second, func(_ *Command, err error) { ended <- err })
		}
		if err := <-ended; !errors.Is(err, ErrNotSent) {
			t.Error(err)
		}
		for range 2 {
			if err := <-ended; !errors.Is(err, ErrTimeout) {
				t.Error(err)
			}
		}
	})
}

func TestClientCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes(t)
		p.serve("a", func(r *Request) {})
		c := p.client(ClientOptions{})
		ended := make(chan error, 2)
		if _, err := c.Conn(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		c.Go("a", &Command{}, time.Hour, func(_ *Command, err error) { ended <- err })
		p.delay = time.Hour
		c.Go("b", &Command{}, time.Hour, func(_ *Command, err error) { ended <- err }) // still dialling
		synctest.Wait()
		c.Close()
		var closed, notSent int
		for range 2 {
			switch err := <-ended; {
			case errors.Is(err, ErrConnClosed):
				closed++
			case errors.Is(err, ErrNotSent):
				notSent++
			}
		}
		if closed != 1 || notSent != 1 {
			t.Errorf("%d closed, %d not sent", closed, notSent)
		}
		if _, err := c.Invoke(t.Context(), "a", &Command{}); !errors.Is(err, ErrClientClosed) || !errors.Is(err, ErrNotSent) {
			t.Error(err)
		}
	})
}
