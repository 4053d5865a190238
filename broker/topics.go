package broker

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// autoCreatedMax is how many topics and groups one client may have created by use, each minute (R-N4).
const autoCreatedMax = 1000

// topicMaker creates the topics and groups that requests need and that are not there, and has the NameServers told.
type topicMaker struct {
	state    *state.State
	proposer proposer
	gate     *gate
	told     func(then func()) // calls when the NameServers know all topics
	settings *settings
	quota    creationQuota
}

// createForSend creates topic and then lets r be served again.
func (t *topicMaker) createForSend(r *request, h *protocol.SendMessageHeader, topic string) error {
	wanted, err := t.forSend(h, topic)
	if err != nil {
		return err
	}
	return t.createFor(r, []state.Topic{wanted}, nil)
}

// forSend is the topic that a send creates: a retry or dead-letter topic, or one by its template (behaviours.md section 1.5).
func (t *topicMaker) forSend(h *protocol.SendMessageHeader, topic string) (state.Topic, error) {
	if group, ok := strings.CutPrefix(topic, message.RetryPrefix); ok {
		if g := t.state.Group(group); g != nil {
			return retryTopic(g), nil
		}
	}
	if group, ok := strings.CutPrefix(topic, message.DLQPrefix); ok && topic != h.Topic {
		return deadLetterTopic(group), nil
	}
	template := t.state.Topic(h.DefaultTopic)
	inherits := template != nil && template.Perm&protocol.PermInherit != 0 && (t.settings.autoTopics() || h.DefaultTopic != message.AutoCreateKey)
	if !inherits || message.IsDLQTopic(topic) {
		return state.Topic{}, refuse(errNoTopic, "%s", protocol.RemarkNoTopic(topic))
	}
	made := topicOf(topic, max(min(h.DefaultTopicQueueNums, template.WriteQueues), 1), template.Perm&^protocol.PermInherit)
	made.FilterType = template.FilterType
	if h.UnitMode {
		made.SysFlag = 1
	}
	return made, nil
}

// createGroup creates a group by its first use, with its retry topic, and then lets r be served again.
func (t *topicMaker) createGroup(r *request, group string) error {
	if !t.settings.autoGroups() {
		return refuse(errNoGroup, "%s", protocol.RemarkNoSubscriptionGroup(group))
	}
	if err := message.ValidateGroup(group); err != nil {
		return refuse(errBadParameter, "%s", err)
	}
	g := state.DefaultGroup(group)
	return t.createFor(r, []state.Topic{retryTopic(&g)}, []state.Group{g})
}

// createFor proposes topics and groups that do not exist; r is served again once they do.
func (t *topicMaker) createFor(r *request, topics []state.Topic, groups []state.Group) error {
	if !t.quota.take(r.client.Addr(), time.Now()) {
		return refuse(errBusy, "more than %d topics and groups in a minute were created by requests of this client", autoCreatedMax)
	}
	var subs []byte
	for _, topic := range topics {
		subs = state.AppendPutTopic(subs, topic, true)
	}
	for _, g := range groups {
		subs = state.AppendPutGroup(subs, g, true)
	}
	return t.proposer.Propose(subs, len(topics)+len(groups), &answer{r: r, gate: t.gate, told: t.told, again: true})
}

// create creates topics for a leader service and waits until they exist.
func (t *topicMaker) create(ctx context.Context, topics []state.Topic) error {
	var subs []byte
	for _, topic := range topics {
		subs = state.AppendPutTopic(subs, topic, true)
	}
	_, err := proposeAndWait(ctx, t.proposer.Propose, subs, len(topics))
	return err
}

// creationQuota counts what each client had created in the present minute.
type creationQuota struct {
	mu     sync.Mutex
	minute time.Time
	used   map[netip.Addr]int
}

func (q *creationQuota) take(client netip.Addr, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(q.minute) {
		q.minute, q.used = minute, map[netip.Addr]int{}
	}
	q.used[client]++
	return q.used[client] <= autoCreatedMax
}
