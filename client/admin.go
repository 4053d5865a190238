package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Admin sends the requests of operators' tools. What concerns a cluster goes to the leader of every broker group in it, one after the
// other; the first error stops it, and says which group it was.
type Admin struct{ client *Client }

// Admin returns the client's admin requests.
func (c *Client) Admin() *Admin { return &Admin{c} }

// ClusterBroker is one broker group of a cluster.
type ClusterBroker struct {
	Cluster, Name string
	Addrs         map[int64]string
}

// Leader returns the address of id 0.
func (b *ClusterBroker) Leader() string { return b.Addrs[leaderID] }

// Cluster lists the broker groups that are registered at the NameServer, by name; of one cluster, or of all for "".
func (a *Admin) Cluster(ctx context.Context, cluster string) ([]ClusterBroker, error) {
	resp, err := a.client.InvokeNameServer(ctx, protocol.CodeGetBrokerClusterInfo, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	all, err := decodeCluster(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return slices.DeleteFunc(all, func(b ClusterBroker) bool { return cluster != "" && b.Cluster != cluster }), nil
}

// onLeaders calls do with the leader of every broker group of the cluster.
func (a *Admin) onLeaders(ctx context.Context, cluster string, do func(addr string) error) error {
	brokers, err := a.Cluster(ctx, cluster)
	if err != nil {
		return err
	}
	if len(brokers) == 0 {
		return fmt.Errorf("%w: no broker of cluster %q is registered", ErrNoRoute, cluster)
	}
	for _, b := range brokers {
		if b.Leader() == "" {
			return fmt.Errorf("%w: broker %s has no leader", ErrNoRoute, b.Name)
		}
		if err := do(b.Leader()); err != nil {
			return fmt.Errorf("broker %s: %w", b.Name, err)
		}
	}
	return nil
}

// TopicSpec describes a topic to create or change. Zero fields take the defaults in brackets.
type TopicSpec struct {
	Name        string
	ReadQueues  int32 // [8]
	WriteQueues int32 // [ReadQueues]
	Perm        int32 // [6: read and write]
	Order       bool
	Attributes  string // "+key=value,-key"
}

// CreateTopic creates the topic on every broker group of a cluster, or changes it.
func (a *Admin) CreateTopic(ctx context.Context, cluster string, t TopicSpec) error {
	err := a.onLeaders(ctx, cluster, func(addr string) error { return a.CreateTopicAt(ctx, addr, t) })
	if err != nil {
		return fmt.Errorf("create topic %s: %w", t.Name, err)
	}
	a.client.ForgetRoute(t.Name)
	return nil
}

// CreateTopicAt creates the topic on one broker.
func (a *Admin) CreateTopicAt(ctx context.Context, addr string, t TopicSpec) error {
	setDefault(&t.ReadQueues, 8)
	setDefault(&t.WriteQueues, t.ReadQueues)
	setDefault(&t.Perm, protocol.PermRead|protocol.PermWrite)
	h := &protocol.CreateTopicHeader{Topic: t.Name, DefaultTopic: templateTopic, ReadQueueNums: t.ReadQueues,
		WriteQueueNums: t.WriteQueues, Perm: t.Perm, TopicFilterType: "SINGLE_TAG", Order: t.Order, Attributes: t.Attributes}
	_, err := a.client.Invoke(ctx, addr, protocol.CodeUpdateAndCreateTopic, h, nil)
	return err
}

// DeleteTopic deletes the topic on every broker group of a cluster, then its routes at every NameServer that answers.
func (a *Admin) DeleteTopic(ctx context.Context, cluster, topic string) error {
	h := &protocol.TopicHeader{Topic: topic}
	err := a.onLeaders(ctx, cluster, func(addr string) error {
		_, err := a.client.Invoke(ctx, addr, protocol.CodeDeleteTopicInBroker, h, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", topic, err)
	}
	a.client.ForgetRoute(topic)
	ns := &protocol.DeleteTopicInNamesrvHeader{Topic: topic, ClusterName: cluster}
	for addr, err := range a.client.invokeAll(ctx, a.client.opts.NameServers, protocol.CodeDeleteTopicInNamesrv, ns, nil) {
		var refused *ResponseError
		if errors.As(err, &refused) {
			return fmt.Errorf("delete topic %s at NameServer %s: %w", topic, addr, err)
		}
	}
	return nil
}

// Topics lists the topics that NameServers know.
func (a *Admin) Topics(ctx context.Context) ([]string, error) {
	resp, err := a.client.InvokeNameServer(ctx, protocol.CodeGetAllTopicListFromNameServer, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("topics: %w", err)
	}
	return decodeTopicList(resp.Body)
}

// QueueStats is the extent of one queue.
type QueueStats struct {
	Queue      Queue
	Bounds     offset.Range
	LastUpdate time.Time // of the newest message; zero if there is none
}

// TopicStats lists the queues of a topic on all its brokers.
func (a *Admin) TopicStats(ctx context.Context, topic string) ([]QueueStats, error) {
	route, err := a.client.RefreshRoute(ctx, topic)
	if err != nil {
		return nil, err
	}
	var out []QueueStats
	for _, b := range route.Brokers {
		addr, _ := route.Replica(b.Name, leaderID)
		resp, err := a.client.Invoke(ctx, addr, protocol.CodeGetTopicStatsInfo, &protocol.TopicHeader{Topic: topic}, nil)
		if err != nil {
			return nil, fmt.Errorf("topic %s, broker %s: %w", topic, b.Name, err)
		}
		stats, err := decodeTopicStats(resp.Body)
		if err != nil {
			return nil, fmt.Errorf("topic %s, broker %s: %w", topic, b.Name, err)
		}
		out = append(out, stats...)
	}
	slices.SortFunc(out, func(a, b QueueStats) int { return compareQueues(a.Queue, b.Queue) })
	return out, nil
}

// CreateGroup creates the consumer group on every broker group of a cluster, or changes it.
func (a *Admin) CreateGroup(ctx context.Context, cluster string, g protocol.SubscriptionGroupConfig) error {
	err := a.onLeaders(ctx, cluster, func(addr string) error {
		_, err := a.client.Invoke(ctx, addr, protocol.CodeUpdateAndCreateSubscriptionGroup, nil, g.Encode())
		return err
	})
	if err != nil {
		return fmt.Errorf("create group %s: %w", g.GroupName, err)
	}
	return nil
}

// DeleteGroup deletes the consumer group, and its offsets if asked to, on every broker group of a cluster.
func (a *Admin) DeleteGroup(ctx context.Context, cluster, group string, cleanOffsets bool) error {
	h := &protocol.DeleteGroupHeader{GroupName: group, CleanOffset: cleanOffsets}
	err := a.onLeaders(ctx, cluster, func(addr string) error {
		_, err := a.client.Invoke(ctx, addr, protocol.CodeDeleteSubscriptionGroup, h, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete group %s: %w", group, err)
	}
	return nil
}

// Groups lists the consumer groups on all broker groups of a cluster, by name. Of a group that differs between them one is taken.
func (a *Admin) Groups(ctx context.Context, cluster string) ([]protocol.SubscriptionGroupConfig, error) {
	byName := map[string]protocol.SubscriptionGroupConfig{}
	err := a.onLeaders(ctx, cluster, func(addr string) error {
		resp, err := a.client.Invoke(ctx, addr, protocol.CodeGetAllSubscriptionGroupConfig, nil, nil)
		if err != nil {
			return err
		}
		groups, err := decodeGroups(resp.Body)
		for _, g := range groups {
			byName[g.GroupName] = g
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("groups: %w", err)
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b protocol.SubscriptionGroupConfig) int {
		return cmp.Compare(a.GroupName, b.GroupName)
	}), nil
}

// Progress is how far a group is in one queue.
type Progress struct {
	Queue     Queue
	Max       offset.Queue // the next message's offset
	Committed offset.Queue // the group's; -1: none
	LastTime  time.Time    // store time of the message before Committed; zero: unknown
}

// Lag is the number of messages that the group has not committed.
func (p *Progress) Lag() int64 { return max(0, int64(p.Max-max(0, p.Committed))) }

// ConsumerProgress lists the queues of the topics that the group consumes; of one topic, or of all for "".
func (a *Admin) ConsumerProgress(ctx context.Context, group, topic string) ([]Progress, error) {
	route, err := a.client.RefreshRoute(ctx, message.RetryPrefix+group)
	if errors.Is(err, ErrNoRoute) && topic != "" {
		route, err = a.client.RefreshRoute(ctx, topic)
	}
	if err != nil {
		return nil, fmt.Errorf("progress of group %s: %w", group, err)
	}
	var out []Progress
	h := &protocol.ConsumeStatsHeader{ConsumerGroup: group, Topic: topic}
	for _, b := range route.Brokers {
		addr, _ := route.Replica(b.Name, leaderID)
		resp, err := a.client.Invoke(ctx, addr, protocol.CodeGetConsumeStats, h, nil)
		if err != nil {
			return nil, fmt.Errorf("progress of group %s, broker %s: %w", group, b.Name, err)
		}
		part, err := decodeProgress(resp.Body)
		if err != nil {
			return nil, fmt.Errorf("progress of group %s, broker %s: %w", group, b.Name, err)
		}
		out = append(out, part...)
	}
	slices.SortFunc(out, func(a, b Progress) int { return compareQueues(a.Queue, b.Queue) })
	return out, nil
}

// BrokerInfo returns what a broker tells about itself (mqadmin brokerStatus).
func (a *Admin) BrokerInfo(ctx context.Context, addr string) (map[string]string, error) {
	resp, err := a.client.Invoke(ctx, addr, protocol.CodeGetBrokerRuntimeInfo, nil, nil)
	if err != nil {
		return nil, err
	}
	return decodeKVTable(resp.Body)
}

// BrokerConfig returns the settings that a broker shows (mqadmin getBrokerConfig). Its form is that of Java's properties, without escapes.
func (a *Admin) BrokerConfig(ctx context.Context, addr string) (map[string]string, error) {
	resp, err := a.client.Invoke(ctx, addr, protocol.CodeGetBrokerConfig, nil, nil)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.Lines(string(resp.Body)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[name] = value
		}
	}
	return out, nil
}

// ResetOffsets sets the group's offsets of a topic to the first messages stored at or after t, or with the zero time to the end, on all
// brokers of the topic; force also moves them forward. A broker that cannot do it by itself (code 3) is told each queue's offset, which a
// member of the group that is running overwrites with its own.
func (a *Admin) ResetOffsets(ctx context.Context, group, topic string, t time.Time, force bool) error {
	route, err := a.client.RefreshRoute(ctx, topic)
	if err != nil {
		return err
	}
	h := &protocol.ResetOffsetHeader{Group: group, Topic: topic, QueueID: -1, Offset: -1, Timestamp: -1, Force: force}
	if !t.IsZero() {
		h.Timestamp = t.UnixMilli()
	}
	for _, b := range route.Brokers {
		addr, _ := route.Replica(b.Name, leaderID)
		_, err := a.client.Invoke(ctx, addr, protocol.CodeInvokeBrokerToResetOffset, h, nil)
		if IsCode(err, protocol.RequestCodeNotSupported) {
			err = a.resetByCommit(ctx, group, topic, b, t, force)
		}
		if err != nil {
			return fmt.Errorf("reset offsets of group %s, broker %s: %w", group, b.Name, err)
		}
	}
	return nil
}

func (a *Admin) resetByCommit(ctx context.Context, group, topic string, b RouteBroker, t time.Time, force bool) error {
	for id := range b.ReadQueues {
		q := Queue{topic, b.Name, id}
		to, err := a.client.OffsetAt(ctx, q, t)
		if t.IsZero() {
			to, err = a.client.MaxOffset(ctx, q)
		}
		if err != nil {
			return err
		}
		now, found, err := a.client.CommittedOffset(ctx, group, q)
		if err != nil {
			return err
		}
		if found && now < to && !force {
			continue
		}
		if err := a.client.CommitOffset(ctx, group, q, to); err != nil {
			return err
		}
	}
	return nil
}

// ViewMessage returns the message with the offsetMsgId. It asks the broker whose address is in the id; addr, if not "", is asked
// instead: every member of the group has the message at the same physical offset.
func (a *Admin) ViewMessage(ctx context.Context, id, addr string) (*message.Message, error) {
	host, at, err := message.ParseOffsetID(id)
	if err != nil {
		return nil, err
	}
	if addr == "" {
		addr = host.String()
	}
	resp, err := a.client.Invoke(ctx, addr, protocol.CodeViewMessageByID, &protocol.ViewMessageHeader{Offset: int64(at)}, nil)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", id, err)
	}
	messages, err := decodeMessages(resp.Body)
	if err != nil || len(messages) == 0 {
		return nil, fmt.Errorf("message %s: %d messages in the answer: %w", id, len(messages), err)
	}
	return messages[0], nil
}
