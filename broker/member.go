package broker

import (
	"context"
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting/message"
)

// member is what a Broker has once log and state are open: the node, the state, what serves requests and what runs beside them.
type member struct {
	broker   *Broker
	state    *state.State
	node     *raftlog.Node
	group    *groupClock
	store    *storeClock
	settings *settings

	services   *services
	forward    *forwarder
	leadership *leadership
	registrar  *registrar
	replicas   *replicas
	gather     *offsetGather
	delay      *delayService
	workers    *workers
	metrics    *metrics
	collector  prometheus.Collector

	stopRegistrar func() // ends the registration and waits for it
}

// newMember makes the state machine; build does the rest when the node is open.
func newMember(b *Broker) *member {
	m := &member{broker: b, store: newStoreClock(b.options.WallClock), metrics: newMetrics()}
	m.state = state.New(state.Options{
		FS: b.options.FS, Dir: b.options.Dir, RealDir: b.options.RealDir, Logger: b.options.Logger,
		OnAppend: m.appended, OnTopics: func([]string) { m.topicsChanged() }, OnInstall: m.installed, OnSettings: m.topicsChanged,
	})
	m.settings = &settings{options: &b.live, state: m.state}
	m.group = &groupClock{applied: m.state.GroupTime}
	return m
}

func (m *member) host() netip.AddrPort { return *m.broker.host.Load() }

// leads reports whether this member leads, has begun its reign, and heard from a quorum within the lease: then what it does not know
// does not exist (invariant 4).
func (m *member) leads() bool { return m.broker.roles.load().ready && m.node.LeaseValid() }

// build makes everything that needs the open node. It starts nothing.
func (m *member) build(node *raftlog.Node) {
	b, o := m.broker, &m.broker.options
	m.node = node
	gate := b.dispatcher.gate
	delays, _ := message.ParseDelayLevels(o.DelayLevels) // checked by Options.Validate
	m.workers = newWorkers()
	m.replicas = newReplicas(node.Status)
	m.forward = newForwarder(node.OpenStream, gate, b.roles, o.ForwardBudget, b.logger)
	m.gather = newOffsetGather(node, o.OffsetInterval, m.relayOffsets)
	topics := &topicMaker{state: m.state, proposer: node, gate: gate, told: m.whenTold, settings: m.settings}
	m.registrar = newRegistrar(o, m.state, m.settings.permission, node.Status, m.leads, b.roles, b.logger)
	m.delay = &delayService{
		state: m.state, proposer: node, clock: m.store, wall: o.WallClock, levels: int32(len(delays)), wake: make(chan struct{}, 1),
		releaser: releaser{state: m.state, host: m.host, create: topics.create, logger: b.logger}, logger: b.logger, released: &m.metrics.released,
	}
	retention := &retention{
		limits: m.settings.limits,
		node:   node, state: m.state, free: m.diskFree, waiting: m.delay.oldest, wall: o.WallClock, proposer: node, logger: b.logger,
	}
	m.leadership = &leadership{
		node: node, state: m.state, roles: b.roles, store: m.store, group: m.group, topics: systemTopics(o, int32(len(delays))),
		services: []func(context.Context){m.delay.run, retention.run}, logger: b.logger,
	}
	m.services = m.serve(topics, delays)
	m.collector = newCollector(m.metrics, gauges{
		status: node.Status, connections: m.services.heartbeats.clients.count, parked: m.services.pulls.hold.parked, serving: m.serving,
		keysBehind: m.state.KeysBehind,
	})
}

// serve makes the handlers.
func (m *member) serve(topics *topicMaker, delays message.DelayLevels) *services {
	b, o := m.broker, &m.broker.options
	gate := b.dispatcher.gate
	clients := newClients(m.wantsNotices)
	pulls := &puller{
		state: m.state, topics: topics, clients: clients, offsets: m.gather, gate: gate, replicas: m.replicas, leads: m.leads,
		forward: forwardTo(b.roles, m.forward.forward), settings: m.settings, advertised: o.Advertise, workers: m.workers, metrics: m.metrics,
	}
	pulls.hold = newHold(o.PullsParkedMax, pulls.grown, pulls.look)
	queries := &queueQueries{state: m.state}
	return &services{
		sends: &sender{
			state: m.state, proposer: m.node, clock: m.store, gate: gate, topics: topics, host: m.host, added: newAddedProperties(o.Cluster),
			orderly: func(group string) bool { return m.state.HasLocks(group, m.group.now()) },
			delays:  delays, settings: m.settings, advertised: o.Advertise, metrics: m.metrics,
		},
		pulls:      pulls,
		offsets:    &offsetHandler{state: m.state, proposer: m.node, gather: m.gather, gate: gate, replicas: m.replicas, settings: m.settings},
		queries:    queries,
		views:      &views{state: m.state, workers: m.workers, leads: m.leads, forward: pulls.forward, gate: gate},
		retries:    &retries{state: m.state, proposer: m.node, clock: m.store, gate: gate, topics: topics, host: m.host, delays: delays, settings: m.settings, advertised: o.Advertise},
		heartbeats: &heartbeats{state: m.state, clients: clients, topics: topics, leads: m.leads, started: b.started},
		resets:     &resets{state: m.state, proposer: m.node, gate: gate, gather: m.gather, brokerName: o.Name, wake: pulls.hold.wake},
		locks:      newLocks(m.node, gate, o.Name, m.leads),
		topics:     &topicAdmin{state: m.state, proposer: m.node, gate: gate, clients: clients, queries: queries, metrics: m.metrics, brokerName: o.Name, fixed: systemNames(o), term: m.term, told: m.whenTold},
		groups:     &groupAdmin{state: m.state, proposer: m.node, gate: gate, term: m.term, told: m.whenTold},
		stats:      &consumerStats{state: m.state, clients: clients, queries: queries, brokerName: o.Name},
		relays:     &relays{state: m.state, clients: clients, leads: m.leads, forward: pulls.forward},
		admin:      &brokerAdmin{options: o, settings: m.settings, proposer: m.node, gate: gate, state: m.state, status: m.node.Status, metrics: m.metrics, parked: pulls.hold.parked, free: m.diskUsage, started: b.started, term: m.term},
	}
}

