package remoting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// lingerTime is how long a drained connection waits for the peer to close it, so that what the peer had still sent does
// not reset the connection under our last replies.
const lingerTime = time.Second

// connIDs numbers connections. Nothing depends on the numbers but that they differ.
var connIDs atomic.Uint64

// shared is what all connections of one Server or Client have in common.
type shared struct {
	handler  Handler
	limits   Limits
	language protocol.Language
	version  int32
	stats    *Stats
	log      *eventLog
	budget   *budget
	pool     *sync.Pool
	requests *sync.Pool // of *Request
	onOpen   func(*Conn)
	onClose  func(*Conn)
}

// Conn is one connection, on the server or the client side. Both sides may send requests.
type Conn struct {
	id     uint64
	nc     net.Conn
	o      *shared
	opened time.Time
	local  netip.AddrPort
	remote atomic.Pointer[netip.AddrPort]
	value  atomic.Pointer[any]

	out   outQueue
	calls callTable

	inFlight     atomic.Int64
	inFlightSize atomic.Int64
	room         chan struct{} // one slot: inFlight or inFlightSize fell below its limit, or inFlight to 0

	lastWrite     atomic.Int64 // since opened, ns
	writeDeadline time.Time    // the writer's

	draining atomic.Bool
	closing  chan struct{} // closed by shut
	done     chan struct{} // closed when both goroutines have ended
	shutOnce sync.Once
	reason   error // why it closed; set before closing
}

func newConn(nc net.Conn, o *shared) *Conn {
	c := &Conn{id: connIDs.Add(1), nc: nc, o: o, opened: time.Now(), local: addrPort(nc.LocalAddr()), room: make(chan struct{}, 1),
		closing: make(chan struct{}), done: make(chan struct{})}
	c.SetRemoteAddr(addrPort(nc.RemoteAddr()))
	c.out = outQueue{limit: o.limits.ReplyQueue, pool: o.pool, wake: make(chan struct{}, 1), idle: make(chan struct{}, 1)}
	c.calls.init()
	return c
}

// ID is unique within the process.
func (c *Conn) ID() uint64 { return c.id }

// RemoteAddr is the peer's address as seen on the socket, or as told by SetRemoteAddr; zero if the connection is not TCP.
func (c *Conn) RemoteAddr() netip.AddrPort { return *c.remote.Load() }

// SetRemoteAddr replaces the peer's address: a forwarding stream tells the address of the client behind it.
func (c *Conn) SetRemoteAddr(a netip.AddrPort) { c.remote.Store(&a) }

// LocalAddr is our side's address; zero if the connection is not TCP.
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Value and SetValue hold one value for the owner of the connection (the broker keeps the forwarded peer's name).
func (c *Conn) Value() any {
	if v := c.value.Load(); v != nil {
		return *v
	}
	return nil
}
func (c *Conn) SetValue(v any) { c.value.Store(&v) }

// Close closes the connection; pending calls end with ErrConnClosed. Idempotent. It does not wait: see Done.
func (c *Conn) Close() error {
	c.shut(errors.New("closed by us"))
	return nil
}

// Done is closed when the connection is closed, its calls have ended and its goroutines are gone.
func (c *Conn) Done() <-chan struct{} { return c.done }

// shut begins the end of the connection; the first reason counts.
func (c *Conn) shut(reason error) {
	c.shutOnce.Do(func() {
		c.reason = reason
		c.out.close(ErrConnClosed)
		close(c.closing)
		c.nc.Close()
	})
}

// run is the reader goroutine and, in the end, tidies up: 1 the reader has stopped, 2 a draining connection answers what
// it has and lets the peer read it, 3 the socket is closed and with it the writer ends, 4 pending calls end, which can
// now be told apart by what was written, 5 the owner learns of it.
func (c *Conn) run() {
	var writer sync.WaitGroup
	writer.Go(c.writeLoop)
	c.o.stats.Connections.Add(1)
	if c.o.onOpen != nil {
		c.o.onOpen(c)
	}
	err := c.readLoop()
	if err == errDraining {
		c.finish()
	}
	c.shut(err)
	writer.Wait()
	c.calls.failAll(c.out.written.Load(), c.reason)
	c.o.stats.Connections.Add(-1)
	c.report()
	if c.o.onClose != nil {
		c.o.onClose(c)
	}
	close(c.done)
}

// report counts and logs why the connection closed, if its peer is to blame.
func (c *Conn) report() {
	s, reason := c.o.stats, c.reason
	switch {
	case errors.Is(reason, ErrFrame), errors.Is(reason, ErrFrameSize), errors.Is(reason, ErrTLS):
		s.BadFrames.Add(1)
	case errors.Is(reason, errReplyQueue):
		s.ReplyOverflows.Add(1)
	case errors.Is(reason, errFrameTimeout), errors.Is(reason, errOverBudget):
		s.TimedOut.Add(1)
	case errors.Is(reason, errIdle):
		s.TimedOut.Add(1)
		return
	default:
		return
	}
	text := reason.Error()
	c.o.log.warn("connection closed", "remote", c.RemoteAddr().String(), "reason", fmt.Sprintf("%.256q", text))
}

// acquire counts a request that was received.
func (c *Conn) acquire(size int64) {
	c.inFlight.Add(1)
	c.inFlightSize.Add(size)
	c.o.stats.InFlight.Add(1)
	c.o.budget.add(size)
}

// release ends what acquire began.
func (c *Conn) release(size int64) {
	c.o.budget.release(size)
	c.o.stats.InFlight.Add(-1)
	left := c.inFlightSize.Add(-size)
	freed := left < c.o.limits.ConnInFlightSize && left+size >= c.o.limits.ConnInFlightSize
	if n := c.inFlight.Add(-1); n == 0 || n == int64(c.o.limits.InFlight)-1 || freed {
		signal(c.room)
	}
}

// crowded reports whether this connection alone has too much unanswered.
func (c *Conn) crowded() bool {
	return c.inFlight.Load() >= int64(c.o.limits.InFlight) || c.inFlightSize.Load() >= c.o.limits.ConnInFlightSize
}

// mayRead reports whether neither this connection nor all together have too much unanswered.
func (c *Conn) mayRead() bool {
	return !c.crowded() && !c.o.budget.spent()
}

// awaitRead waits until mayRead, or returns an error when the connection closes first.
func (c *Conn) awaitRead() error {
	for c.crowded() {
		select {
		case <-c.room:
		case <-c.closing:
			return ErrConnClosed
		}
	}
	if !c.o.budget.wait(c.closing) {
		return ErrConnClosed
	}
	return nil
}

// drain makes the reader stop between frames; run then finishes.
func (c *Conn) drain() {
	c.draining.Store(true)
	c.nc.SetReadDeadline(time.Unix(1, 0))
}

// finish waits until everything received is answered and written, says so to the peer, and waits for it to close.
func (c *Conn) finish() {
	for c.inFlight.Load() > 0 {
		select {
		case <-c.room:
		case <-c.closing:
			return
		}
	}
	for !c.out.empty() {
		select {
		case <-c.out.idle:
		case <-c.closing:
			return
		}
	}
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		c.nc.SetReadDeadline(time.Now().Add(lingerTime))
		io.Copy(io.Discard, c.nc)
	}
}

