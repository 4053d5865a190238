package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting"
)

// Broker is one member of one broker group: it serves clients, takes part in the Raft group, and registers at the NameServers.
type Broker struct {
	options    Options
	live       atomic.Pointer[Options] // options as Reload left them
	logger     hclog.Logger
	roles      *roles
	dispatcher *dispatcher
	server     *remoting.Server // client ports
	peers      *remoting.Server // streams from other members
	host       atomic.Pointer[netip.AddrPort]
	started    time.Time

	streams context.Context // of the streams from other members
	node    atomic.Pointer[raftlog.Node]
	member  atomic.Pointer[member] // once log and state are open
}

// New validates o. It starts nothing.
func New(o Options) (*Broker, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	admin, err := parseAdmission(o.AdminAllow)
	if err != nil {
		return nil, err
	}
	b := &Broker{options: o, logger: o.Logger.Named("broker"), roles: newRoles()}
	b.live.Store(&b.options)
	b.dispatcher = newDispatcher(admin, o.ForwardBudget, b.roles, b.logger)
	b.server = remoting.NewServer(remoting.ServerOptions{Handler: b.dispatcher, Limits: o.Limits, Logger: b.logger, OnClose: b.connectionClosed})
	b.peers = remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(b.dispatcher.servePeer), Limits: peerLimits(o.Limits), Logger: b.logger})
	return b, nil
}

// peerLimits are those of a stream that carries the requests of all clients of another member.
func peerLimits(l remoting.Limits) remoting.Limits {
	l.InFlight = 65_536
	l.ConnInFlightSize = max(l.InFlightSize, 256<<20)
	l.ReplyQueue = 256 << 20
	l.IdleTimeout = time.Hour
	return l
}

// drainMax bounds how long the stop waits for what is under way.
const drainMax = 5 * time.Second

// Run serves until ctx ends, then stops in order: leadership handed over, requests drained, connections closed, Raft and
// stores closed. The client port serves from the start and forwards until the member has recovered (design D19).
func (b *Broker) Run(ctx context.Context) error {
	b.started = time.Now()
	if err := b.resolve(ctx); err != nil {
		return err
	}
	// Everything but Raft runs until loops is cancelled, Raft until raft is: it must outlive what proposes.
	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	raft, stopRaft := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRaft()
	b.streams = raft

	var front, background sync.WaitGroup
	serve := func(ln net.Listener) {
		if ln != nil {
			front.Go(func() { b.report("client port", b.server.Serve(loops, ln)) })
		}
	}
	serve(b.options.Listener)
	serve(b.options.VIPListener)
	background.Go(func() { b.dispatcher.gate.run(loops) })

	m, err := b.open()
	if err != nil {
		stopLoops()
		front.Wait()
		background.Wait()
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- m.node.Run(raft) }()
	clean := true
	select {
	case <-m.node.Recovered(): // at once, unless the member waits for its group to be founded or to be added
		m.start(loops, &background)
		b.member.Store(m)
		b.dispatcher.recovered.Store(&recovered{services: m.services, forward: m.forward, lease: m.node.LeaseValid})
		clean = b.until(ctx, ended)
		b.retire(m, clean)
	case <-ctx.Done():
	case err := <-ended:
		ended <- err
	}
	b.close(stopLoops, &front, &background)
	stopRaft()
	err = <-ended
	m.stopped()
	return err
}

// until waits for the end of ctx, or of Raft: then it reports false.
func (b *Broker) until(ctx context.Context, ended chan error) bool {
	select {
	case <-ctx.Done():
		return true
	case err := <-ended:
		ended <- err
		return false
	}
}

// The stop, in order. Step 0 is Retire's, which a planned stop calls first; 1 and 2 are retire's, 3 and 4 close's; Raft and the stores
// follow when Run cancels them.
//
//  0. Leadership is handed over, the member leaves the routes, and serves those who still have its address until they ask again.
//  1. A boundary is made and leadership handed over, so that the others go on at once; requests that still come are forwarded.
//  2. The member is taken out of the routes, and its parked pulls are answered.
//  3. The listeners close and what is under way is answered.
//  4. The connections close and the loops end; each answers what it still held.

