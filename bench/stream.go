package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting"
)

// stream is one connection to a broker that only sends messages of one run. It costs less CPU than package client: frames are filled
// templates, answers are not decoded, and a message allocates nothing. Each slot has one message in flight, so that a slot's number in
// the opaque finds the message.
type stream struct {
	addr     string // of the broker, as the route has it
	conn     net.Conn
	template *sendTemplate
	timeout  time.Duration
	// answered is called once for each message, without a lock, by the reader or by whoever closes the stream.
	answered func(slot int, at offset.Queue, err error)
	wake     chan struct{} // one slot: there is something to write

	mu      sync.Mutex
	slots   []slot
	out     []byte // frames that the writer has not taken
	queued  int64  // bytes ever put into out
	written int64  // bytes handed to the socket
	closed  error
	// answering: the reader is at answers that came together. What their lanes send next gathers until it has done with them, and leaves in
	// one write.
	answering bool
}

// slot is the message in flight of one lane. Guarded by stream.mu.
type slot struct {
	opaque int32 // of the message in flight or the last one: generation<<slotBits | slot
	busy   bool
	sent   time.Time
	end    int64 // of its frame in the stream
}

// slotBits are the bits of an opaque that name the slot; the others count its messages, so that a late answer finds nothing.
const slotBits = 16

const streamBuffer = 64 << 10

func newStream(addr string, conn net.Conn, t *sendTemplate, slots int, timeout time.Duration, answered func(int, offset.Queue, error)) *stream {
	s := &stream{addr: addr, conn: conn, template: t, timeout: timeout, answered: answered, wake: make(chan struct{}, 1), slots: make([]slot, slots)}
	for i := range s.slots {
		s.slots[i].opaque = int32(i)
	}
	return s
}

// send queues the slot's next message; f.opaque is filled in. An error means that the stream is closed: the message was not sent, and
// answered is not called for it.
func (s *stream) send(i int, f *filling, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != nil {
		return fmt.Errorf("%w: %w", remoting.ErrNotSent, s.closed)
	}
	l := &s.slots[i]
	l.opaque = (l.opaque + 1<<slotBits) & math.MaxInt32
	f.opaque = l.opaque
	before := len(s.out)
	s.out = s.template.appendFrame(s.out, f, body)
	s.queued += int64(len(s.out) - before)
	l.busy, l.sent, l.end = true, time.Now(), s.queued
	if !s.answering {
		s.signal()
	}
	return nil
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// answers says that the reader begins or ends with answers that came together.
func (s *stream) answers(begin bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answering = begin
	if !begin && len(s.out) > 0 {
		s.signal()
	}
}

// run moves bytes until the connection fails or ctx ends, and returns when every message has been answered.
func (s *stream) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.close(ctx.Err()) })
	defer stop()
	ended := make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() { s.write(ended) })
	beside.Go(func() { s.expire(ended) })
	err := s.read()
	close(ended)
	s.close(err)
	beside.Wait()
	s.failAll(err)
	return err
}

func (s *stream) close(err error) {
	s.mu.Lock()
	if s.closed == nil {
		s.closed = err
	}
	s.mu.Unlock()
	s.conn.Close()
}

// write hands what has gathered to the socket, again and again.
func (s *stream) write(ended <-chan struct{}) {
	spare := make([]byte, 0, streamBuffer)
	for {
		select {
		case <-ended:
			return
		case <-s.wake:
		}
		s.mu.Lock()
		taken := s.out
		s.out = spare[:0]
		s.mu.Unlock()
		s.conn.SetWriteDeadline(time.Now().Add(s.timeout))
		n, err := s.conn.Write(taken)
		s.mu.Lock()
		s.written += int64(n)
		s.mu.Unlock()
		if err != nil {
			s.close(err)
			return
		}
		spare = taken
	}
}

// read takes answers until the connection fails.
func (s *stream) read() error {
	buf := make([]byte, streamBuffer)
	have := 0
	for {
		n, err := s.conn.Read(buf[have:])
		if err != nil {
			return err
		}
		have += n
		s.answers(true)
		used, err := s.completeAll(buf[:have])
		s.answers(false)
		if err != nil {
			return err
		}
		have = copy(buf, buf[used:have])
		if have == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

// completeAll takes the whole answers at the start of b and returns their size.
func (s *stream) completeAll(b []byte) (used int, err error) {
	for {
		a, size, err := readAck(b[used:])
		if size == 0 || err != nil {
			return used, err
		}
		used += size
		s.complete(a)
	}
}

// complete ends the message that an answer is for; an answer that comes too late is for none.
func (s *stream) complete(a ack) {
	i := int(a.opaque & (1<<slotBits - 1))
	s.mu.Lock()
	mine := i < len(s.slots) && s.slots[i].busy && s.slots[i].opaque == a.opaque
	if mine {
		s.slots[i].busy = false
	}
	s.mu.Unlock()
	if !mine {
		return
	}
	if a.code != 0 {
		s.answered(i, -1, &client.ResponseError{Code: a.code, Remark: a.remark, Addr: s.addr})
		return
	}
	s.answered(i, offset.Queue(a.offset), nil)
}

// expire ends messages that wait for longer than the timeout, a tenth of it late at most.
func (s *stream) expire(ended <-chan struct{}) {
	tick := time.NewTicker(max(s.timeout/10, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case now := <-tick.C:
			s.end(func(l *slot) bool { return now.Sub(l.sent) >= s.timeout }, func(slot) error { return remoting.ErrTimeout })
		}
	}
}

// failAll ends every message in flight after the connection has failed. One whose frame was not wholly handed to the socket was not sent.
func (s *stream) failAll(reason error) {
	s.end(func(*slot) bool { return true }, func(l slot) error {
		if l.end > s.written { // the writer has ended
			return fmt.Errorf("%w: %w", remoting.ErrNotSent, reason)
		}
		return fmt.Errorf("%w: %w", remoting.ErrConnClosed, reason)
	})
}

// end ends the messages in flight that which chooses.
func (s *stream) end(which func(*slot) bool, why func(slot) error) {
	var ended []int
	var copies []slot
	s.mu.Lock()
	for i := range s.slots {
		if l := &s.slots[i]; l.busy && which(l) {
			l.busy = false
			ended, copies = append(ended, i), append(copies, *l)
		}
	}
	s.mu.Unlock()
	for n, i := range ended {
		s.answered(i, -1, why(copies[n]))
	}
}

var (
	errNoStream = errors.New("no connection to the broker")
	errMoved    = errors.New("another broker leads")
)
