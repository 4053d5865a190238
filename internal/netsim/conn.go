package netsim

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const windowBytes = 256 << 10 // sent and not yet read, per direction; a writer waits beyond it

// pair is one connection: two ends and the stream from each to the other. One mutex guards both directions, which is
// simple and fast enough for a simulation.
type pair struct {
	net *Network

	mu   sync.Mutex
	cond sync.Cond // every change of the fields below, of a link, and every deadline
	ends [2]*Conn
	// streams[i] goes from ends[i] to the other end.
	streams [2]stream
}

// stream is what one end has sent and the other has not yet read.
type stream struct {
	link     *link
	chunks   []chunk
	buffered int
	lastDue  time.Time // of what was sent last: order is kept when the latency shrinks

	fin    bool // the sender closed; EOF after the chunks
	finDue time.Time
	rst    bool // the connection was reset from the sender's side
	rstDue time.Time
}

type chunk struct {
	data []byte
	due  time.Time
}

// Conn is one end of a connection. It implements net.Conn with deadlines.
type Conn struct {
	pair          *pair
	side          int
	host          *Host
	local, remote Addr

	// pair.mu
	closed        bool
	readDeadline  time.Time
	writeDeadline time.Time
}

func newPair(n *Network, p path, near, far *Host, local, remote Addr) (*Conn, *Conn) {
	x := &pair{net: n}
	x.cond.L = &x.mu
	x.streams[0].link, x.streams[1].link = p.out, p.in
	x.ends[0] = &Conn{pair: x, side: 0, host: near, local: local, remote: remote}
	x.ends[1] = &Conn{pair: x, side: 1, host: far, local: remote, remote: local}
	return x.ends[0], x.ends[1]
}

func (c *Conn) out() *stream { return &c.pair.streams[c.side] }
func (c *Conn) in() *stream  { return &c.pair.streams[1-c.side] }
func (c *Conn) peer() *Conn  { return c.pair.ends[1-c.side] }

// Read implements net.Conn.
func (c *Conn) Read(b []byte) (int, error) {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	for {
		now := time.Now()
		if err := c.usableLocked(c.readDeadline, now); err != nil {
			return 0, c.opError("read", err)
		}
		if len(b) == 0 {
			return 0, nil
		}
		n, eof, next := c.in().takeLocked(b, now)
		if n > 0 {
			c.pair.cond.Broadcast() // room for the writer
			return n, nil
		}
		if eof {
			return 0, io.EOF
		}
		c.pair.waitLocked(now, next, c.readDeadline)
	}
}

// takeLocked moves what has arrived into b. Without bytes and end, next is when something will have, zero if unknown.
func (s *stream) takeLocked(b []byte, now time.Time) (n int, eof bool, next time.Time) {
	if s.link.cut.Load() {
		return 0, false, time.Time{}
	}
	for len(s.chunks) > 0 && n < len(b) {
		ch := &s.chunks[0]
		if ch.due.After(now) {
			return n, false, ch.due
		}
		m := copy(b[n:], ch.data)
		n += m
		s.buffered -= m
		if m < len(ch.data) {
			ch.data = ch.data[m:]
			return n, false, time.Time{}
		}
		s.chunks[0].data = nil
		s.chunks = s.chunks[1:]
	}
	if n > 0 || len(s.chunks) > 0 {
		return n, false, time.Time{}
	}
	if !s.fin {
		return 0, false, time.Time{}
	}
	return 0, !s.finDue.After(now), s.finDue
}

// Write implements net.Conn. It returns when all of b is under way, which waits for the reader beyond the window.
func (c *Conn) Write(b []byte) (int, error) {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	written := 0
	for {
		now := time.Now()
		if err := c.usableLocked(c.writeDeadline, now); err != nil {
			return written, c.opError("write", err)
		}
		out := c.out()
		if c.peer().closed && !out.link.cut.Load() && !c.in().link.cut.Load() {
			return written, c.opError("write", syscall.EPIPE)
		}
		if room := windowBytes - out.buffered; room > 0 && len(b) > 0 {
			m := min(room, len(b))
			out.putLocked(b[:m], now)
			b, written = b[m:], written+m
			c.pair.cond.Broadcast()
		}
		if len(b) == 0 {
			return written, nil
		}
		c.pair.waitLocked(now, time.Time{}, c.writeDeadline)
	}
}

