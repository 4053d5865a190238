package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
)

// streams send the messages of a run in which each has one attempt, so that an attempt is a measurement. There is one stream for each
// connection and broker; a lane belongs to a connection. A stream that fails is opened again, to whoever leads then.
type streams struct {
	links    *links
	settings *Settings
	dial     func(ctx context.Context, addr string) (net.Conn, error)

	brokers []string // by index
	broker  []int    // of each queue
	lines   []line   // connection by connection, each with all brokers
	lanes   []*sending
	unique  []byte // the beginning of every message's id
	uniques atomic.Uint64

	compressor client.Compressor

	stale chan struct{} // one slot: a send failed, the route may be old
}

// line is the place of a stream.
type line struct {
	broker   string
	template *sendTemplate
	open     atomic.Pointer[stream]
}

// sending is what a lane has in flight.
type sending struct {
	lane  *lane
	queue int
	done  func(client.SendResult, error)
	f     filling
}

// reopenPause is the pause before a stream that failed is opened again.
const reopenPause = 50 * time.Millisecond

// watchPause bounds how often failures make the tool ask for the route.
const watchPause = 100 * time.Millisecond

// openStreams connects to the leaders of all brokers of the topic.
func (r *running) openStreams(ctx context.Context) (*streams, error) {
	s := &streams{links: r.links, settings: r.settings, dial: r.target.Dial, lanes: make([]*sending, r.settings.Concurrency), stale: make(chan struct{}, 1)}
	if s.dial == nil {
		d := net.Dialer{Timeout: r.settings.Timeout.Duration}
		s.dial = func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }
	}
	var ids message.UniqueIDs
	s.unique = []byte(ids.Next()[:20])
	for _, q := range r.links.queues {
		if !slices.Contains(s.brokers, q.Broker) {
			s.brokers = append(s.brokers, q.Broker)
		}
		s.broker = append(s.broker, slices.Index(s.brokers, q.Broker))
	}
	s.lines = make([]line, r.settings.Connections*len(s.brokers))
	for i := range s.lines {
		l := &s.lines[i]
		l.broker = s.brokers[i%len(s.brokers)]
		var err error
		if l.template, err = newTemplate(r.settings, l.broker); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// connect opens every stream and keeps all of them until the run ends. It returns when each has been opened once.
func (s *streams) connect(ctx context.Context, r *running) error {
	opened := make(chan error, len(s.lines))
	r.goBeside(context.WithoutCancel(ctx), func(ctx context.Context) {
		var keeping sync.WaitGroup
		for i := range s.lines {
			keeping.Go(func() { s.keep(ctx, i, opened) })
		}
		keeping.Go(func() { s.watch(ctx) })
		keeping.Wait()
	})
	for range s.lines {
		if err := <-opened; err != nil {
			return err
		}
	}
	return nil
}

// keep runs a line's stream and opens it again when it failed, until ctx ends. It tells opened about the first time.
func (s *streams) keep(ctx context.Context, i int, opened chan<- error) {
	for first := true; ctx.Err() == nil; first = false {
		st, err := s.dialLeader(ctx, i, !first)
		if err == nil {
			s.lines[i].open.Store(st)
		}
		if first {
			opened <- err
		}
		switch {
		case err == nil:
			st.run(ctx)
		case first:
			return
		}
		pause(ctx, reopenPause)
	}
}

// watch asks for the route after failures, and closes the streams to brokers that do not lead any more: one that is frozen keeps its connections.
func (s *streams) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.stale:
		}
		if route, err := s.links.clients[0].RefreshRoute(ctx, s.settings.Topic); err == nil {
			for i := range s.lines {
				st := s.lines[i].open.Load()
				if addr, ok := route.Leader(s.lines[i].broker); ok && st != nil && st.addr != addr {
					st.close(errMoved)
				}
			}
		}
		pause(ctx, watchPause)
	}
}

// dialLeader opens a stream to the leader of a line's broker; fresh asks for the route.
func (s *streams) dialLeader(ctx context.Context, i int, fresh bool) (*stream, error) {
	c, l := s.links.clients[0], &s.lines[i]
	ask := c.Route
	if fresh {
		ask = c.RefreshRoute
	}
	dialling, cancel := context.WithTimeout(ctx, s.settings.Timeout.Duration)
	defer cancel()
	route, err := ask(dialling, s.settings.Topic)
	if err != nil {
		return nil, err
	}
	addr, ok := route.Leader(l.broker)
	if !ok {
		return nil, fmt.Errorf("%w: broker %s has no leader", client.ErrNoRoute, l.broker)
	}
	conn, err := s.dial(dialling, addr)
	if err != nil {
		return nil, err
	}
	connection := i / len(s.brokers)
	lanes := (len(s.lanes) - connection + s.settings.Connections - 1) / s.settings.Connections
	return newStream(addr, conn, l.template, lanes, s.settings.Timeout.Duration, func(slot int, at offset.Queue, err error) {
		s.answered(slot*s.settings.Connections+connection, at, err)
	}), nil
}

// send sends body, which is copied, as the lane's message and calls done once.
func (s *streams) send(l *lane, body []byte, done func(client.SendResult, error)) {
	m := s.lanes[l.id]
	if m == nil {
		m = &sending{lane: l, f: filling{unique: append(slices.Clone(s.unique), make([]byte, 12)...)}}
		s.lanes[l.id] = m
	}
	m.queue, m.done = int(l.seq%int64(len(s.links.queues))), done
	l.size = int64(len(body))
	m.f.queue, m.f.born, m.f.number = s.links.queues[m.queue].ID, time.Now().UnixMilli(), l.seq
	if s.settings.Tags > 0 {
		m.f.tag = l.seq % int64(s.settings.Tags)
	}
	hex48(m.f.unique[20:], s.uniques.Add(1))
	if s.settings.compresses() {
		body = s.compressor.Compress(body)
	}
	connection := l.id % s.settings.Connections
	st := s.lines[connection*len(s.brokers)+s.broker[m.queue]].open.Load()
	if st == nil {
		done(client.SendResult{}, fmt.Errorf("%w: %w", remoting.ErrNotSent, errNoStream))
		return
	}
	if err := st.send(l.id/s.settings.Connections, &m.f, body); err != nil {
		done(client.SendResult{}, err)
	}
}

func (s *streams) answered(lane int, at offset.Queue, err error) {
	if err != nil {
		select {
		case s.stale <- struct{}{}:
		default:
		}
	}
	m := s.lanes[lane]
	m.done(client.SendResult{Queue: s.links.queues[m.queue], QueueOffset: at}, err)
}

// hex48 writes the low 48 bits of n as 12 upper-case digits.
func hex48(dst []byte, n uint64) {
	const digits = "0123456789ABCDEF"
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], n)
	for i, b := range raw[2:] {
		dst[2*i], dst[2*i+1] = digits[b>>4], digits[b&15]
	}
}
