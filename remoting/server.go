package remoting

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// ErrServerClosed: the server drains or has drained; it takes no more connections.
var ErrServerClosed = errors.New("server closed")

// ServerOptions configure a Server.
type ServerOptions struct {
	Handler Handler // nil answers code 3
	Limits  Limits
	Logger  hclog.Logger
	// OnOpen is called once for each connection before it is read.
	OnOpen func(c *Conn)
	// OnClose is called once for each connection after it closed.
	OnClose func(c *Conn)
	// Version is announced in every response (remoting.md 2.7). Default protocol.Version.
	Version int32
}

// Server accepts connections on any number of listeners and hands requests to its Handler.
type Server struct {
	o shared

	mu        sync.Mutex
	draining  bool
	listeners map[net.Listener]struct{}
	conns     map[*Conn]netip.Addr // by the address that it counts for
	perHost   map[netip.Addr]int
}

// NewServer starts nothing.
func NewServer(o ServerOptions) *Server {
	limits := o.Limits.withDefaults(serverIdleTimeout)
	s := &Server{
		o: shared{handler: o.Handler, limits: limits, language: protocol.Java, version: o.Version, stats: &Stats{},
			log: newEventLog(o.Logger), budget: newBudget(limits.InFlightSize), pool: newBufferPool(), requests: &sync.Pool{}, onOpen: o.OnOpen,
			onClose: o.OnClose},
		listeners: map[net.Listener]struct{}{}, conns: map[*Conn]netip.Addr{}, perHost: map[netip.Addr]int{},
	}
	if s.o.version == 0 {
		s.o.version = protocol.Version
	}
	if s.o.handler == nil {
		s.o.handler = HandlerFunc(notSupported)
	}
	return s
}

// Stats are the server's counters; they keep counting.
func (s *Server) Stats() *Stats { return s.o.stats }

// Serve accepts connections until ctx ends, the server drains, or the listener fails; it returns after all its connections
// closed. The listener is closed then. The error is nil after ctx or Drain.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if !s.addListener(ln) {
		ln.Close()
		return ErrServerClosed
	}
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	var conns sync.WaitGroup
	err := s.accept(ctx, ln, func(nc net.Conn) {
		conns.Go(func() { s.serve(ctx, nc, hostOf(nc)) })
	})
	s.removeListener(ln)
	conns.Wait()
	return err
}

// accept runs the accept loop. Errors that may pass, such as too many open files, are waited out, longer each time.
func (s *Server) accept(ctx context.Context, ln net.Listener, start func(net.Conn)) error {
	const backoffMin, backoffMax = 5 * time.Millisecond, time.Second
	backoff := backoffMin
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			backoff = backoffMin
			s.o.stats.Accepted.Add(1)
			start(nc)
			continue
		case ctx.Err() != nil || s.isDraining():
			return nil
		case errors.Is(err, net.ErrClosed) || !temporary(err):
			return fmt.Errorf("accept on %s: %w", ln.Addr(), err)
		}
		s.o.log.warn("cannot accept connections", "error", err, "retryIn", backoff.String())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, backoffMax)
	}
}

// temporary reports whether an Accept error may pass by itself; net marks those, and only those, with Temporary.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// ServeConn serves one ready connection (a forwarding stream) until it closes, ctx ends, or the server has drained.
// It does not count against the limits of connections. The error is why it closed, nil after ctx.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) error {
	return s.serve(ctx, nc, netip.Addr{})
}

func (s *Server) serve(ctx context.Context, nc net.Conn, host netip.Addr) error {
	c := newConn(nc, &s.o)
	if err := s.addConn(c, host); err != nil {
		nc.Close()
		s.o.stats.Refused.Add(1)
		s.o.log.warn("connection refused", "remote", c.RemoteAddr().String(), "reason", err)
		return err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	c.run()
	s.removeConn(c)
	if !stop() {
		return nil
	}
	return c.reason
}

// addConn admits a connection. A host that is not valid or is loopback has no limit of its own; a connection without
// host counts against nothing.
func (s *Server) addConn(c *Conn, host netip.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining:
		return ErrServerClosed
	case host.IsValid() && len(s.conns) >= s.o.limits.Connections:
		return fmt.Errorf("%d connections are open", len(s.conns))
	case host.IsValid() && !host.IsLoopback() && s.perHost[host] >= s.o.limits.ConnectionsPerHost:
		return fmt.Errorf("%d connections from this address are open", s.perHost[host])
	}
	s.conns[c] = host
	s.perHost[host]++
	return nil
}

func (s *Server) removeConn(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	host := s.conns[c]
	delete(s.conns, c)
	if s.perHost[host]--; s.perHost[host] == 0 {
		delete(s.perHost, host)
	}
}

// addListener reports false when the server drains.
func (s *Server) addListener(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.listeners[ln] = struct{}{}
	}
	return !s.draining
}

func (s *Server) removeListener(ln net.Listener) {
	ln.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

func (s *Server) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// Drain ends the server in order: 1 listeners close, so that clients dial elsewhere; 2 connections are read no more;
// 3 each is closed when everything it had asked was answered and written, 4 or when ctx ends. It returns when all are
// closed. Who parks requests must release them at the same time, or they last until ctx ends. Calls after the first wait
// likewise.
func (s *Server) Drain(ctx context.Context) {
	s.mu.Lock()
	s.draining = true
	for ln := range s.listeners {
		ln.Close()
	}
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.drain()
	}
	for _, c := range conns {
		select {
		case <-c.done:
		case <-ctx.Done():
			c.Close()
			<-c.done
		}
	}
}

// hostOf is the address that an accepted connection counts for; the zero IPv4 address if it is not TCP.
func hostOf(nc net.Conn) netip.Addr {
	if a := addrPort(nc.RemoteAddr()); a.IsValid() {
		return a.Addr()
	}
	return netip.IPv4Unspecified()
}
