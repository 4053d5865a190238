package remoting

import (
	"errors"
	"os"
	"time"
)

const (
	// readBufferMin is what an idle connection keeps to read into.
	readBufferMin = 4 << 10
	// readBufferMax is how far the buffer of a busy connection grows; only a frame larger than it goes beyond.
	readBufferMax = 64 << 10
	// shrinkAfter without a byte gives a grown buffer back.
	shrinkAfter = time.Second
)

// frameReader cuts frames out of what one connection reads. It belongs to the connection's reader goroutine.
type frameReader struct {
	c     *Conn
	buf   []byte
	r, w  int  // buf[r:w] was read and is not yet used
	first bool // no byte was looked at yet
	full  bool // the last read filled the buffer: a larger one would read more at once

	begun    time.Time // when the first byte of an incomplete frame came; zero between frames
	lastRead time.Time
	armed    time.Time // the read deadline that is set; never later than the first thing that is due
	held     int64     // bytes of buffer held for an incomplete large frame, counted in the budget
}

// readLoop reads and dispatches frames until the connection fails or drains, and returns why.
func (c *Conn) readLoop() error {
	f := frameReader{c: c, buf: make([]byte, readBufferMin), first: true, lastRead: c.opened}
	defer func() { c.o.budget.release(f.held) }()
	for {
		p, ok, err := f.next()
		switch {
		case err != nil:
			return err
		case !ok:
			err = f.fill()
		default:
			err = c.dispatch(&f, p)
		}
		if err != nil {
			return err
		}
	}
}

// dispatch takes one whole frame, hands it on, and waits while too much is unanswered.
func (c *Conn) dispatch(f *frameReader, p prefix) error {
	r := c.o.newRequest()
	r.Conn, r.Received, r.size = c, f.lastRead, int64(p.size)
	if err := f.take(p, r); err != nil {
		return err
	}
	if r.IsResponse() {
		if !c.calls.complete(&r.Command) {
			c.o.stats.UnknownOpaque.Add(1)
		}
		return nil
	}
	c.o.stats.Requests.Add(1)
	c.acquire(r.size)
	c.serve(r)
	if c.mayRead() {
		return nil
	}
	err := c.awaitRead()
	f.lastRead = time.Now() // the time in which we did not read is not the peer's
	return err
}

// next reports whether a whole frame is buffered, and its prefix. The frame stays in the buffer.
func (f *frameReader) next() (p prefix, ok bool, err error) {
	if f.first && f.w > 0 {
		f.first = false
		if f.buf[0] == tlsHandshake {
			return p, false, ErrTLS
		}
	}
	if f.w-f.r < prefixSize {
		return p, false, nil
	}
	p, err = decodePrefix(f.buf[f.r:], &f.c.o.limits)
	return p, err == nil && f.w-f.r >= p.size, err
}

// take decodes the frame of p into r and removes it from the buffer. The body is a copy, or the buffer itself if that
// had grown for this frame and so holds nothing else.
func (f *frameReader) take(p prefix, r *Request) error {
	frame := f.buf[f.r : f.r+p.size : f.r+p.size]
	body := frame[prefixSize+p.header:]
	if err := decodeHeader(frame[prefixSize:prefixSize+p.header], p.serialize, &r.Command); err != nil {
		return err
	}
	f.begun = time.Time{}
	f.r += p.size
	if len(f.buf) > readBufferMax && f.r == f.w {
		r.Body = body
		f.buf, f.r, f.w = make([]byte, readBufferMin), 0, 0
		f.c.o.budget.release(f.held)
		f.held = 0
	} else if len(body) > 0 {
		r.body = append(r.body[:0], body...)
		r.Body = r.body
	}
	return nil
}

// fill reads once more into the buffer, after making room, within the deadlines of frame and connection.
func (f *frameReader) fill() error {
	if err := f.makeRoom(); err != nil {
		return err
	}
	if f.begun.IsZero() && f.w > f.r {
		f.begun = time.Now()
	}
	for {
		f.arm()
		if f.c.draining.Load() { // after arming: Drain sets the flag before it moves the deadline into the past
			return errDraining
		}
		n, err := f.c.nc.Read(f.buf[f.w:])
		if n > 0 {
			f.lastRead = time.Now()
			f.w += n
			f.full = f.w == len(f.buf)
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if err := f.overdue(time.Now()); err != nil {
			return err
		}
	}
}

// makeRoom gives the next read at least half of the buffer, or a larger one: up to readBufferMax when reads fill it,
// beyond that only for a frame that has filled all there is (invariant 3).
func (f *frameReader) makeRoom() error {
	if f.r == f.w {
		f.r, f.w = 0, 0
	}
	size := len(f.buf)
	switch {
	case f.full && size < readBufferMax:
		f.resize(2 * size)
	case f.w-f.r == size:
		p, err := decodePrefix(f.buf[f.r:], &f.c.o.limits)
		if err != nil {
			return err
		}
		if f.c.o.budget.exhausted() {
			return errOverBudget
		}
		f.resize(min(2*size, p.size))
		f.c.o.budget.add(int64(len(f.buf) - size))
		f.held += int64(len(f.buf) - size)
	case f.r > 0 && f.w > size/2:
		f.w = copy(f.buf, f.buf[f.r:f.w])
		f.r = 0
	}
	f.full = false
	return nil
}

func (f *frameReader) resize(size int) {
	buf := make([]byte, size)
	f.w = copy(buf, f.buf[f.r:f.w])
	f.buf, f.r = buf, 0
}

// arm moves the read deadline only if something is due before it. A deadline that fires too early costs one look.
func (f *frameReader) arm() {
	due := f.lastRead.Add(f.c.o.limits.IdleTimeout)
	if !f.begun.IsZero() {
		due = earlier(due, f.begun.Add(f.c.o.limits.FrameTimeout))
	}
	if len(f.buf) > readBufferMin && f.r == f.w {
		due = earlier(due, f.lastRead.Add(shrinkAfter))
	}
	if f.armed.IsZero() || due.Before(f.armed) {
		f.armed = due
		f.c.nc.SetReadDeadline(due)
	}
}

// overdue decides what the deadline fired for.
func (f *frameReader) overdue(now time.Time) error {
	l := &f.c.o.limits
	f.armed = time.Time{}
	if wrote := f.c.opened.Add(time.Duration(f.c.lastWrite.Load())); wrote.After(f.lastRead) {
		f.lastRead = wrote // what we wrote is traffic too
	}
	switch {
	case !f.begun.IsZero() && now.Sub(f.begun) >= l.FrameTimeout:
		return errFrameTimeout
	case now.Sub(f.lastRead) >= l.IdleTimeout:
		return errIdle
	case f.r == f.w && len(f.buf) > readBufferMin:
		f.resize(readBufferMin)
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
