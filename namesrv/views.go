package namesrv

import (
	"cmp"
	"slices"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// slot is one entry of brokerAddrs.
type slot struct {
	id   int64
	addr string
}

// slots returns the members as clients see them, by ascending id. When no id 0 is registered the lowest follower is shown
// as 0: it forwards to the leader (design D21, D25), and stock producers drop a broker without id 0.
func (g *group) slots() []slot {
	out := make([]slot, 0, len(g.members))
	for _, m := range g.members {
		out = append(out, slot{m.id, m.addr})
	}
	slices.SortFunc(out, func(a, b slot) int { return cmp.Compare(a.id, b.id) })
	if len(out) > 0 {
		out[0].id = 0
	}
	return out
}

// queuesOf returns the topic's queues with the write permission that code 205 may have taken.
func (g *group) queuesOf(topic string) (queues, bool) {
	q, ok := g.topics[topic]
	if g.writeWiped {
		q.perm &^= protocol.PermWrite
	}
	return q, ok
}

// routed is one group of a route.
type routed struct {
	group  *group
	queues queues
}

// route returns the live groups that have the topic, by name. Empty: there is no route.
func (t *table) route(topic string) []routed {
	var out []routed
	for _, name := range t.names {
		g := t.groups[name]
		if len(g.members) == 0 {
			continue
		}
		if q, ok := g.queuesOf(topic); ok {
			out = append(out, routed{g, q})
		}
	}
	return out
}

// live returns the groups with members, by name; of one cluster, or of all for "".
func (t *table) live(cluster string) []*group {
	var out []*group
	for _, name := range t.names {
		if g := t.groups[name]; len(g.members) > 0 && (cluster == "" || g.cluster == cluster) {
			out = append(out, g)
		}
	}
	return out
}

// topicNames returns the sorted topics of the live groups of a cluster ("" for all) that keep passes.
func (t *table) topicNames(cluster string, keep func(queues) bool) []string {
	seen := map[string]bool{}
	for _, g := range t.live(cluster) {
		for name, q := range g.topics {
			if keep == nil || keep(q) {
				seen[name] = true
			}
		}
	}
	out := make([]string, 0, len(seen))
	for name := range seen {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// removeTopic forgets a topic on all groups of a cluster ("" for all) until a leader registers it again.
func (t *table) removeTopic(topic, cluster string) (groups int) {
	for _, g := range t.groups {
		if _, ok := g.topics[topic]; ok && (cluster == "" || g.cluster == cluster) {
			t.deleteTopic(g, topic)
			groups++
		}
	}
	return groups
}

// addTopic enters the queues of one topic on known groups (code 217); it stops at the first group that is unknown.
func (t *table) addTopic(topic string, brokers []string, q []queues) {
	for i, name := range brokers {
		g := t.groups[name]
		if g == nil {
			return
		}
		if _, known := g.topics[topic]; !known {
			if len(g.topics) >= t.caps.TopicsPerGroup || t.topics >= t.caps.Topics {
				return
			}
			t.topics++
		}
		g.topics[topic] = q[i]
	}
}

// wipeWrite takes (code 205) or gives back (327) the write permission of a group and returns its number of topics.
// It holds over later registrations, until the group is empty: an operator drains a broker with it.
func (t *table) wipeWrite(broker string, wiped bool) (topics int) {
	g := t.groups[broker]
	if g == nil || len(g.members) == 0 {
		return 0
	}
	g.writeWiped = wiped
	return len(g.topics)
}

// registeredLeaders reports whether each named group has a leader's topic table.
func (t *table) registeredLeaders(names []string) bool {
	for _, name := range names {
		if g := t.groups[name]; g == nil || g.tableTerm < 0 {
			return false
		}
	}
	return true
}

func (t *table) members() int {
	n := 0
	for _, g := range t.groups {
		n += len(g.members)
	}
	return n
}

// versionOf returns the DataVersion of a member's last registration.
func (t *table) versionOf(broker, addr string) (version, bool) {
	if g := t.groups[broker]; g != nil {
		if m := g.members[addr]; m != nil {
			return m.version, true
		}
	}
	return version{}, false
}
