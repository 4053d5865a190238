package state

import (
	"encoding/binary"
	"maps"

	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// Group is one subscription group's replicated configuration (RocketMQ's SubscriptionGroupConfig). Immutable like Topic.
type Group struct {
	Name                           string
	ConsumeEnable                  bool
	ConsumeFromMinEnable           bool
	ConsumeBroadcastEnable         bool
	ConsumeMessageOrderly          bool
	RetryQueueNums                 int32
	RetryMaxTimes                  int32
	BrokerID                       int64
	WhichBrokerWhenConsumeSlowly   int64
	NotifyConsumerIDsChangedEnable bool
	GroupSysFlag                   int32
	ConsumeTimeoutMinute           int32
	RetryPolicyJSON                string // groupRetryPolicy as received, "" for the default
	Attributes                     map[string]string
}

// DefaultGroup returns the defaults of SubscriptionGroupConfig.
func DefaultGroup(name string) Group {
	return Group{
		Name:                           name,
		ConsumeEnable:                  true,
		ConsumeFromMinEnable:           true,
		ConsumeBroadcastEnable:         true,
		RetryQueueNums:                 1,
		RetryMaxTimes:                  16,
		WhichBrokerWhenConsumeSlowly:   1,
		NotifyConsumerIDsChangedEnable: true,
		ConsumeTimeoutMinute:           15,
	}
}

func (g *Group) equal(o *Group) bool {
	return g.Name == o.Name && g.ConsumeEnable == o.ConsumeEnable && g.ConsumeFromMinEnable == o.ConsumeFromMinEnable &&
		g.ConsumeBroadcastEnable == o.ConsumeBroadcastEnable && g.ConsumeMessageOrderly == o.ConsumeMessageOrderly &&
		g.RetryQueueNums == o.RetryQueueNums && g.RetryMaxTimes == o.RetryMaxTimes && g.BrokerID == o.BrokerID &&
		g.WhichBrokerWhenConsumeSlowly == o.WhichBrokerWhenConsumeSlowly && g.GroupSysFlag == o.GroupSysFlag &&
		g.NotifyConsumerIDsChangedEnable == o.NotifyConsumerIDsChangedEnable && g.ConsumeTimeoutMinute == o.ConsumeTimeoutMinute &&
		g.RetryPolicyJSON == o.RetryPolicyJSON && maps.Equal(g.Attributes, o.Attributes)
}

// A group, as in PutGroup and in the state:
//
//	string  name
//	u8      consumeEnable, then consumeFromMinEnable, consumeBroadcastEnable, consumeMessageOrderly and
//	        notifyConsumerIdsChangedEnable, a u8 each, 0 or 1
//	i32     retryQueueNums
//	i32     retryMaxTimes
//	i64     brokerId
//	i64     whichBrokerWhenConsumeSlowly
//	i32     groupSysFlag
//	i32     consumeTimeoutMinute
//	string  groupRetryPolicy, JSON
//	strings attributes
func appendGroup(dst []byte, g *Group) []byte {
	dst = appendString(dst, g.Name)
	dst = appendBool(dst, g.ConsumeEnable)
	dst = appendBool(dst, g.ConsumeFromMinEnable)
	dst = appendBool(dst, g.ConsumeBroadcastEnable)
	dst = appendBool(dst, g.ConsumeMessageOrderly)
	dst = appendBool(dst, g.NotifyConsumerIDsChangedEnable)
	dst = binary.BigEndian.AppendUint32(dst, uint32(g.RetryQueueNums))
	dst = binary.BigEndian.AppendUint32(dst, uint32(g.RetryMaxTimes))
	dst = binary.BigEndian.AppendUint64(dst, uint64(g.BrokerID))
	dst = binary.BigEndian.AppendUint64(dst, uint64(g.WhichBrokerWhenConsumeSlowly))
	dst = binary.BigEndian.AppendUint32(dst, uint32(g.GroupSysFlag))
	dst = binary.BigEndian.AppendUint32(dst, uint32(g.ConsumeTimeoutMinute))
	dst = appendString(dst, g.RetryPolicyJSON)
	return appendStrings(dst, g.Attributes)
}

func (r *reader) group() *Group {
	return &Group{
		Name:                           string(r.name()),
		ConsumeEnable:                  r.bool(),
		ConsumeFromMinEnable:           r.bool(),
		ConsumeBroadcastEnable:         r.bool(),
		ConsumeMessageOrderly:          r.bool(),
		NotifyConsumerIDsChangedEnable: r.bool(),
		RetryQueueNums:                 r.int32(),
		RetryMaxTimes:                  r.int32(),
		BrokerID:                       r.int64(),
		WhichBrokerWhenConsumeSlowly:   r.int64(),
		GroupSysFlag:                   r.int32(),
		ConsumeTimeoutMinute:           r.int32(),
		RetryPolicyJSON:                r.string(),
		Attributes:                     r.strings(),
	}
}

// PutGroup, kind 5:
//
//	0  u8     1: only if absent
//	1  group

// AppendPutGroup is AppendPutTopic for groups; Result.Detail is the *Group.
func AppendPutGroup(dst []byte, g Group, ifAbsent bool) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindPutGroup), kindVersion, 0)
	dst = appendBool(dst, ifAbsent)
	dst = appendGroup(dst, &g)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodePutGroup(b []byte) (g *Group, ifAbsent, ok bool) {
	r := reader{src: b}
	ifAbsent = r.bool()
	g = r.group()
	return g, ifAbsent, r.ok()
}

// DeleteGroup, kind 6:
//
//	0  u8      1: its consumer offsets too
//	1  string  name

// AppendDeleteGroup removes a group, and its offsets if cleanOffsets. NoSuchGroup if absent; offsets are cleaned even so.
func AppendDeleteGroup(dst []byte, name string, cleanOffsets bool) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindDeleteGroup), kindVersion, 0)
	dst = appendBool(dst, cleanOffsets)
	dst = appendString(dst, name)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodeDeleteGroup(b []byte) (name string, cleanOffsets, ok bool) {
	r := reader{src: b}
	cleanOffsets = r.bool()
	name = string(r.name())
	return name, cleanOffsets, r.ok()
}
