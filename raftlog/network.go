package raftlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	acceptPause = 50 * time.Millisecond // after a failed accept, for instance without file descriptors
)

// network is every connection of a member: one listener, outgoing connections by peer and purpose, and what serves the
// incoming ones. It outlives the raft instances within a Node.
type network struct {
	opts     *Options
	dir      *directory
	book     *addressBook
	logger   hclog.Logger
	current  atomic.Pointer[transport]       // of the running raft instance; nil while there is none
	handlers [purposes]func(*link)           // set before serve; each returns when the connection is done
	onBroken func(from ServerID, run uint64) // a heartbeat or append connection of another member's process ended
	self     func() standing                 // what this process says of itself
	disowned func(error)                     // another member refuses this process for good

	ctx    context.Context // ends with close
	cancel context.CancelFunc
	wg     sync.WaitGroup // every goroutine of a connection

	greetings greetings

	mu        sync.Mutex
	links     map[*link]struct{}
	peers     map[ServerID]*peer
	suspended bool
	closed    bool
}

func newNetwork(o *Options, dir *directory) *network {
	n := &network{
		opts: o, dir: dir, book: &addressBook{opts: o, dir: dir}, logger: o.Logger.Named("transport"),
		links: map[*link]struct{}{}, peers: map[ServerID]*peer{},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n
}

// peer returns what is known of a member.
func (n *network) peer(id ServerID) *peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.peers[id]
	if p == nil {
		p = &peer{id: id}
		n.peers[id] = p
	}
	return p
}

// dial connects to a member and proves and checks identities. It tries each known address.
func (n *network) dial(ctx context.Context, id ServerID, pur purpose) (*link, error) {
	p := n.peer(id)
	addrs := n.book.candidates(id, p.address())
	if len(addrs) == 0 {
		return nil, fmt.Errorf("no address is known for %s", id)
	}
	var errs []error
	for _, addr := range addrs {
		l, err := n.dialAddress(ctx, addr, id, pur)
		if err == nil {
			p.reachedAt(addr)
			return l, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// dialAddress connects to addr and expects the member to there: an id, or just a name for the purpose bootstrap.
func (n *network) dialAddress(ctx context.Context, addr string, to ServerID, pur purpose) (*link, error) {
	if n.refuses(pur) {
		return nil, fmt.Errorf("%s not dialled: %w", to, errUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := n.opts.Dial(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("%s at %s: %w", to, addr, err)
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	other, err := greet(conn, n.opts.Secret, n.helloTo(to, pur))
	if !stop() && err == nil {
		err = ctx.Err()
	}
	switch {
	case errors.Is(err, errForgot), errors.Is(err, errTwin):
		n.disowned(err)
	case err == nil && other.id != to && (pur != purposeBootstrap || other.id.Name() != to.Name()):
		err = fmt.Errorf("%s answers: %w", other.id, errWrongMember)
	case err == nil && pur != purposeBootstrap:
		err = n.acquaint(to, other.standing, false)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s at %s: %w", to, addr, err)
	}
	conn.SetDeadline(time.Time{})
	l := newLink(n, conn, other.id, pur, true)
	l.run = other.run
	return n.admit(l)
}

// helloTo is what this process says first to another member.
func (n *network) helloTo(to ServerID, pur purpose) hello {
	id := n.dir.identity()
	return hello{purpose: pur, uuid: id.group(), group: n.opts.Group, from: id.serverID(), to: to, address: n.book.own(), standing: n.self()}
}

// admit registers a connection, unless the network no longer takes it.
func (n *network) admit(l *link) (*link, error) {
	n.mu.Lock()
	refused := n.closed || n.suspended && l.purpose.raft()
	if !refused {
		n.links[l] = struct{}{}
	}
	n.mu.Unlock()
	if refused {
		l.Close()
		return nil, errUnavailable
	}
	return l, nil
}

func (n *network) forget(l *link) {
	n.mu.Lock()
	delete(n.links, l)
	p := n.peers[l.from]
	n.mu.Unlock()
	if p != nil && l.outbound {
		p.drop(l)
	}
}

// refuses reports whether connections of this purpose are not made or served now.
func (n *network) refuses(pur purpose) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed || n.suspended && pur.raft()
}

// refusedDial dials without a handshake and reports whether nobody listens at any address of the member: its process is
// dead, while the host and the network answer. A connection that is accepted and then breaks is tried again, because a
// dying process closes its connections before its listener or after it.
func (n *network) refusedDial(id ServerID) bool {
	for range 5 {
		switch n.probeProcess(id) {
		case processDead:
			return true
		case processUnknown:
			return false
		}
	}
	return false
}

// restarted reports whether the member answers, and by another process than run. It waits for a process that is just starting, but no
// longer than raft's timers do.
func (n *network) restarted(id ServerID, run uint64) bool {
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.HeartbeatTimeout)
	defer cancel()
	for _, addr := range n.book.candidates(id, n.peer(id).address()) {
		if now, err := n.runAt(ctx, addr, id); err == nil {
			return now != run
		}
	}
	return false
}

type processState int

const (
	processUnknown processState = iota
	processDead
	processDying
)

func (n *network) probeProcess(id ServerID) processState {
	state := processUnknown
	addrs := n.book.candidates(id, n.peer(id).address())
	if good := n.peer(id).address(); good != "" {
		addrs = []string{good} // where it answered as itself, not where it might be
	}
	for _, addr := range addrs {
		ctx, cancel := context.WithTimeout(n.ctx, n.opts.HeartbeatTimeout/2)
		conn, err := n.opts.Dial(ctx, addr)
		cancel()
		switch {
		case err == nil:
			// The listener of a living process waits for our hello; a dying one closes.
			conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			_, err := conn.Read(make([]byte, 1))
			conn.Close()
			if timedOut(err) {
				return processUnknown
			}
			return processDying
		case refused(err):
			state = processDead
		default:
			return processUnknown
		}
	}
	return state
}

func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, ErrRefused)
}

func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// breakAppends ends the append connections to a member whose heartbeats fail, so that what waits on them is freed.
func (n *network) breakAppends(id ServerID) {
	n.closeLinks(func(l *link) bool { return l.outbound && l.purpose == purposeAppend && l.from == id })
}

// suspend stops the Raft traffic in both directions, or lets it go on (design D12).
func (n *network) suspend(on bool) {
	n.mu.Lock()
	n.suspended = on
	n.mu.Unlock()
	if on {
		n.closeLinks(func(l *link) bool { return l.purpose.raft() })
	}
}

func (n *network) closeLinks(match func(*link) bool) {
	n.mu.Lock()
	var hit []*link
	for l := range n.links {
		if match(l) {
			hit = append(hit, l)
		}
	}
	n.mu.Unlock()
	for _, l := range hit {
		l.Close()
	}
}

// close ends the listener and every connection, and returns when their goroutines have.
func (n *network) close() {
	n.shut()
	n.wg.Wait()
}

// shut is close without waiting.
func (n *network) shut() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.cancel()
	n.opts.Listener.Close()
	n.closeLinks(func(*link) bool { return true })
}
