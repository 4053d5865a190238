package namesrv

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// table is everything the NameServer knows. It holds no clock, no lock and no socket: time and connection ids are
// arguments, and the Server's mutex guards it.
//
// Invariants, checked by table_property_test.go:
//  1. Within a group one address has one id and one id one address.
//  2. group.term never decreases while the group is remembered; whoever registers as id 0 has at least that term.
//  3. group.topics changes only by a registration with id 0 or by an admin request.
//  4. topics == the sum of len(group.topics).
type table struct {
	caps   Caps
	groups map[string]*group // by broker name
	names  []string          // keys of groups, sorted
	topics int
}

// group is one broker group. It is remembered after its last member has gone, so that its term outlives expiry
// (design D19) and a follower that comes back first finds the routes of the leader.
type group struct {
	name, cluster string
	groupID       string // the Raft group's UUID, "" while no member has told it
	term          int64  // highest term with which id 0 registered
	leader        string // address that registered as id 0 with term
	tableTerm     int64  // term whose leader has sent its full topic table, -1: none
	members       map[string]*member
	topics        map[string]queues
	writeWiped    bool // by code 205, until 327 or until the group is empty
	emptySince    time.Time
}

// member is one registered address of a group.
type member struct {
	addr, haAddr string
	id           int64
	term         int64
	version      version
	seen         time.Time // last 103 or 904
	timeout      time.Duration
	conn         uint64 // the connection that carried it, which owns the registration
}

// version is RocketMQ's DataVersion. Its state part is the Raft term.
type version struct{ state, timestamp, counter int64 }

// queues is what a route says about one topic on one group.
type queues struct{ read, write, perm, sysFlag int32 }

const (
	sysFlagUnit    = 1
	sysFlagUnitSub = 2
)

// scope says what the topics of a registration are.
type scope uint8

const (
	scopeUnmarked scope = iota // a broker that is not ours: topics are merged, as RocketMQ does
	scopeFull                  // all topics of the group: what is missing is gone
	scopeChanged               // only what has changed since the leader's last registration
)

// registration is one decoded request 103.
type registration struct {
	cluster, broker string
	addr, haAddr    string
	id              int64
	groupID         string
	version         version
	timeout         time.Duration
	conn            uint64
	topics          map[string]queues
	scope           scope
}

// registered is what the table answers to a registration.
type registered struct {
	leaderAddr, leaderHA string // of the live leader, "" if there is none or it is the sender
	changed              bool   // a member, an id, a term or a set of names changed
	refusedTopics        int    // new names over the caps
}

var (
	// errStale: somebody registered with a higher term. The sender has to find out its role anew.
	errStale = errors.New("a higher term has registered")
	// errConflict: the name, the id or the address belongs to somebody else. An operator has to look.
	errConflict = errors.New("held by another broker")
	// errNeedFull: changed topics came from a leader whose full table is not known. It has to send that first.
	errNeedFull = errors.New("full registration needed")
	// errFull: the caps allow no further group or member.
	errFull = errors.New("route table is full")
)

func newTable(c Caps) *table { return &table{caps: c, groups: map[string]*group{}} }

// register enters r or refuses it and changes nothing.
func (t *table) register(now time.Time, r *registration) (registered, error) {
	g := t.groups[r.broker]
	if err := t.admit(g, r); err != nil {
		return registered{}, err
	}
	if g == nil {
		g = t.addGroup(r)
	} else if g.another(r) {
		t.dropGroup(g) // a new group under the name of a dead one: its terms begin anew
		g = t.addGroup(r)
	}
	out := registered{changed: g.enter(now, r)}
	if r.id == 0 {
		added, removed, refused := t.setTopics(g, r)
		out.changed = out.changed || added+removed > 0
		out.refusedTopics = refused
	} else if l := g.byID(0); l != nil {
		out.leaderAddr, out.leaderHA = l.addr, l.haAddr
	}
	return out, nil
}

// admit decides about r without changing anything. g is nil for an unknown broker name.
func (t *table) admit(g *group, r *registration) error {
	if g == nil {
		if len(t.groups) >= t.caps.Groups {
			return fmt.Errorf("%w: %d broker groups", errFull, t.caps.Groups)
		}
		return r.admitFirst()
	}
	if err := g.admitIdentity(r); err != nil {
		return err
	}
	if g.another(r) {
		return r.admitFirst() // admitIdentity has seen that nobody of the old group lives
	}
	if err := g.admitTerm(r); err != nil {
		return err
	}
	if r.id == 0 && r.scope == scopeChanged && (g.tableTerm != r.version.state || g.members[r.addr] == nil) {
		return errNeedFull
	}
	if g.members[r.addr] == nil && g.byID(r.id) == nil && len(g.members) >= t.caps.Members {
		return fmt.Errorf("%w: %d members of %s", errFull, t.caps.Members, g.name)
	}
	return nil
}

