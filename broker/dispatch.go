package broker

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// dispatcher is the remoting.Handler of the client port and of the streams between members. It decides from the table of rules who serves
// a request: this member now, the leader, or this member later.
type dispatcher struct {
	rules  map[int32]*rule
	admin  atomic.Pointer[admission]
	budget time.Duration
	roles  *roles
	gate   *gate
	logger hclog.Logger
	// recovered is nil until log and state are open.
	recovered atomic.Pointer[recovered]
	draining  atomic.Bool // the member is being stopped
}

// recovered is what requests are served with once log and state are open.
type recovered struct {
	services *services
	forward  *forwarder
	lease    func() bool // this member, if it leads, heard from a quorum within the lease
}

func newDispatcher(admin admission, budget time.Duration, roles *roles, logger hclog.Logger) *dispatcher {
	d := &dispatcher{rules: ruleTable(), budget: budget, roles: roles, logger: logger}
	d.admin.Store(&admin)
	d.gate = newGate(roles, d.serve)
	return d
}

// Serve is called for each request of a client.
func (d *dispatcher) Serve(r *remoting.Request) {
	d.accept(&request{Request: r, client: r.Conn.RemoteAddr()})
}

// servePeer is called for each request that another member forwarded.
func (d *dispatcher) servePeer(r *remoting.Request) {
	d.accept(&request{Request: r, client: takeClient(r), forwarded: true})
}

func (d *dispatcher) accept(r *request) {
	r.deadline = time.Now().Add(d.budget)
	r.rule = d.rules[r.Code]
	if r.rule == nil {
		r.fail(refuse(errNotSupported, "%s", protocol.RemarkNotSupported(r.Code)))
		return
	}
	if d.draining.Load() && r.Version > protocol.VersionGoAway {
		r.answer(protocol.GoAway, protocol.RemarkGoAway, nil, nil)
		return
	}
	if r.rule.class == protocol.Admin && !d.admin.Load().allows(r.client) {
		d.logger.Warn("admin request refused", "code", r.Code, "client", r.client.String())
		r.fail(refuse(errNoPermission, "request type %d is served to loopback only; admin.allow of the broker opens it to a network", r.Code))
		return
	}
	d.serve(r)
}

// serve serves r here, hands it to the leader, or keeps it in the gate.
//
//	                  leader, ready    follower, leader known   no leader
//	served anywhere   here             here                     here
//	leader's          here             forward                  wait
//	leader's, forwarded once already   refuse: not here         refuse: not here
func (d *dispatcher) serve(r *request) {
	m := d.recovered.Load()
	if m == nil {
		d.gate.park(r, refuse(errUnavailable, "the broker is starting"))
		return
	}
	now := d.roles.load()
	switch {
	case r.rule.follower == followerServes:
		d.handle(m, r)
	case now.ready && (!r.rule.lease || m.lease()):
		d.handle(m, r)
	case r.forwarded && !now.self:
		r.fail(errNotHere)
	case now.known() && !r.forwarded:
		m.forward.forward(r, now.leader)
	default:
		d.gate.park(r, errNoLeader)
	}
}

func (d *dispatcher) handle(m *recovered, r *request) {
	if err := r.rule.handle(m.services, r); err != nil {
		d.gate.settle(r, err)
	}
}

// admission says which clients may send requests of the admin class: those on loopback and those of the configured networks (design D26).
type admission []netip.Prefix

func parseAdmission(networks []string) (admission, error) {
	var a admission
	for _, n := range networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return nil, err
		}
		a = append(a, p)
	}
	return a, nil
}

// allows reports whether client may administrate. An unknown address may not.
func (a admission) allows(client netip.AddrPort) bool {
	addr := client.Addr().Unmap()
	if addr.IsLoopback() {
		return true
	}
	for _, p := range a {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