func (s *stream) putLocked(b []byte, now time.Time) {
	s.chunks = append(s.chunks, chunk{data: append([]byte(nil), b...), due: s.dueLocked(now)})
	s.buffered += len(b)
}

// dueLocked is when something sent now arrives.
func (s *stream) dueLocked(now time.Time) time.Time {
	due := now.Add(s.link.delay())
	if due.Before(s.lastDue) {
		due = s.lastDue
	}
	s.lastDue = due
	return due
}

// usableLocked is the reason why this end can do nothing more, if there is one.
func (c *Conn) usableLocked(deadline, now time.Time) error {
	in := c.in()
	switch {
	case c.closed:
		return net.ErrClosed
	case in.rst && !in.link.cut.Load() && !in.rstDue.After(now):
		return syscall.ECONNRESET
	case !deadline.IsZero() && !deadline.After(now):
		return os.ErrDeadlineExceeded
	}
	return nil
}

// waitLocked waits for a change of the connection or the earliest of the times.
func (p *pair) waitLocked(now time.Time, times ...time.Time) {
	var first time.Time
	for i := range p.streams { // a reset under way ends the wait when it arrives
		if s := &p.streams[i]; s.rst && s.rstDue.After(now) {
			times = append(times, s.rstDue)
		}
	}
	for _, t := range times {
		if !t.IsZero() && t.After(now) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if !first.IsZero() {
		timer := time.AfterFunc(first.Sub(now), p.wake)
		defer timer.Stop()
	}
	p.cond.Wait()
}

func (p *pair) wake() {
	p.mu.Lock()
	p.cond.Broadcast()
	p.mu.Unlock()
}

// Close implements net.Conn: what was written still arrives, then the peer reads io.EOF.
func (c *Conn) Close() error {
	p := c.pair
	p.mu.Lock()
	if c.closed {
		p.mu.Unlock()
		return c.opError("close", net.ErrClosed)
	}
	c.closed = true
	out := c.out()
	out.fin, out.finDue = true, out.dueLocked(time.Now())
	both := c.peer().closed
	p.cond.Broadcast()
	p.mu.Unlock()
	if both {
		p.forget()
	}
	return nil
}

// reset breaks the connection for both ends, each as soon as its link lets it through.
func (p *pair) reset() {
	p.mu.Lock()
	now := time.Now()
	for i := range p.streams {
		p.streams[i].resetLocked(now)
	}
	p.cond.Broadcast()
	p.mu.Unlock()
}

func (s *stream) resetLocked(now time.Time) {
	if !s.rst {
		s.rst, s.rstDue = true, now.Add(s.link.delay())
	}
}

// kill closes h's ends at once and lets the other end see a reset.
func (p *pair) kill(h *Host) {
	p.mu.Lock()
	now := time.Now()
	for i, end := range p.ends {
		if end.host == h {
			end.closed = true
			p.streams[i].resetLocked(now)
		}
	}
	both := p.ends[0].closed && p.ends[1].closed
	p.cond.Broadcast()
	p.mu.Unlock()
	if both {
		p.forget()
	}
}

func (p *pair) forget() {
	p.net.mu.Lock()
	delete(p.net.pairs, p)
	p.net.mu.Unlock()
}

// LocalAddr implements net.Conn. It is a *net.TCPAddr if the host's name is an IP address.
func (c *Conn) LocalAddr() net.Addr { return c.local.asTCP() }

// RemoteAddr implements net.Conn, as LocalAddr does.
func (c *Conn) RemoteAddr() net.Addr { return c.remote.asTCP() }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.setDeadlines(func() { c.readDeadline, c.writeDeadline = t, t })
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.setDeadlines(func() { c.readDeadline = t })
}

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadlines(func() { c.writeDeadline = t })
}

func (c *Conn) setDeadlines(set func()) error {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	if c.closed {
		return c.opError("set deadline", net.ErrClosed)
	}
	set()
	c.pair.cond.Broadcast()
	return nil
}

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "netsim", Source: c.local, Addr: c.remote, Err: err}
}