func (b *Broker) retire(m *member, clean bool) {
	if clean {
		b.handOver(m)
	}
	m.stopRegistrar()
	b.dispatcher.draining.Store(true)
	m.services.pulls.hold.close()
}

func (b *Broker) close(stopLoops func(), front, background *sync.WaitGroup) {
	drain, cancel := context.WithTimeout(context.Background(), drainMax)
	defer cancel()
	b.server.Drain(drain)
	stopLoops()
	front.Wait()
	background.Wait()
}

// open recovers log and state.
func (b *Broker) open() (*member, error) {
	m := newMember(b)
	o := b.options.Raft
	o.FS, o.Dir, o.RealDir = b.options.FS, b.options.Dir, b.options.RealDir
	o.Group, o.Name, o.Logger = b.options.Name, b.options.Node, b.options.Logger
	o.Applier, o.GroupTime, o.OnStream = timedApplier{m.state, m.metrics.applyLatency}, m.group.now, b.stream
	node, err := raftlog.Open(o)
	if err != nil {
		return nil, fmt.Errorf("broker %s: %w", b.options.Name, err)
	}
	b.node.Store(node)
	m.build(node)
	return m, nil
}

// stream serves a stream that another member opened to forward requests.
func (b *Broker) stream(from raftlog.ServerID, conn net.Conn) {
	if err := b.peers.ServeConn(b.streams, conn); err != nil {
		b.logger.Debug("stream from member ended", "member", from, "error", err)
	}
}

func (b *Broker) connectionClosed(c *remoting.Conn) {
	if m := b.member.Load(); m != nil {
		if !b.dispatcher.draining.Load() {
			m.services.locks.closed(c.ID()) // before the others of the group hear of it and ask for them
		}
		m.services.heartbeats.clients.closed(c.ID())
		m.services.pulls.hold.forget(c.ID())
	}
}

// resolve finds the address that message ids carry: clients connect to what is in them.
func (b *Broker) resolve(ctx context.Context) error {
	if addr, err := netip.ParseAddrPort(b.options.Advertise); err == nil {
		b.host.Store(&addr)
		return nil
	}
	host, port, err := net.SplitHostPort(b.options.Advertise)
	if err != nil {
		return err
	}
	lookup, cancel := context.WithTimeout(ctx, drainMax)
	defer cancel()
	number, err := net.DefaultResolver.LookupPort(lookup, "tcp", port)
	if err != nil {
		return fmt.Errorf("advertised address %s: %w", b.options.Advertise, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(lookup, "ip", host)
	if err != nil || len(ips) == 0 {
		return fmt.Errorf("advertised address %s does not resolve: %w", b.options.Advertise, err)
	}
	addr := netip.AddrPortFrom(preferIPv4(ips), uint16(number))
	b.host.Store(&addr)
	return nil
}

// preferIPv4 picks the address that every client can read in a message id.
func preferIPv4(ips []netip.Addr) netip.Addr {
	for _, ip := range ips {
		if ip.Unmap().Is4() {
			return ip.Unmap()
		}
	}
	return ips[0]
}

func (b *Broker) report(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, net.ErrClosed) {
		b.logger.Error(what+" ended", "error", err)
	}
}

// Node returns the group member for administration; nil until its log is open.
func (b *Broker) Node() *raftlog.Node { return b.node.Load() }

// State returns the state machine for administration; nil until it has recovered.
func (b *Broker) State() *state.State {
	if m := b.member.Load(); m != nil {
		return m.state
	}
	return nil
}

// errStarting: the member has not recovered yet.
var errStarting = errors.New("the broker is starting")

// Boundary proposes a boundary and returns its index once applied. Only the leader can; others return raftlog.ErrNotLeader.
func (b *Broker) Boundary(ctx context.Context) (offset.Index, error) {
	m := b.member.Load()
	if m == nil {
		return 0, errStarting
	}
	if _, err := proposeAndWait(ctx, m.node.ProposeReserved, state.AppendBoundary(nil), 1); err != nil {
		return 0, err
	}
	boundaries := m.state.Boundaries()
	if len(boundaries) == 0 {
		return 0, errors.New("the boundary is not among the retained ones")
	}
	return boundaries[len(boundaries)-1].Index, nil
}
