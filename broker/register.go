package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

const (
	// registrationExpiry is what the NameServers are told: so long after the last heartbeat this member is gone (design D19).
	registrationExpiry = 10 * time.Second
	registerTimeout    = 3 * time.Second
	notYetPause        = 100 * time.Millisecond // a lease may become valid without any other sign
	reconnectPause     = 20 * time.Millisecond  // after the end of a connection: a NameServer may close each one
	failedPause        = 100 * time.Millisecond // after a call that failed; doubled up to the heartbeat interval
	// stalledMax is how long a storage call may take before the member stops telling that it is there (design D12).
	stalledMax = time.Second
)

// errNotYet is in the status of a NameServer while the member must not register.
var errNotYet = errors.New("not registering: waiting for a leader whose lease is valid")

// errLeft is in the status of a NameServer after the member has taken itself out of the routes.
var errLeft = errors.New("unregistered: the member is stopping")

// registrar keeps this member registered at every NameServer: in full at once when the leader, the topics or the members change and each
// interval, with a light heartbeat between. Each NameServer has a goroutine of its own, so that one that hangs delays no other.
type registrar struct {
	options    *Options
	state      *state.State
	permission func() int32 // of all topics at this broker
	status     func() raftlog.Status
	leads      func() bool // this member leads, LeaderStart is applied and its lease is valid
	roles      *roles
	client     *remoting.Client
	signer     *signer
	logger     hclog.Logger
	addresses  []string
	told       *told

	mu     sync.Mutex
	wakes  []chan struct{}   // one slot for each NameServer
	states map[string]string // address → "ok" or the last error
	lastID int64             // under which it registered last, -1 if it did not
}

func newRegistrar(o *Options, st *state.State, permission func() int32, status func() raftlog.Status, leads func() bool, roles *roles, logger hclog.Logger) *registrar {
	g := &registrar{options: o, state: st, permission: permission, status: status, leads: leads, roles: roles, signer: newSigner(o.RegisterSecret), logger: logger, addresses: o.NameServers, told: newTold(len(o.NameServers)), states: map[string]string{}, lastID: -1}
	g.client = remoting.NewClient(remoting.ClientOptions{Dial: o.Dial, Language: protocol.Java, Version: protocol.Version, Logger: logger})
	for _, a := range g.addresses {
		g.wakes = append(g.wakes, make(chan struct{}, 1))
		g.states[a] = "not registered yet"
	}
	return g
}

// changed makes every NameServer be told at once. It never blocks; it is called on the Apply goroutine.
func (g *registrar) changed() {
	g.told.change()
	for _, w := range g.wakes {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// run registers until ctx ends, and unregisters then.
func (g *registrar) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { g.followRole(ctx) })
	for i := range g.addresses {
		wg.Go(func() { g.keep(ctx, i) })
	}
	wg.Wait()
	g.told.close()
	g.unregister()
	_ = g.client.Close()
	for _, addr := range g.addresses {
		g.note(addr, errLeft)
	}
}

// followRole tells of every change of the leadership, and lets go what has waited too long for a NameServer.
func (g *registrar) followRole(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		_, changed := g.roles.watch()
		select {
		case <-ctx.Done():
			return
		case <-changed:
			g.changed()
		case <-g.told.wake:
		case <-timer.C:
		}
		timer.Reset(g.told.release(time.Now()))
	}
}

// keep keeps the member registered at one NameServer. It comes back when the connection ends, because the NameServer takes the
// member out of the routes then.
func (g *registrar) keep(ctx context.Context, i int) {
	addr := g.addresses[i]
	beat := time.NewTimer(0)
	defer beat.Stop()
	var registered time.Time // zero: a full registration is due
	pause := failedPause
	for ctx.Err() == nil {
		changes := g.told.made()
		now, err := g.tell(ctx, addr, registered)
		if ctx.Err() != nil {
			return
		}
		if registered.IsZero() {
			g.told.tell(i, changes)
		}
		registered = now
		g.note(addr, err)
		var ended <-chan struct{} // of the connection
		switch {
		case err == nil:
			beat.Reset(g.options.HeartbeatInterval)
			pause, ended = failedPause, g.connection(ctx, addr)
		case errors.Is(err, errNotYet):
			beat.Reset(min(g.options.HeartbeatInterval, notYetPause))
		default:
			pause = min(g.options.HeartbeatInterval, 2*pause)
			beat.Reset(pause)
		}
		if g.await(ctx, i, beat, ended) {
			registered = time.Time{}
		}
	}
}

// await waits until the NameServer is to be told again. full: with a full registration.
func (g *registrar) await(ctx context.Context, i int, beat *time.Timer, ended <-chan struct{}) (full bool) {
	for {
		select {
		case <-ctx.Done():
			return full
		case <-g.wakes[i]:
			return true
		case <-ended:
			full, ended = true, nil
			beat.Reset(reconnectPause)
		case <-beat.C:
			return full
		}
	}
}

// connection returns what is closed when the connection over which a NameServer was told ends.
func (g *registrar) connection(ctx context.Context, addr string) <-chan struct{} {
	conn, err := g.client.Conn(ctx, addr)
	if err != nil { // it ended already
		over := make(chan struct{})
		close(over)
		return over
	}
	return conn.Done()
}

