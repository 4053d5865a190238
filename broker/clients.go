package broker

import (
	"context"
	"sync"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

const (
	clientExpiry       = 120 * time.Second // without a heartbeat (ClientHousekeepingService)
	clientScanInterval = 10 * time.Second
)

// channel is a client's connection as a member of a group.
type channel struct {
	conn     *remoting.Conn
	clientID string
	language protocol.Language
	version  int32
	seen     time.Time // of the last heartbeat
}

// clients knows which producers and consumers are connected to this member. It is filled by heartbeats and lost with the process; consumers
// send heartbeats to every member, so a new leader knows them already.
type clients struct {
	// notices reports whether the consumers of a group want to be told of changes.
	notices func(group string) bool

	mu        sync.Mutex
	producers map[string]map[uint64]*channel // by group and connection
	consumers map[string]*consumerGroup
	groups    map[uint64]*groupsOf // by connection
}

// groupsOf are the groups that a connection belongs to.
type groupsOf struct{ producers, consumers map[string]bool }

func newClients(notices func(group string) bool) *clients {
	return &clients{notices: notices, producers: map[string]map[uint64]*channel{}, consumers: map[string]*consumerGroup{}, groups: map[uint64]*groupsOf{}}
}

// heartbeat records what a client says about itself. changed is what a V2 heartbeat is answered in IS_SUB_CHANGE: the client must send
// its subscriptions in full next time (behaviours.md section 10.1).
func (c *clients) heartbeat(ch channel, h *protocol.HeartbeatData) (changed bool) {
	var notices []notice
	c.mu.Lock()
	for i := range h.ProducerDataSet {
		c.produceLocked(ch, h.ProducerDataSet[i].GroupName)
	}
	for i := range h.ConsumerDataSet {
		joined, unsure := c.consumeLocked(ch, &h.ConsumerDataSet[i], h.HeartbeatFingerprint, h.WithoutSub)
		changed = changed || unsure
		if joined {
			notices = append(notices, c.noticeLocked(h.ConsumerDataSet[i].GroupName))
		}
	}
	c.mu.Unlock()
	c.send(notices)
	return changed
}

func (c *clients) produceLocked(ch channel, group string) {
	channels := c.producers[group]
	if channels == nil {
		channels = map[uint64]*channel{}
		c.producers[group] = channels
	}
	channels[ch.conn.ID()] = &ch
	c.groupsLocked(ch.conn.ID()).producers[group] = true
}

func (c *clients) consumeLocked(ch channel, d *protocol.ConsumerData, fingerprint int32, withoutSub bool) (joined, unsure bool) {
	g := c.consumers[d.GroupName]
	if g == nil {
		g = newConsumerGroup(d.GroupName)
		c.consumers[d.GroupName] = g
	}
	unsure = g.unsure(fingerprint, withoutSub)
	g.fingerprint, g.heard = fingerprint, true
	joined = g.join(ch)
	if !withoutSub {
		joined = g.describe(d) || joined
	}
	c.groupsLocked(ch.conn.ID()).consumers[d.GroupName] = true
	return joined, unsure
}

func (c *clients) groupsLocked(conn uint64) *groupsOf {
	g := c.groups[conn]
	if g == nil {
		g = &groupsOf{map[string]bool{}, map[string]bool{}}
		c.groups[conn] = g
	}
	return g
}

// unregister removes a client from a producer and a consumer group; empty names are none.
func (c *clients) unregister(conn uint64, producerGroup, consumerGroup string) {
	c.mu.Lock()
	c.leaveProducersLocked(conn, producerGroup)
	left := c.leaveConsumersLocked(conn, consumerGroup)
	c.mu.Unlock()
	c.send(left)
}

// closed removes a connection from all its groups.
func (c *clients) closed(conn uint64) {
	var notices []notice
	c.mu.Lock()
	if of := c.groups[conn]; of != nil {
		for group := range of.producers {
			c.leaveProducersLocked(conn, group)
		}
		for group := range of.consumers {
			notices = append(notices, c.leaveConsumersLocked(conn, group)...)
		}
		delete(c.groups, conn)
	}
	c.mu.Unlock()
	c.send(notices)
}

func (c *clients) leaveProducersLocked(conn uint64, group string) {
	channels := c.producers[group]
	delete(channels, conn)
	if channels != nil && len(channels) == 0 {
		delete(c.producers, group)
	}
	if of := c.groups[conn]; of != nil {
		delete(of.producers, group)
	}
}

func (c *clients) leaveConsumersLocked(conn uint64, group string) []notice {
	g := c.consumers[group]
	if g == nil || g.channels[conn] == nil {
		return nil
	}
	delete(g.channels, conn)
	if of := c.groups[conn]; of != nil {
		delete(of.consumers, group)
	}
	if len(g.channels) == 0 {
		delete(c.consumers, group)
		return nil
	}
	return []notice{c.noticeLocked(group)}
}

// count is the number of connections that sent a heartbeat.
func (c *clients) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.groups)
}

// run removes clients that were not heard from for clientExpiry, until ctx ends.
func (c *clients) run(ctx context.Context) {
	tick := time.NewTicker(clientScanInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.expire(time.Now())
		}
	}
}

func (c *clients) expire(now time.Time) {
	var notices []notice
	c.mu.Lock()
	for group, channels := range c.producers {
		for conn, ch := range channels {
			if now.Sub(ch.seen) > clientExpiry {
				c.leaveProducersLocked(conn, group)
			}
		}
	}
	for group, g := range c.consumers {
		for conn, ch := range g.channels {
			if now.Sub(ch.seen) > clientExpiry {
				notices = append(notices, c.leaveConsumersLocked(conn, group)...)
			}
		}
	}
	c.mu.Unlock()
	c.send(notices)
}

// notice is a NOTIFY_CONSUMER_IDS_CHANGED to send once the lock is released.
type notice struct {
	group string
	to    []*remoting.Conn
}

// noticeLocked addresses a notice to every channel of the group; to none if the group broadcasts.
func (c *clients) noticeLocked(group string) notice {
	g := c.consumers[group]
	if g == nil || g.broadcasts() {
		return notice{}
	}
	n := notice{group: group}
	for _, ch := range g.channels {
		n.to = append(n.to, ch.conn)
	}
	return n
}

func (c *clients) send(notices []notice) {
	for _, n := range notices {
		if len(n.to) == 0 || !c.notices(n.group) {
			continue
		}
		for _, conn := range n.to {
			// Lost if the connection is going: its client rebalances by itself every 20 s.
			_ = conn.Oneway(&remoting.Command{
				Code: protocol.CodeNotifyConsumerIDsChanged, Flag: remoting.FlagOneway, Language: protocol.Java, Version: protocol.Version,
				Ext: protocol.Fields{{Key: "consumerGroup", Value: n.group}},
			})
		}
	}
}
