package netsim

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const backlog = 128 // connections that wait to be accepted

// Network is a set of hosts. The zero value is not usable; see New.
type Network struct {
	mu        sync.Mutex
	latency   time.Duration // of links made from now on
	links     map[linkKey]*link
	hosts     map[string]*Host
	listeners map[string]*listener // by "host:port"
	pairs     map[*pair]struct{}
	nextPort  int
	changed   chan struct{} // closed and replaced when a link or listener changes
}

// New returns a network without hosts whose links have DefaultLatency.
func New() *Network {
	return &Network{
		latency:   DefaultLatency,
		links:     map[linkKey]*link{},
		hosts:     map[string]*Host{},
		listeners: map[string]*listener{},
		pairs:     map[*pair]struct{}{},
		nextPort:  40000,
		changed:   make(chan struct{}),
	}
}

// Host is the network as one process on one host sees it. After Kill it is dead for good; Network.Host then gives the
// handle of the process that is started next.
type Host struct {
	net  *Network
	name string
	dead bool // net.mu
}

// Host returns the handle of the process that runs on the named host, a new one if there is none or it was killed.
func (n *Network) Host(name string) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[name]
	if h == nil || h.dead {
		h = &Host{net: n, name: name}
		n.hosts[name] = h
	}
	return h
}

// Name is the host's name.
func (h *Host) Name() string { return h.name }

// Listen listens on a port of this host: "name:port", ":port", or port 0 for any free one. Other host names are an error.
func (h *Host) Listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if host != "" && host != h.name {
		return nil, opError("listen", addr, syscall.EADDRNOTAVAIL)
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.dead {
		return nil, opError("listen", addr, net.ErrClosed)
	}
	if port == "0" {
		port = h.net.freePortLocked()
	}
	a := Addr(net.JoinHostPort(h.name, port))
	if h.net.listeners[string(a)] != nil {
		return nil, opError("listen", addr, syscall.EADDRINUSE)
	}
	l := &listener{host: h, addr: a, accept: make(chan *Conn, backlog), done: make(chan struct{})}
	h.net.listeners[string(a)] = l
	h.net.changedLocked()
	return l, nil
}

// Dial connects to "host:port". It has the signature that servers and clients take as their dialler. Across a cut it
// waits for a heal or the end of ctx; where nobody listens it fails with an error that wraps syscall.ECONNREFUSED.
func (h *Host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	to, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	for {
		conn, wait, err := h.tryDial(addr, to)
		if conn != nil || err != nil {
			return conn, err
		}
		if err := wait.until(ctx); err != nil {
			return nil, opError("dial", addr, err)
		}
	}
}

// pause is what a dial has to wait for before it tries again: a change of the network or an answer's travel time.
type pause struct {
	changed <-chan struct{}
	travel  time.Duration
}

func (w pause) until(ctx context.Context) error {
	if w.changed != nil {
		select {
		case <-w.changed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	t := time.NewTimer(w.travel)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tryDial makes one attempt. Without a connection and an error the caller waits and tries again.
func (h *Host) tryDial(addr, to string) (net.Conn, pause, error) {
	n := h.net
	n.mu.Lock()
	if h.dead {
		n.mu.Unlock()
		return nil, pause{}, opError("dial", addr, net.ErrClosed)
	}
	p := path{out: n.linkLocked(h.name, to), in: n.linkLocked(to, h.name)}
	if p.cut() {
		defer n.mu.Unlock()
		return nil, pause{changed: n.changed}, nil
	}
	l := n.listeners[addr]
	refused := l == nil || p.out.refuse.Load()
	if refused {
		n.mu.Unlock()
		time.Sleep(p.roundTrip())
		return nil, pause{}, opError("dial", addr, syscall.ECONNREFUSED)
	}
	local := Addr(net.JoinHostPort(h.name, n.freePortLocked()))
	near, far := newPair(n, p, h, l.host, local, l.addr)
	select {
	case l.accept <- far:
		n.pairs[near.pair] = struct{}{}
		n.mu.Unlock()
		time.Sleep(p.roundTrip())
		return near, pause{}, nil
	default: // a full backlog drops the request; the dialler sends it again
		n.mu.Unlock()
		return nil, pause{travel: time.Second}, nil
	}
}

// Kill ends the process: its listeners close, its connections are reset, its calls fail from now on.
func (h *Host) Kill() {
	n := h.net
	n.mu.Lock()
	h.dead = true
	for _, l := range n.listeners {
		if l.host == h {
			l.closeLocked()
		}
	}
	var mine []*pair
	for p := range n.pairs {
		if p.ends[0].host == h || p.ends[1].host == h {
			mine = append(mine, p)
		}
	}
	n.changedLocked()
	n.mu.Unlock()
	for _, p := range mine {
		p.kill(h)
	}
}

// Killed reports whether the process was killed.
func (h *Host) Killed() bool {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.dead
}

func (n *Network) freePortLocked() string {
	n.nextPort++
	return strconv.Itoa(n.nextPort)
}

func (n *Network) changedLocked() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// Addr is "host:port".
type Addr string

// Network is "netsim".
func (Addr) Network() string  { return "netsim" }
func (a Addr) String() string { return string(a) }

// asTCP lets servers that decide by the client's address do so.
func (a Addr) asTCP() net.Addr {
	if ap, err := netip.ParseAddrPort(string(a)); err == nil {
		return net.TCPAddrFromAddrPort(ap)
	}
	return a
}

type listener struct {
	host   *Host
	addr   Addr
	accept chan *Conn
	done   chan struct{}
	closed bool // host.net.mu
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.done:
		return nil, opError("accept", string(l.addr), net.ErrClosed)
	}
}

func (l *listener) Close() error {
	l.host.net.mu.Lock()
	defer l.host.net.mu.Unlock()
	if l.closed {
		return opError("close", string(l.addr), net.ErrClosed)
	}
	l.closeLocked()
	l.host.net.changedLocked()
	return nil
}

// closeLocked refuses what waits to be accepted. host.net.mu is held.
func (l *listener) closeLocked() {
	if l.closed {
		return
	}
	l.closed = true
	delete(l.host.net.listeners, string(l.addr))
	close(l.done)
	for {
		select {
		case c := <-l.accept:
			c.pair.reset()
		default:
			return
		}
	}
}

func (l *listener) Addr() net.Addr { return l.addr }

func opError(op, addr string, err error) error {
	return fmt.Errorf("netsim: %s %s: %w", op, addr, err)
}
