package broker

import (
	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Subscription groups: 200 UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, 225 its list, 207 DELETE_SUBSCRIPTIONGROUP,
// 201 GET_ALL_SUBSCRIPTIONGROUP_CONFIG, 352 GET_SUBSCRIPTIONGROUP_CONFIG.
//
// Source: AdminBrokerProcessor; codes.md section 7.2. Difference: a group's retry topic changes with its retryQueueNums, in one entry.

// groupAdmin serves the administration of subscription groups.
type groupAdmin struct {
	state    *state.State
	proposer proposer
	gate     *gate
	term     func() offset.Term
	told     func(then func()) // calls when the NameServers know all topics
}

func (a *groupAdmin) update(r *request) error {
	var c protocol.SubscriptionGroupConfig
	if err := c.Decode(r.Body); err != nil {
		return refuse(errSystem, "request does not decode: %s", err)
	}
	return a.put(r, []protocol.SubscriptionGroupConfig{c})
}

func (a *groupAdmin) updateList(r *request) error {
	var body protocol.SubscriptionGroupList
	if err := body.Decode(r.Body); err != nil {
		return refuse(errSystem, "request does not decode: %s", err)
	}
	list := body.GroupConfigList
	if len(list) > listMax {
		return refuse(errBadParameter, "%d groups in one list, at most %d", len(list), listMax)
	}
	if len(list) == 0 {
		r.succeed(nil, nil)
		return nil
	}
	return a.put(r, list)
}

func (a *groupAdmin) put(r *request, configs []protocol.SubscriptionGroupConfig) error {
	var subs []byte
	count := 0
	for i := range configs {
		c := &configs[i]
		if err := validateGroup(c); err != nil {
			return err
		}
		g := groupOf(c)
		subs = state.AppendPutGroup(subs, g, false)
		count++
		if t, differs := a.retryTopicOf(&g); differs {
			subs = state.AppendPutTopic(subs, t, false)
			count++
		}
	}
	return a.proposer.Propose(subs, count, &answer{r: r, gate: a.gate, told: a.told})
}

func validateGroup(c *protocol.SubscriptionGroupConfig) error {
	if err := message.ValidateGroup(c.GroupName); err != nil {
		return refuse(errBadParameter, "%s", err)
	}
	switch {
	case c.RetryQueueNums < 0 || c.RetryQueueNums > retryQueuesMax:
		return refuse(errBadParameter, "retryQueueNums %d, allowed are 0 to %d", c.RetryQueueNums, retryQueuesMax)
	case c.RetryMaxTimes < -1 || c.RetryMaxTimes > retryTimesMax:
		return refuse(errBadParameter, "retryMaxTimes %d, allowed are -1 to %d", c.RetryMaxTimes, retryTimesMax)
	case len(c.Attributes) > 0:
		return refuse(errSystem, "attributes of groups are not supported")
	}
	return nil
}

// retryTopicOf is the group's retry topic with the queues that it is to have; it keeps what else an existing one has.
func (a *groupAdmin) retryTopicOf(g *state.Group) (t state.Topic, differs bool) {
	wanted := retryTopic(g)
	old := a.state.Topic(wanted.Name)
	if old == nil {
		return wanted, g.RetryQueueNums > 0
	}
	if g.RetryQueueNums <= 0 || old.ReadQueues == wanted.ReadQueues && old.WriteQueues == wanted.WriteQueues {
		return state.Topic{}, false
	}
	changed := *old
	// Read queues never shrink with it: what is in them must stay readable.
	changed.WriteQueues, changed.ReadQueues = wanted.WriteQueues, max(old.ReadQueues, wanted.ReadQueues)
	return changed, true
}

func (a *groupAdmin) remove(r *request) error {
	var h protocol.DeleteGroupHeader
	if err := h.Decode(r.Ext); err != nil {
		return err
	}
	if a.state.Group(h.GroupName) == nil {
		r.succeed(nil, nil)
		return nil
	}
	return a.proposer.Propose(state.AppendDeleteGroup(nil, h.GroupName, h.CleanOffset), 1, &answer{r: r, gate: a.gate})
}

func (a *groupAdmin) all(r *request) error {
	groups, version := a.state.Groups()
	table := make(map[string]protocol.SubscriptionGroupConfig, len(groups))
	for _, g := range groups {
		table[g.Name] = groupConfig(g)
	}
	return r.body(protocol.SubscriptionGroupWrapper{SubscriptionGroupTable: table, DataVersion: dataVersion(version, uint64(a.term()))})
}

func (a *groupAdmin) one(r *request) error {
	var h protocol.GroupHeader
	if err := h.Decode(r.Ext); err != nil {
		return err
	}
	g := a.state.Group(h.Group)
	if g == nil {
		return refuse(errNoGroup, "%s", protocol.RemarkNoGroup)
	}
	return r.body(groupConfig(g))
}