// start runs everything beside Raft until ctx ends.
func (m *member) start(ctx context.Context, wg *sync.WaitGroup) {
	for _, loop := range []func(context.Context){
		m.leadership.run, m.forward.run, m.gather.run, m.replicas.run, m.metrics.run, m.workers.run,
		m.services.heartbeats.clients.run, m.services.pulls.hold.run, m.followLeader,
	} {
		wg.Go(func() { loop(ctx) })
	}
	registration, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		m.registrar.run(registration)
	})
	m.stopRegistrar = func() {
		stop()
		<-done
	}
	if r := m.broker.options.Metrics; r != nil {
		if err := r.Register(m.collector); err != nil {
			m.broker.logger.Warn("metrics not registered", "error", err)
		}
	}
}

// stopped undoes what start left outside.
func (m *member) stopped() {
	if r := m.broker.options.Metrics; r != nil {
		r.Unregister(m.collector)
	}
}

// followLeader has the parked pulls answered whenever leadership moves (design D23): their clients may have to go elsewhere.
func (m *member) followLeader(ctx context.Context) {
	before, changed := m.broker.roles.watch()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		var now role
		now, changed = m.broker.roles.watch()
		if now.leader != before.leader && now.leader != "" {
			m.services.pulls.hold.release()
		}
		before = now
	}
}

// appended is called on the Apply goroutine.
func (m *member) appended(advances []state.Advance) {
	if m.services == nil {
		return // still recovering: nobody waits
	}
	m.services.pulls.hold.onAppend(advances)
	schedule := m.state.Topic(message.ScheduleTopic)
	for i := range advances {
		if schedule != nil && advances[i].Queue.Topic == schedule.ID {
			m.delay.poke()
			return
		}
	}
}

func (m *member) topicsChanged() {
	if m.registrar != nil {
		m.registrar.changed()
	}
}

// whenTold calls then when the NameServers know all topics that are here now.
func (m *member) whenTold(then func()) { m.registrar.told.after(then) }

// installed is called when an image replaced the state: what was parked may wait for queues that are gone.
func (m *member) installed() {
	if m.services != nil {
		m.services.pulls.hold.release()
		m.registrar.changed()
	}
}

// relayOffsets sends commits that this member gathered and could not propose to the leader of now, one way.
func (m *member) relayOffsets(commits []state.OffsetCommit) {
	now := m.broker.roles.load()
	if !now.known() {
		return // clients commit again within 5 s
	}
	m.forward.commits(commits, now.leader)
}

func (m *member) wantsNotices(group string) bool {
	g := m.state.Group(group)
	return g == nil || g.NotifyConsumerIDsChangedEnable
}

func (m *member) term() offset.Term { return m.broker.roles.load().term }

// diskUsage is the disk of the log; diskFree its free bytes, -1 if they cannot be told.
func (m *member) diskUsage() (total, free int64) {
	total, free, err := m.broker.options.FS.Usage(m.broker.options.Dir)
	if err != nil {
		return 0, -1
	}
	return total, free
}

func (m *member) diskFree() int64 {
	_, free := m.diskUsage()
	return free
}

// servingLag is how many committed entries a follower may lack and still count as serving.
const servingLag = 1024

// serving reports whether the member does what its role asks for: as leader its reign has begun; as follower it knows a leader and has
// applied nearly everything.
func (m *member) serving() bool {
	now := m.broker.roles.load()
	if now.self {
		return now.ready
	}
	s := m.node.Status()
	return now.known() && s.AppliedIndex+servingLag >= s.LeaderCommit
}