// send queues one command. A connection whose peer does not read what we send is closed.
func (c *Conn) send(cmd *Command, end *atomic.Int64) error {
	err := c.out.add(cmd, c.o.limits.FrameBytes, end)
	if err == errReplyQueue {
		c.shut(err)
	}
	return err
}

// outgoing is req as it goes out. A request that names no Version gets ours and our Language; a forwarded one keeps its own.
func (c *Conn) outgoing(req *Command, flag int32) Command {
	cmd := *req
	cmd.Flag = cmd.Flag&^(FlagResponse|FlagOneway) | flag
	if cmd.Version == 0 {
		cmd.Version, cmd.Language = c.o.version, c.o.language
	}
	return cmd
}

// Oneway sends a request that wants no response. It returns when the request is queued. An error wraps ErrNotSent.
func (c *Conn) Oneway(req *Command) error {
	cmd := c.outgoing(req, FlagOneway)
	cmd.Opaque = c.calls.opaque()
	if err := c.send(&cmd, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	return nil
}

// Invoke sends a request to the peer and waits for its response or the end of ctx. Errors wrap ErrNotSent, ErrConnClosed,
// or ErrTimeout when ctx ran out of time; a cancelled ctx gives its own error. A request given up after it was queued may
// still be sent.
func (c *Conn) Invoke(ctx context.Context, req *Command) (*Command, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSent, contextError(ctx))
	}
	type result struct {
		resp *Command
		err  error
	}
	ch := make(chan result, 1)
	call := &call{done: func(resp *Command, err error) { ch <- result{resp, err} }}
	c.start(req, call)
	select {
	case r := <-ch:
		return r.resp, r.err
	case <-ctx.Done():
	}
	if c.calls.remove(call) {
		return nil, contextError(ctx)
	}
	r := <-ch // it ended at the same time
	return r.resp, r.err
}

func contextError(ctx context.Context) error {
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrTimeout, context.DeadlineExceeded)
}

// Go sends a request and calls done once: with the response, or with an error after timeout or when the connection
// closes. done runs on the connection's reader or a timer and must not block; when the request cannot even be queued,
// it runs before Go returns. Errors are those of Invoke.
func (c *Conn) Go(req *Command, timeout time.Duration, done func(*Command, error)) {
	if timeout <= 0 {
		done(nil, fmt.Errorf("%w: %w", ErrNotSent, ErrTimeout))
		return
	}
	c.start(req, &call{done: done, deadline: time.Now().Add(timeout)})
}

// start registers a call and queues its request.
func (c *Conn) start(req *Command, call *call) {
	if err := c.queue(req, call); err != nil {
		call.done(nil, fmt.Errorf("%w: %w", ErrNotSent, err))
	}
}

// queue returns nil when the call is in the table, or somebody else ends it.
func (c *Conn) queue(req *Command, call *call) error {
	call.queueing.Lock()
	defer call.queueing.Unlock()
	if err := c.calls.add(call, c.o.limits.Pending); err != nil {
		return err
	}
	cmd := c.outgoing(req, 0)
	cmd.Opaque = call.opaque
	if err := c.send(&cmd, &call.end); err != nil && c.calls.remove(call) {
		return err
	}
	return nil
}

// addrPort is the address of a TCP connection, with IPv4 not mapped into IPv6; zero for any other.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
