package broker

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// consumerGroup is what the connected consumers of a group say about themselves. It is guarded by clients.mu.
type consumerGroup struct {
	name          string
	consumeType   string
	messageModel  string
	fromWhere     string
	subscriptions map[string]*subscription // by topic; replaced, never changed
	channels      map[uint64]*channel      // by connection
	fingerprint   int32                    // of the last heartbeat, 0 for V1
	heard         bool                     // there was one
}

// subscription is one topic of a group with its compiled filter. It is immutable but for behind.
type subscription struct {
	data   protocol.SubscriptionData
	filter tagFilter
	behind atomic.Int64 // when a pull first knew a newer version, ns since 1970; 0: none did
}

// behindMax is how long a pull that knows a newer subscription is refused.
const behindMax = 2 * time.Second

// stays reports whether a newer version that pulls know has not come for behindMax. Java 5.x clients change the version just when their
// periodic heartbeat is under way, more so the more members a group has, and then send it only with the next one, 30 s later.
func (s *subscription) stays(now time.Time) bool {
	since := s.behind.Load()
	if since == 0 && s.behind.CompareAndSwap(0, now.UnixNano()) {
		return false
	}
	return now.UnixNano()-s.behind.Load() >= int64(behindMax)
}

func newConsumerGroup(name string) *consumerGroup {
	return &consumerGroup{name: name, subscriptions: map[string]*subscription{}, channels: map[uint64]*channel{}}
}

const modelBroadcasting = "BROADCASTING"

func (g *consumerGroup) broadcasts() bool { return g.messageModel == modelBroadcasting }

// unsure reports whether a V2 heartbeat with this fingerprint leaves open what the client is subscribed to: the last heartbeat had
// another one, or subscriptions are left out that were never told (a member that restarted).
func (g *consumerGroup) unsure(fingerprint int32, withoutSub bool) bool {
	if withoutSub && len(g.subscriptions) == 0 {
		return true
	}
	return g.heard && g.fingerprint != fingerprint
}

// join adds or refreshes a channel and reports whether it is new.
func (g *consumerGroup) join(ch channel) (joined bool) {
	old := g.channels[ch.conn.ID()]
	g.channels[ch.conn.ID()] = &ch
	return old == nil || old.clientID != ch.clientID
}

// describe replaces the group's description by a heartbeat's and reports whether the set of topics changed. A subscription with a lower
// version than the known one is older and ignored, unless the group has no other client who could know better.
func (g *consumerGroup) describe(d *protocol.ConsumerData) (changed bool) {
	g.consumeType, g.messageModel, g.fromWhere = d.ConsumeType, d.MessageModel, d.ConsumeFromWhere
	told := make(map[string]bool, len(d.SubscriptionDataSet))
	for i := range d.SubscriptionDataSet {
		data := &d.SubscriptionDataSet[i]
		told[data.Topic] = true
		old := g.subscriptions[data.Topic]
		switch {
		case old == nil:
			changed = true
		case len(g.channels) > 1 && data.SubVersion <= old.data.SubVersion:
			continue
		}
		g.subscriptions[data.Topic] = &subscription{data: *data, filter: parseTags(data.SubString)}
	}
	for topic := range g.subscriptions {
		if !told[topic] {
			delete(g.subscriptions, topic)
			changed = true
		}
	}
	return changed
}

// groupSubscription is what a pull needs to know of a group.
type groupSubscription struct {
	known        bool // the group has a live consumer here
	broadcasting bool
	subscription *subscription // nil if it is not subscribed to the topic
}

// subscriptionOf looks up the subscription of a group to a topic.
func (c *clients) subscriptionOf(group, topic string) groupSubscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.consumers[group]
	if g == nil {
		return groupSubscription{}
	}
	return groupSubscription{known: true, broadcasting: g.broadcasts(), subscription: g.subscriptions[topic]}
}

// consumerIDs are the client ids of a group's channels; has reports whether the connection is one of them.
func (c *clients) consumerIDs(group string, conn uint64) (ids []string, has bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.consumers[group]
	if g == nil {
		return nil, false
	}
	for _, ch := range g.channels {
		ids = append(ids, ch.clientID)
	}
	slices.Sort(ids)
	return ids, g.channels[conn] != nil
}

// consumer returns the channel of a client of a group.
func (c *clients) consumer(group, clientID string) (channel, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g := c.consumers[group]; g != nil {
		for _, ch := range g.channels {
			if ch.clientID == clientID {
				return *ch, true
			}
		}
	}
	return channel{}, false
}

// consumerView is a copy of what is known of a group, for administration.
type consumerView struct {
	consumeType, messageModel, fromWhere string
	subscriptions                        map[string]*subscription
	channels                             []channel
}

func (c *clients) consumerGroup(group string) (v consumerView, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.consumers[group]
	if g == nil {
		return v, false
	}
	return consumerView{g.consumeType, g.messageModel, g.fromWhere, maps.Clone(g.subscriptions), sorted(g.channels)}, true
}

// producerGroup returns the channels of a producer group.
func (c *clients) producerGroup(group string) []channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return sorted(c.producers[group])
}

// producerGroups returns all producer groups.
func (c *clients) producerGroups() map[string][]channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string][]channel, len(c.producers))
	for group, channels := range c.producers {
		all[group] = sorted(channels)
	}
	return all
}

// groupsOfTopic are the groups with a live consumer subscribed to topic, sorted.
func (c *clients) groupsOfTopic(topic string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name, g := range c.consumers {
		if g.subscriptions[topic] != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func sorted(channels map[uint64]*channel) []channel {
	all := make([]channel, 0, len(channels))
	for _, ch := range channels {
		all = append(all, *ch)
	}
	slices.SortFunc(all, func(a, b channel) int {
		if n := strings.Compare(a.clientID, b.clientID); n != 0 {
			return n
		}
		return int(int64(a.conn.ID()) - int64(b.conn.ID()))
	})
	return all
}
