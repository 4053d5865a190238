package remoting

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writeBufferSize is a pooled write buffer; a connection holds none while it has nothing to send.
	writeBufferSize = 16 << 10
	// bodyCopyMax is the largest body that is copied behind its header; a larger one is written from where it lies.
	bodyCopyMax = 4 << 10
	// writeMax is how much is given to the socket at once, each time with a new deadline.
	writeMax = 1 << 20
)

// outQueue holds what is to be written on one connection: encoded frames in pooled buffers, and large bodies by
// reference. Any goroutine adds; the connection's writer takes all of it at once.
type outQueue struct {
	limit int64
	pool  *sync.Pool
	wake  chan struct{} // one slot: there is something to write
	idle  chan struct{} // one slot: everything was written

	// written counts the bytes handed to the socket. A frame whose end lies beyond it was not sent (invariant 5).
	written atomic.Int64

	mu      sync.Mutex
	closed  error
	segs    [][]byte // full segments
	bufs    []*[]byte
	cur     []byte // the newest of bufs, being filled
	from    int    // where in cur the unfinished segment begins
	size    int64  // bytes queued and not yet written
	queued  int64  // bytes ever queued
	signals bool   // wake has been sent and the writer has not looked yet
}

func newBufferPool() *sync.Pool {
	return &sync.Pool{New: func() any {
		b := make([]byte, 0, writeBufferSize)
		return &b
	}}
}

// add encodes cmd into the queue and stores in end, if not nil, where its frame ends in the stream, before the writer
// can see it. Errors: ErrUnencodable, errReplyQueue, or the reason why the queue was closed.
func (q *outQueue) add(cmd *Command, frameMax int, end *atomic.Int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed != nil {
		return q.closed
	}
	if q.size > 0 && q.size+int64(len(cmd.Body)) > q.limit {
		return errReplyQueue
	}
	if q.cur == nil || len(q.cur) > writeBufferSize*3/4 {
		q.nextBuffer()
	}
	start := len(q.cur)
	buf, err := appendHead(q.cur, cmd)
	if err != nil {
		return err
	}
	n := int64(len(buf) - start + len(cmd.Body))
	if n > int64(frameMax) {
		return ErrFrameSize
	}
	q.cur = buf
	if len(cmd.Body) <= bodyCopyMax {
		q.cur = append(q.cur, cmd.Body...)
	} else {
		q.seal()
		q.segs = append(q.segs, cmd.Body)
	}
	q.size += n
	q.queued += n
	if end != nil {
		end.Store(q.queued)
	}
	if !q.signals {
		q.signals = true
		signal(q.wake)
	}
	return nil
}

// seal finishes the segment in cur; what is appended later begins a new one in the same buffer.
func (q *outQueue) seal() {
	if len(q.cur) > q.from {
		q.segs = append(q.segs, q.cur[q.from:len(q.cur):len(q.cur)])
		q.from = len(q.cur)
	}
	if len(q.bufs) > 0 {
		*q.bufs[len(q.bufs)-1] = q.cur
	}
}

func (q *outQueue) nextBuffer() {
	q.seal()
	b := q.pool.Get().(*[]byte)
	q.bufs = append(q.bufs, b)
	q.cur, q.from = (*b)[:0], 0
}

// take empties the queue. The buffers behind segs go back with recycle.
func (q *outQueue) take(segs [][]byte, bufs []*[]byte) ([][]byte, []*[]byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seal()
	q.signals = false
	segs, q.segs = q.segs, segs[:0]
	bufs, q.bufs = q.bufs, bufs[:0]
	q.cur, q.from = nil, 0
	return segs, bufs
}

// recycle returns buffers to the pool, but not those that grew.
func (q *outQueue) recycle(bufs []*[]byte) {
	for i, b := range bufs {
		if cap(*b) <= 2*writeBufferSize {
			*b = (*b)[:0]
			q.pool.Put(b)
		}
		bufs[i] = nil
	}
}

// wrote notes that n bytes left the queue for the socket.
func (q *outQueue) wrote(n int64) {
	q.written.Add(n)
	q.mu.Lock()
	q.size -= n
	empty := q.size == 0
	q.mu.Unlock()
	if empty {
		signal(q.idle)
	}
}

// empty reports whether everything queued was written.
func (q *outQueue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size == 0
}

// close makes later adds return err.
func (q *outQueue) close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed == nil {
		q.closed = err
	}
}

// writeLoop writes what is queued until the connection is closing. It is the only writer (invariant 2).
func (c *Conn) writeLoop() {
	var segs [][]byte
	var bufs []*[]byte
	for {
		select {
		case <-c.out.wake:
		case <-c.closing:
			return
		}
		for {
			segs, bufs = c.out.take(segs, bufs)
			if len(segs) == 0 {
				break
			}
			if err := c.writeAll(segs); err != nil {
				c.shut(err)
				return
			}
			clear(segs)
			c.out.recycle(bufs)
		}
	}
}

// writeAll writes segments, at most writeMax bytes with one deadline.
func (c *Conn) writeAll(segs [][]byte) error {
	var batch net.Buffers
	for len(segs) > 0 {
		batch = batch[:0]
		size := 0
		for len(segs) > 0 && size < writeMax {
			s := segs[0]
			if rest := writeMax - size; len(s) > rest {
				segs[0], s = s[rest:], s[:rest]
			} else {
				segs = segs[1:]
			}
			batch = append(batch, s)
			size += len(s)
		}
		if err := c.write(batch); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conn) write(batch net.Buffers) error {
	c.armWrite(time.Now())
	var n int64
	var err error
	if len(batch) == 1 {
		var k int
		k, err = c.nc.Write(batch[0])
		n = int64(k)
	} else {
		n, err = batch.WriteTo(c.nc)
	}
	c.out.wrote(n)
	c.lastWrite.Store(int64(time.Since(c.opened)))
	return err
}

// armWrite moves the write deadline when less than half of the time is left, so that few writes pay for it.
func (c *Conn) armWrite(now time.Time) {
	limit := c.o.limits.WriteTimeout
	if c.writeDeadline.Sub(now) < limit/2 {
		c.writeDeadline = now.Add(limit)
		c.nc.SetWriteDeadline(c.writeDeadline)
	}
}

// signal fills a one-slot channel; a receiver that finds it must look for itself.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