// tell registers or sends a heartbeat and returns when the member registered in full last, zero if that must be done again.
func (g *registrar) tell(ctx context.Context, addr string, registered time.Time) (time.Time, error) {
	id, term, ok := g.identity()
	if !ok {
		return time.Time{}, errNotYet
	}
	call, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	if registered.IsZero() || time.Since(registered) >= g.options.RegisterInterval {
		if err := g.register(call, addr, id, term); err != nil {
			return time.Time{}, err
		}
		return time.Now(), nil
	}
	if err := g.heartbeat(call, addr, id, term); err != nil {
		return time.Time{}, err
	}
	return registered, nil
}

// identity is the broker id and the term to register with. ok is false while the member must not register: no leader is known (a deposed
// leader would take id 0 out of the route), its lease is not valid, its LeaderStart is not applied, or its disk hangs (design D19).
func (g *registrar) identity() (id int64, term uint64, ok bool) {
	now, s := g.roles.load(), g.status()
	if s.Stalled > stalledMax || now.leader == "" || now.self && !g.leads() {
		return 0, 0, false
	}
	id = brokerID(s.Members, now.leader, s.Self)
	return id, uint64(now.term), id >= 0
}

func (g *registrar) register(ctx context.Context, addr string, id int64, term uint64) error {
	o := g.options
	body := g.body(term)
	header := protocol.RegisterBrokerHeader{
		BrokerName: o.Name, BrokerAddr: o.Advertise, ClusterName: o.Cluster, HAServerAddr: o.Advertise, BrokerID: id,
		HeartbeatTimeoutMillis: millis(registrationExpiry), BodyCRC32: protocol.BodyCRC(body),
	}
	ext := header.AppendFields(nil).Set(protocol.RegisterGroupField, g.status().UUID).Set(protocol.RegisterTopicsField, protocol.RegisterFull)
	if err := g.call(ctx, addr, protocol.CodeRegisterBroker, ext, body); err != nil {
		return err
	}
	g.mu.Lock()
	changed := g.lastID != id
	g.lastID = id
	g.mu.Unlock()
	if changed {
		g.logger.Info("registered", "nameServer", addr, "brokerId", id, "term", term)
	}
	return nil
}

// body is the topic table with the term as stateVersion, so that no leader of an older term can win an address (design D19).
func (g *registrar) body(term uint64) []byte {
	topics, version := g.state.Topics()
	configs := make([]protocol.TopicConfig, len(topics))
	for i, t := range topics {
		configs[i] = topicConfig(t)
		if p := g.permission(); p != permReadWrite {
			configs[i].Perm &= p
		}
	}
	return protocol.RegisterBrokerBody{DataVersion: dataVersion(version, term), Topics: configs}.Encode()
}

func (g *registrar) heartbeat(ctx context.Context, addr string, id int64, term uint64) error {
	o := g.options
	header := protocol.BrokerHeartbeatHeader{
		ClusterName: o.Cluster, BrokerAddr: o.Advertise, BrokerName: o.Name, BrokerID: id, HeartbeatTimeoutMillis: millis(registrationExpiry),
	}
	return g.call(ctx, addr, protocol.CodeBrokerHeartbeat, header.AppendFields(nil), nil)
}

// unregister takes the member out of the routes at its stop.
func (g *registrar) unregister() {
	g.mu.Lock()
	id := g.lastID
	g.mu.Unlock()
	if id < 0 {
		return
	}
	o := g.options
	header := protocol.BrokerIdentityHeader{BrokerName: o.Name, BrokerAddr: o.Advertise, ClusterName: o.Cluster, BrokerID: id}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, addr := range g.addresses {
		wg.Go(func() {
			if err := g.call(ctx, addr, protocol.CodeUnregisterBroker, header.AppendFields(nil), nil); err != nil {
				g.logger.Debug("not unregistered", "nameServer", addr, "error", err)
			}
		})
	}
	wg.Wait()
}

func (g *registrar) call(ctx context.Context, addr string, code int32, ext protocol.Fields, body []byte) error {
	ext = g.signer.sign(code, ext, body)
	resp, err := g.client.Invoke(ctx, addr, &remoting.Command{Code: code, Language: protocol.Java, Version: protocol.Version, Ext: ext, Body: body})
	if err != nil {
		return err
	}
	g.signer.refused(resp)
	if resp.Code != protocol.Success {
		return fmt.Errorf("name server answered %d: %s", resp.Code, clip(resp.Remark))
	}
	return nil
}

// note keeps what became of the last call for the status, and logs changes only.
func (g *registrar) note(addr string, err error) {
	text := "ok"
	if err != nil {
		text = err.Error()
	}
	g.mu.Lock()
	before := g.states[addr]
	g.states[addr] = text
	g.mu.Unlock()
	if err != nil && before == "ok" && !errors.Is(err, errNotYet) && !errors.Is(err, errLeft) {
		g.logger.Warn("name server lost", "nameServer", addr, "error", err)
	}
}

// nameServers returns address → "ok" or the last error.
func (g *registrar) nameServers() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.states)
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }
