package namesrv

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

var epoch = time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)

func testCaps() Caps {
	o := Options{}
	o.EnsureDefaults()
	return o.Caps
}

// reg builds a registration of group "g" with connection 1 and full scope.
func reg(addr string, id, term int64, topics ...string) *registration {
	r := &registration{cluster: "c", broker: "g", addr: addr, id: id, version: version{state: term},
		timeout: 10 * time.Second, conn: 1, topics: map[string]queues{}, scope: scopeFull}
	for _, name := range topics {
		r.topics[name] = queues{read: 4, write: 4, perm: 6}
	}
	return r
}

func (r *registration) with(change func(*registration)) *registration { change(r); return r }

func onConn(conn uint64) func(*registration)  { return func(r *registration) { r.conn = conn } }
func inScope(s scope) func(*registration)     { return func(r *registration) { r.scope = s } }
func ofGroup(uuid string) func(*registration) { return func(r *registration) { r.groupID = uuid } }

// shown prints the table as clients see it: "g{0:a 1:b} [topics]".
func shown(t *table) string {
	out := ""
	for _, g := range t.live("") {
		out += g.name + "{"
		for i, s := range g.slots() {
			if i > 0 {
				out += " "
			}
			out += fmt.Sprintf("%d:%s", s.id, s.addr)
		}
		out += fmt.Sprintf("} %v", slices.Sorted(maps.Keys(g.topics)))
	}
	return out
}

