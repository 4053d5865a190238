package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/broker"
	"github.com/raftmq/raftmq/config"
	"github.com/raftmq/raftmq/console"
	"github.com/raftmq/raftmq/raftlog"
)

// members are the brokers of one process.
type members struct {
	process *process
	node    string
	rejoin  string // the command that brings a damaged member of this node back, "" if there is none
	all     []*broker.Broker
	groups  []*config.Broker
}

// brokers makes a member of every group of which node is a peer, on open ports. Nothing runs yet.
func (p *process) brokers(node string) (*members, error) {
	m := &members{process: p, node: node, groups: p.config.Groups(node)}
	for _, g := range m.groups {
		b, err := p.broker(g, node, len(m.groups) > 1)
		if err != nil {
			return nil, fmt.Errorf("broker %q: %w", g.Name, err)
		}
		m.all = append(m.all, b)
	}
	return m, nil
}

// broker makes one member. Where a process has several, their metrics are told apart by a label.
func (p *process) broker(g *config.Broker, node string, labelled bool) (*broker.Broker, error) {
	o, err := brokerOptions(&p.config.Config, g, node)
	if err != nil {
		return nil, err
	}
	peer := g.Peer(node)
	if o.Listener, err = p.ports.listen("client."+g.Name, g.Bind(peer.Client)); err != nil {
		return nil, err
	}
	if vip := g.VIP(peer.Client); vip != "" {
		if o.VIPListener, err = p.ports.listen("vip."+g.Name, g.Bind(vip)); err != nil {
			return nil, err
		}
	}
	if o.Raft.Listener, err = p.ports.listen("raft."+g.Name, g.Bind(peer.Raft)); err != nil {
		return nil, err
	}
	o.Logger = p.logger.Named(g.Name)
	o.Metrics = p.metrics
	if labelled {
		o.Metrics = prometheus.WrapRegistererWith(prometheus.Labels{"broker_group": g.Name}, p.metrics)
	}
	if o.FS, err = newTimedFS(o.FS, o.Dir, o.Metrics); err != nil {
		return nil, err
	}
	return broker.New(o)
}

// services are the members and what watches them.
func (m *members) services() []service {
	var all []service
	for i, b := range m.all {
		if leader := m.groups[i].Raft.PreferredLeader; leader != "" && leader != m.node {
			all = append(all, service{"preferred leader", (&preference{broker: b, leader: leader, logger: m.process.logger}).run})
		}
	}
	for i, b := range m.all {
		all = append(all, service{"broker " + b.Status().Name, func(ctx context.Context) error { return m.advise(i, b.Run(ctx)) }})
	}
	return append(all, service{"start-up", m.announce})
}

// leave returns a context that ends when the process is asked to stop and every member has left without being missed by its clients, or
// when it has to end at once. wait returns when nothing of it runs any more, after asked and atOnce have ended.
func (m *members) leave(asked, atOnce context.Context) (ctx context.Context, wait func()) {
	ctx, left := context.WithCancelCause(context.WithoutCancel(asked))
	var wg sync.WaitGroup
	wg.Go(func() {
		<-asked.Done()
		linger, cancel := context.WithTimeout(atOnce, m.process.config.Linger)
		defer cancel()
		var members sync.WaitGroup
		for _, b := range m.all {
			members.Go(func() { b.Retire(linger) })
		}
		members.Wait()
		left(context.Cause(asked))
	})
	return ctx, wg.Wait
}

// advise adds to the error of a quarantined member what to do next.
func (m *members) advise(i int, err error) error {
	if !errors.Is(err, raftlog.ErrQuarantined) {
		return err
	}
	g := m.groups[i]
	if m.rejoin == "" || len(g.Peers) < 2 {
		return fmt.Errorf("%w\nnothing was changed in %s, and this group has no other member to come back from: restore a backup, or move the directory away to start empty", err, m.process.config.MemberDir(m.node, g.Name))
	}
	command := m.rejoin
	if len(m.groups) > 1 {
		command += " --group " + g.Name
	}
	return fmt.Errorf("%w\nnothing was changed on disk; next step, while the other members serve: %s", err, command)
}

// announce logs the line that RocketMQ users look for as soon as each member has recovered, and tells systemd.
func (m *members) announce(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for pending := m.all; len(pending) > 0; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if st := pending[0].Status(); st.Recovered {
			m.process.logger.Info(fmt.Sprintf("The broker[%s, %s] boot success. serializeType=JSON and name server is %s", st.Name, st.Address, strings.Join(m.process.config.Namesrv.Addrs, ";")))
			pending = pending[1:]
		}
	}
	m.process.notifier.ready()
	<-ctx.Done()
	return nil
}

// adminOf makes the admin port of a node with its members; nameServer is the address of the one in this process, "" if none.
func (p *process) adminOf(node string, m *members, nameServer string) (service, error) {
	ln, err := p.ports.listen("admin", p.config.AdminAddress(node))
	if err != nil {
		return service{}, err
	}
	token, err := p.config.Admin.LoadToken()
	if err != nil {
		return service{}, err
	}
	o := console.Options{Listener: ln, NameServer: nameServer, Token: token, Pprof: p.config.Admin.Pprof}
	for _, b := range m.all {
		o.Brokers = append(o.Brokers, b)
	}
	o.AdminOf = func(_, node string) string { return p.config.DialAdmin(node) }
	return p.console(o), nil
}

// console makes the service of the admin port.
func (p *process) console(o console.Options) service {
	if unused := p.ports.unused(); len(unused) > 0 {
		p.logger.Warn("sockets handed down that nothing uses", "names", strings.Join(unused, " "))
	}
	o.Gatherer, o.Version, o.Logger = p.metrics, Version(), p.logger.Named("console")
	return service{"admin port", console.New(o).Run}
}

// ready reports whether a member leads, serves and is registered wherever it should be: a send would succeed.
func ready(st broker.Status) bool {
	for _, result := range st.NameServers {
		if result != "ok" {
			return false
		}
	}
	return st.BrokerID == 0 && st.Serving && len(st.NameServers) > 0
}