// admitFirst refuses what must not create a group. A single topic is an incremental registration, which would leave
// the group without its other topics (RouteInfoManager#registerBroker).
func (r *registration) admitFirst() error {
	if r.scope == scopeChanged || r.scope == scopeUnmarked && len(r.topics) == 1 {
		return errNeedFull
	}
	return nil
}

// another reports whether r comes from another Raft group than the one known under its name.
func (g *group) another(r *registration) bool {
	return g.groupID != "" && r.groupID != "" && g.groupID != r.groupID
}

// admitIdentity refuses a broker of another cluster or Raft group while members of the known one live.
func (g *group) admitIdentity(r *registration) error {
	if len(g.members) == 0 {
		return nil
	}
	if g.cluster != r.cluster {
		return fmt.Errorf("%w: %s belongs to cluster %s", errConflict, g.name, g.cluster)
	}
	if g.another(r) {
		return fmt.Errorf("%w: %s is Raft group %s", errConflict, g.name, g.groupID)
	}
	return nil
}

// admitTerm lets the term decide, not the time of arrival (design D19).
func (g *group) admitTerm(r *registration) error {
	term := r.version.state
	if m := g.members[r.addr]; m != nil && m.term > term {
		return fmt.Errorf("%w: %s registered with %d, this is %d", errStale, r.addr, m.term, term)
	}
	if holder := g.byID(r.id); holder != nil && holder.addr != r.addr && holder.term > term {
		return fmt.Errorf("%w: id %d is %s with %d, this is %d", errStale, r.id, holder.addr, holder.term, term)
	}
	if r.id != 0 {
		return nil
	}
	if term < g.term {
		return fmt.Errorf("%w: leader %s with %d, this is %d", errStale, g.leader, g.term, term)
	}
	// Brokers without Raft register with term 0; there the last one wins, as in RocketMQ.
	if term == g.term && term > 0 && g.leader != r.addr {
		return fmt.Errorf("%w: %s leads term %d", errConflict, g.leader, term)
	}
	return nil
}

// enter puts the sender into the group and reports whether anything but the time changed.
func (g *group) enter(now time.Time, r *registration) (changed bool) {
	g.cluster = r.cluster
	if r.groupID != "" {
		g.groupID = r.groupID
	}
	if holder := g.byID(r.id); holder != nil && holder.addr != r.addr {
		delete(g.members, holder.addr)
		changed = true
	}
	m := g.members[r.addr]
	if m == nil {
		m = &member{addr: r.addr}
		g.members[r.addr] = m
		changed = true
	}
	changed = changed || m.id != r.id || m.term != r.version.state
	*m = member{addr: r.addr, haAddr: r.haAddr, id: r.id, term: r.version.state, version: r.version,
		seen: now, timeout: r.timeout, conn: r.conn}
	if r.id == 0 {
		g.term, g.leader = r.version.state, r.addr
	}
	return changed
}

// setTopics takes over the leader's topics. Known names always fit; of the new ones, in order, as many as the caps allow.
func (t *table) setTopics(g *group, r *registration) (added, removed, refused int) {
	if r.scope == scopeFull {
		for name := range g.topics {
			if _, ok := r.topics[name]; !ok {
				t.deleteTopic(g, name)
				removed++
			}
		}
	}
	var fresh []string
	for name, q := range r.topics {
		if _, ok := g.topics[name]; ok {
			g.topics[name] = q
		} else {
			fresh = append(fresh, name)
		}
	}
	slices.Sort(fresh)
	room := min(t.caps.TopicsPerGroup-len(g.topics), t.caps.Topics-t.topics)
	added = max(0, min(room, len(fresh)))
	for _, name := range fresh[:added] {
		g.topics[name] = r.topics[name]
	}
	t.topics += added
	if r.scope != scopeChanged {
		g.tableTerm = r.version.state
	}
	return added, removed, len(fresh) - added
}

func (t *table) deleteTopic(g *group, name string) {
	delete(g.topics, name)
	t.topics--
}

func (t *table) addGroup(r *registration) *group {
	g := &group{name: r.broker, cluster: r.cluster, tableTerm: -1, members: map[string]*member{}, topics: map[string]queues{}}
	t.groups[g.name] = g
	at, _ := slices.BinarySearch(t.names, g.name)
	t.names = slices.Insert(t.names, at, g.name)
	return g
}

func (t *table) dropGroup(g *group) {
	delete(t.groups, g.name)
	at, _ := slices.BinarySearch(t.names, g.name)
	t.names = slices.Delete(t.names, at, at+1)
	t.topics -= len(g.topics)
}

// byID returns the member with the id, or nil. A group has few members.
func (g *group) byID(id int64) *member {
	for _, m := range g.members {
		if m.id == id {
			return m
		}
	}
	return nil
}