func TestTable(t *testing.T) {
	type step struct {
		do   func(*table) error
		err  error
		want string
	}
	at := func(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	register := func(r *registration) func(*table) error {
		return func(t *table) error { _, err := t.register(epoch, r); return err }
	}
	closed := func(conn uint64) func(*table) error {
		return func(t *table) error { t.connClosed(epoch, conn); return nil }
	}
	expired := func(seconds int) func(*table) error {
		return func(t *table) error { t.expire(at(seconds)); return nil }
	}
	unregister := func(addr string, id int64, conn uint64) func(*table) error {
		return func(t *table) error {
			if _, ok := t.unregister(epoch, "g", addr, id, conn); !ok {
				return errConflict
			}
			return nil
		}
	}
	beat := func(seconds int, addr string, id int64, conn uint64) func(*table) error {
		return func(t *table) error {
			if !t.heartbeat(at(seconds), "g", addr, id, 0, conn) {
				return errNeedFull
			}
			return nil
		}
	}

	for name, steps := range map[string][]step{
		"a group of three": {
			{register(reg("a:1", 0, 5, "T1", "T2")), nil, "g{0:a:1} [T1 T2]"},
			{register(reg("b:1", 1, 5)), nil, "g{0:a:1 1:b:1} [T1 T2]"},
			{register(reg("c:1", 2, 5, "T1")), nil, "g{0:a:1 1:b:1 2:c:1} [T1 T2]"},
		},
		"the new leader registers before the old one is gone": {
			{register(reg("a:1", 0, 5, "T")), nil, "g{0:a:1} [T]"},
			{register(reg("b:1", 1, 5)), nil, "g{0:a:1 1:b:1} [T]"},
			{register(reg("b:1", 0, 6, "T")), nil, "g{0:b:1} [T]"},
			{register(reg("a:1", 1, 6)), nil, "g{0:b:1 1:a:1} [T]"},
		},
		"a stale leader does not win against a newer one": {
			{register(reg("b:1", 0, 6, "T")), nil, "g{0:b:1} [T]"},
			{register(reg("a:1", 0, 5, "T", "Old")), errStale, "g{0:b:1} [T]"},
		},
		"a stale leader does not win even an empty slot": {
			{register(reg("b:1", 0, 6, "T").with(onConn(2))), nil, "g{0:b:1} [T]"},
			{closed(2), nil, ""},
			{register(reg("a:1", 0, 5, "T")), errStale, ""},
			{register(reg("a:1", 1, 6)), nil, "g{0:a:1} [T]"},
		},
		"a stale leader does not win after expiry": {
			{register(reg("b:1", 0, 6, "T")), nil, "g{0:b:1} [T]"},
			{expired(3600), nil, ""},
			{register(reg("a:1", 0, 5, "T")), errStale, ""},
			{register(reg("a:1", 0, 7, "T")), nil, "g{0:a:1} [T]"},
		},
		"an old registration of a member that is now a follower": {
			{register(reg("a:1", 0, 5, "T")), nil, "g{0:a:1} [T]"},
			{register(reg("a:1", 2, 6)), nil, "g{0:a:1} [T]"},
			{register(reg("a:1", 0, 5, "T")), errStale, "g{0:a:1} [T]"},
		},
		"two leaders of one term are a mistake of the operator": {
			{register(reg("a:1", 0, 5, "T")), nil, "g{0:a:1} [T]"},
			{register(reg("x:1", 0, 5, "X")), errConflict, "g{0:a:1} [T]"},
		},
		"without terms the last one wins": {
			{register(reg("a:1", 0, 0, "T", "U").with(inScope(scopeUnmarked))), nil, "g{0:a:1} [T U]"},
			{register(reg("b:1", 0, 0, "V").with(inScope(scopeUnmarked))), nil, "g{0:b:1} [T U V]"},
		},
		"one address holds one id": {
			{register(reg("a:1", 0, 5, "T")), nil, "g{0:a:1} [T]"},
			{register(reg("b:1", 1, 5)), nil, "g{0:a:1 1:b:1} [T]"},
			{register(reg("b:1", 2, 5)), nil, "g{0:a:1 2:b:1} [T]"},
		},
		"a follower takes over an id with its term": {
			{register(reg("a:1", 0, 6, "T")), nil, "g{0:a:1} [T]"},
			{register(reg("b:1", 1, 6)), nil, "g{0:a:1 1:b:1} [T]"},
			{register(reg("c:1", 1, 5)), errStale, "g{0:a:1 1:b:1} [T]"},
			{register(reg("c:1", 1, 7)), nil, "g{0:a:1 1:c:1} [T]"},
		},
		"the lowest follower is shown as 0 until a leader registers": {
			{register(reg("a:1", 0, 5, "T").with(onConn(2))), nil, "g{0:a:1} [T]"},
			{register(reg("b:1", 1, 5)), nil, "g{0:a:1 1:b:1} [T]"},
			{register(reg("c:1", 2, 5)), nil, "g{0:a:1 1:b:1 2:c:1} [T]"},
			{closed(2), nil, "g{0:b:1 2:c:1} [T]"},
			{register(reg("c:1", 0, 6, "T")), nil, "g{0:c:1 1:b:1} [T]"},
		},
		"topics come and go with the leader's full table only": {
			{register(reg("a:1", 0, 5, "T1", "T2")), nil, "g{0:a:1} [T1 T2]"},
			{register(reg("b:1", 1, 5, "Wrong")), nil, "g{0:a:1 1:b:1} [T1 T2]"},
			{register(reg("a:1", 0, 5, "T3").with(inScope(scopeChanged))), nil, "g{0:a:1 1:b:1} [T1 T2 T3]"},
			{register(reg("a:1", 0, 5, "T3").with(inScope(scopeUnmarked))), nil, "g{0:a:1 1:b:1} [T1 T2 T3]"},
			{register(reg("a:1", 0, 5, "T2", "T3")), nil, "g{0:a:1 1:b:1} [T2 T3]"},
			{register(reg("a:1", 0, 5)), nil, "g{0:a:1 1:b:1} []"},
		},
		"changed topics need a full table of the same leader and term first": {
			{register(reg("a:1", 0, 5, "T").with(inScope(scopeChanged))), errNeedFull, ""},
			{register(reg("a:1", 0, 5, "T")), nil, "g{0:a:1} [T]"},
			{register(reg("b:1", 0, 6, "U").with(inScope(scopeChanged))), errNeedFull, "g{0:a:1} [T]"},
			{register(reg("b:1", 0, 6, "T")), nil, "g{0:b:1} [T]"},
			{register(reg("b:1", 0, 6, "U").with(inScope(scopeChanged))), nil, "g{0:b:1} [T U]"},
		},
		"a single topic of an unmarked broker creates no group": {
			{register(reg("a:1", 0, 0, "T").with(inScope(scopeUnmarked))), errNeedFull, ""},
			{register(reg("a:1", 0, 0, "T", "U").with(inScope(scopeUnmarked))), nil, "g{0:a:1} [T U]"},
		},
		"a follower that comes back first finds the routes of the leader": {
			{register(reg("a:1", 0, 5, "T")), nil, "g{0:a:1} [T]"},
			{closed(1), nil, ""},
			{register(reg("b:1", 1, 5)), nil, "g{0:b:1} [T]"},
		},
		"a connection that closes late takes nothing with it": { // design section 9, interleaving 12
			{register(reg("a:1", 0, 5, "T").with(onConn(1))), nil, "g{0:a:1} [T]"},
			{register(reg("a:1", 0, 5, "T").with(onConn(2))), nil, "g{0:a:1} [T]"},
			{closed(1), nil, "g{0:a:1} [T]"},
			{closed(2), nil, ""},
		},
		"a heartbeat on a new connection owns the registration too": {
			{register(reg("a:1", 0, 5, "T").with(onConn(1))), nil, "g{0:a:1} [T]"},
			{beat(1, "a:1", 0, 2), nil, "g{0:a:1} [T]"},
			{closed(1), nil, "g{0:a:1} [T]"},
		},
		"an unregistration that arrives late removes nothing": {
			{register(reg("a:1", 0, 5, "T").with(onConn(2))), nil, "g{0:a:1} [T]"},
			{unregister("a:1", 0, 1), errConflict, "g{0:a:1} [T]"},
			{unregister("a:1", 1, 2), errConflict, "g{0:a:1} [T]"},
			{unregister("a:1", 0, 2), nil, ""},
			{unregister("a:1", 0, 2), errConflict, ""},
		},
		"expiry counts from the last registration or heartbeat": {
			{register(reg("a:1", 0, 5, "T")), nil, "g{0:a:1} [T]"},
			{expired(9), nil, "g{0:a:1} [T]"},
			{beat(9, "a:1", 0, 1), nil, "g{0:a:1} [T]"},
			{expired(18), nil, "g{0:a:1} [T]"},
			{expired(19), nil, ""},
			{beat(19, "a:1", 0, 1), errNeedFull, ""},
		},
		"a heartbeat with another id has to register": {
			{register(reg("a:1", 0, 5, "T")), nil, "g{0:a:1} [T]"},
			{beat(1, "a:1", 1, 1), errNeedFull, "g{0:a:1} [T]"},
		},
		"a new Raft group takes the name of a dead one with any term": {
			{register(reg("a:1", 0, 50, "T").with(ofGroup("old"))), nil, "g{0:a:1} [T]"},
			{register(reg("n:1", 0, 1, "N").with(ofGroup("new"))), errConflict, "g{0:a:1} [T]"},
			{closed(1), nil, ""},
			{register(reg("n:1", 0, 1, "N").with(ofGroup("new"))), nil, "g{0:n:1} [N]"},
		},
		"a name belongs to one cluster while its members live": {
			{register(reg("a:1", 0, 5, "T")), nil, "g{0:a:1} [T]"},
			{register(reg("x:1", 1, 5).with(func(r *registration) { r.cluster = "d" })), errConflict, "g{0:a:1} [T]"},
		},
		"an empty group is forgotten after a day": {
			{register(reg("a:1", 0, 5, "T")), nil, "g{0:a:1} [T]"},
			{closed(1), nil, ""},
			{expired(23 * 3600), nil, ""},
			{register(reg("a:1", 0, 4, "T")), errStale, ""},
			{expired(24 * 3600), nil, ""},
			{register(reg("a:1", 0, 4, "T")), nil, "g{0:a:1} [T]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := newTable(testCaps())
			for i, s := range steps {
				if err := s.do(table); !errors.Is(err, s.err) {
					t.Fatalf("step %d: error %v, want %v", i, err, s.err)
				}
				if got := shown(table); got != s.want {
					t.Fatalf("step %d: %s, want %s", i, got, s.want)
				}
				checkInvariants(t, table)
			}
		})
	}
}

func TestFullTableKeepsOldNames(t *testing.T) {
	table := newTable(Caps{Groups: 2, Members: 2, TopicsPerGroup: 3, Topics: 4})
	must := func(r *registration) registered {
		t.Helper()
		out, err := table.register(epoch, r)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := must(reg("a:1", 0, 1, "T1", "T2", "T3", "T4", "T5")); out.refusedTopics != 2 {
		t.Errorf("refused %d topics, want 2", out.refusedTopics)
	}
	if out := must(reg("a:1", 0, 1, "T0", "T1", "T2", "T3")); out.refusedTopics != 1 {
		t.Errorf("refused %d topics, want T0", out.refusedTopics)
	}
	if got, want := shown(table), "g{0:a:1} [T1 T2 T3]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	other := func(r *registration) { r.broker = "h" }
	if out := must(reg("b:1", 0, 1, "U1", "U2").with(other)); out.refusedTopics != 1 {
		t.Errorf("refused %d topics over all groups, want 1", out.refusedTopics)
	}
	if _, err := table.register(epoch, reg("c:1", 0, 1).with(func(r *registration) { r.broker = "i" })); !errors.Is(err, errFull) {
		t.Errorf("third group: %v, want %v", err, errFull)
	}
	must(reg("a:2", 1, 1))
	if _, err := table.register(epoch, reg("a:3", 2, 1)); !errors.Is(err, errFull) {
		t.Errorf("third member: %v, want %v", err, errFull)
	}
	must(reg("a:3", 1, 1)) // takes the place of a:2
	checkInvariants(t, table)
}

func TestWriteWipedUntilTheGroupIsEmpty(t *testing.T) {
	table := newTable(testCaps())
	perm := func() int32 {
		r := table.route("T")
		if len(r) != 1 {
			t.Fatalf("%d groups in the route", len(r))
		}
		return r[0].queues.perm
	}
	table.register(epoch, reg("a:1", 0, 1, "T", "U"))
	if n := table.wipeWrite("g", true); n != 2 || perm() != 4 {
		t.Fatalf("wiped %d topics, perm %d", n, perm())
	}
	table.register(epoch, reg("a:1", 0, 1, "T", "U"))
	if perm() != 4 {
		t.Error("a registration gave the permission back")
	}
	if table.wipeWrite("g", false); perm() != 6 {
		t.Errorf("perm %d after 327, want 6", perm())
	}
	table.wipeWrite("g", true)
	table.connClosed(epoch, 1)
	table.register(epoch, reg("a:1", 0, 1, "T", "U"))
	if perm() != 6 {
		t.Error("still wiped after the whole group came back")
	}
	if n := table.wipeWrite("unknown", true); n != 0 {
		t.Errorf("wiped %d topics of nobody", n)
	}
}

// checkInvariants checks the numbered invariants of table and what D25 says about the view.
func checkInvariants(t interface{ Fatalf(string, ...any) }, table *table) {
	topics := 0
	for name, g := range table.groups {
		topics += len(g.topics)
		ids := map[int64]string{}
		for addr, m := range g.members {
			if addr != m.addr || ids[m.id] != "" {
				t.Fatalf("group %s: id %d is %s and %s", name, m.id, m.addr, ids[m.id])
			}
			ids[m.id] = addr
			if m.id == 0 && m.term != g.term {
				t.Fatalf("group %s: leader %s has term %d, highest is %d", name, addr, m.term, g.term)
			}
		}
		slots := g.slots()
		if len(slots) != len(g.members) || len(slots) > 0 && slots[0].id != 0 {
			t.Fatalf("group %s: %d members shown as %v", name, len(g.members), slots)
		}
		for i := 1; i < len(slots); i++ {
			if slots[i].id <= slots[i-1].id {
				t.Fatalf("group %s: ids not unique in %v", name, slots)
			}
		}
	}
	if topics != table.topics || !slices.Equal(table.names, slices.Sorted(maps.Keys(table.groups))) {
		t.Fatalf("counted %d topics, table says %d; names %v", topics, table.topics, table.names)
	}
}
