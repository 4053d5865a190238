package remoting

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// dialTimeout is RocketMQ's connect timeout.
const dialTimeout = 3 * time.Second

// ErrClientClosed: the Client was closed.
var ErrClientClosed = errors.New("client closed")

// ClientOptions configure a Client.
type ClientOptions struct {
	// Dial opens a connection. Default TCP with a 3 s timeout.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Handler serves requests that servers send us; nil answers code 3.
	Handler Handler
	Limits  Limits
	// Language and Version go into requests that name no Version. Default Go and protocol.Version.
	Language protocol.Language
	Version  int32
	Logger   hclog.Logger
}

func (o ClientOptions) shared() shared {
	limits := o.Limits.withDefaults(clientIdleTimeout)
	s := shared{handler: o.Handler, limits: limits, language: o.Language, version: o.Version, stats: &Stats{},
		log: newEventLog(o.Logger), budget: newBudget(limits.InFlightSize), pool: newBufferPool(), requests: &sync.Pool{}}
	if s.handler == nil {
		s.handler = HandlerFunc(notSupported)
	}
	if s.version == 0 {
		s.version = protocol.Version
		if s.language == protocol.Java {
			s.language = protocol.Go
		}
	}
	return s
}

// NewConn runs the protocol over a ready net.Conn (a forwarding stream) as its client side, until it fails or is closed.
func NewConn(nc net.Conn, o ClientOptions) *Conn {
	s := o.shared()
	c := newConn(nc, &s)
	go c.run()
	return c
}

// Client keeps one multiplexed connection to each address, opened at first use and again after it failed.
type Client struct {
	o    shared
	dial func(ctx context.Context, addr string) (net.Conn, error)

	ctx    context.Context // ends at Close; dials run under it
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	links map[string]*link // connected or being dialled
}

// link is the connection to one address.
type link struct {
	ready chan struct{} // closed when the dial has ended

	// Guarded by Client.mu until ready is closed, then constant.
	conn    *Conn
	err     error
	waiting []func(*Conn, error) // run when the dial has ended
}

// NewClient starts nothing.
func NewClient(o ClientOptions) *Client {
	c := &Client{o: o.shared(), dial: o.Dial, links: map[string]*link{}}
	if c.dial == nil {
		d := net.Dialer{Timeout: dialTimeout}
		c.dial = func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Stats are the client's counters; they keep counting.
func (c *Client) Stats() *Stats { return c.o.stats }

// Invoke sends req to addr ("host:port") and waits. An error wraps ErrNotSent if and only if the request certainly
// did not reach the server. Errors are those of Conn.Invoke.
func (c *Client) Invoke(ctx context.Context, addr string, req *Command) (*Command, error) {
	conn, err := c.Conn(ctx, addr)
	if err != nil {
		return nil, err
	}
	return conn.Invoke(ctx, req)
}

// Oneway sends req without waiting for a response. An error wraps ErrNotSent.
func (c *Client) Oneway(ctx context.Context, addr string, req *Command) error {
	conn, err := c.Conn(ctx, addr)
	if err != nil {
		return err
	}
	return conn.Oneway(req)
}

// Go is the asynchronous Invoke; see Conn.Go. The time of a dial counts.
func (c *Client) Go(addr string, req *Command, timeout time.Duration, done func(*Command, error)) {
	l := c.link(addr)
	select {
	case <-l.ready:
		if l.err != nil {
			done(nil, l.err)
			return
		}
		l.conn.Go(req, timeout, done)
	default:
		c.goAfterDial(l, req, timeout, done)
	}
}

// goAfterDial lets a call wait for the dial that is under way. Either the end of the dial or the timer takes it.
func (c *Client) goAfterDial(l *link, req *Command, timeout time.Duration, done func(*Command, error)) {
	cmd, deadline := *req, time.Now().Add(timeout)
	var once sync.Once
	timer := time.AfterFunc(timeout, func() {
		once.Do(func() { done(nil, fmt.Errorf("%w: dialling: %w", ErrNotSent, ErrTimeout)) })
	})
	run := func(conn *Conn, err error) {
		timer.Stop()
		once.Do(func() {
			if err != nil {
				done(nil, err)
				return
			}
			conn.Go(&cmd, time.Until(deadline), done)
		})
	}
	c.mu.Lock()
	select {
	case <-l.ready:
		c.mu.Unlock()
		run(l.conn, l.err)
		return
	default:
	}
	full := len(l.waiting) >= c.o.limits.Pending
	if !full {
		l.waiting = append(l.waiting, run)
	}
	c.mu.Unlock()
	if full {
		run(nil, fmt.Errorf("%w: %w", ErrNotSent, errTooManyCalls))
	}
}

// Conn returns the connection to addr, dialling if there is none; callers at the same time share a dial. Errors wrap
// ErrNotSent.
func (c *Client) Conn(ctx context.Context, addr string) (*Conn, error) {
	l := c.link(addr)
	select {
	case <-l.ready:
		return l.conn, l.err
	default:
	}
	select {
	case <-l.ready:
		return l.conn, l.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: dial %s: %w", ErrNotSent, addr, contextError(ctx))
	}
}

// link returns the live connection to addr or the dial under way, and starts one if there is neither.
func (c *Client) link(addr string) *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.links[addr]; l != nil && !l.dead() {
		return l
	}
	l := &link{ready: make(chan struct{})}
	if c.ctx.Err() != nil {
		l.err = fmt.Errorf("%w: %w", ErrNotSent, ErrClientClosed)
		close(l.ready)
		return l
	}
	c.links[addr] = l
	c.wg.Go(func() { c.keep(addr, l) })
	return l
}

// dead reports whether the link's connection has begun to close. It needs Client.mu.
func (l *link) dead() bool {
	if l.conn == nil {
		return false
	}
	select {
	case <-l.conn.closing:
		return true
	default:
		return false
	}
}

// keep dials, releases those who wait, and runs the connection until it ends.
func (c *Client) keep(addr string, l *link) {
	nc, err := c.dial(c.ctx, addr)
	c.mu.Lock()
	if err != nil {
		l.err = fmt.Errorf("%w: dial %s: %w", ErrNotSent, addr, err)
	} else {
		l.conn = newConn(nc, &c.o)
	}
	waiting := l.waiting
	l.waiting = nil
	close(l.ready)
	closed := c.links[addr] != l // by CloseAddr or Close, while dialling
	if l.conn == nil && !closed {
		delete(c.links, addr)
	}
	c.mu.Unlock()
	if l.conn != nil && closed {
		l.conn.Close()
	}
	for _, run := range waiting {
		run(l.conn, l.err)
	}
	if l.conn == nil {
		return
	}
	l.conn.run()
	c.mu.Lock()
	if c.links[addr] == l {
		delete(c.links, addr)
	}
	c.mu.Unlock()
}

// CloseAddr closes the connection to addr, if any.
func (c *Client) CloseAddr(addr string) {
	c.mu.Lock()
	l := c.links[addr]
	delete(c.links, addr)
	c.mu.Unlock()
	l.close()
}

func (l *link) close() {
	if l == nil {
		return
	}
	select {
	case <-l.ready:
		if l.conn != nil {
			l.conn.Close()
		}
	default: // keep finds the link gone and closes it
	}
}

// Close closes all connections and waits for them; pending calls end. It must not be called from a callback.
func (c *Client) Close() error {
	c.mu.Lock()
	c.cancel()
	links := c.links
	c.links = map[string]*link{}
	c.mu.Unlock()
	for _, l := range links {
		l.close()
	}
	c.wg.Wait()
	return nil
}
