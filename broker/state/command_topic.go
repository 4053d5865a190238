package state

import (
	"encoding/binary"
	"maps"

	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// Topic is one topic's replicated configuration. Values handed out are never changed: a change makes a new one.
type Topic struct {
	ID          uint32 // never reused, so a recreated topic has another
	Name        string
	ReadQueues  int32
	WriteQueues int32
	Perm        int32 // 4 read, 2 write, 1 inherit
	FilterType  string
	SysFlag     int32
	Order       bool
	Attributes  map[string]string
}

// Queues is the number of queue ids that exist: those to write and those that are still read.
func (t *Topic) Queues() int32 { return max(t.ReadQueues, t.WriteQueues) }

func (t *Topic) equal(o *Topic) bool {
	a, b := *t, *o
	a.Attributes, b.Attributes = nil, nil
	return a.ID == b.ID && a.Name == b.Name && a.ReadQueues == b.ReadQueues && a.WriteQueues == b.WriteQueues && a.Perm == b.Perm &&
		a.FilterType == b.FilterType && a.SysFlag == b.SysFlag && a.Order == b.Order && maps.Equal(t.Attributes, o.Attributes)
}

// A topic, as in PutTopic and in the state, where its id is the key:
//
//	string  name
//	i32     queues to read
//	i32     queues to write
//	i32     perm
//	i32     sysFlag
//	u8      order, 0 or 1
//	string  filter type
//	strings attributes
func appendTopic(dst []byte, t *Topic) []byte {
	dst = appendString(dst, t.Name)
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.ReadQueues))
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.WriteQueues))
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.Perm))
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.SysFlag))
	dst = appendBool(dst, t.Order)
	dst = appendString(dst, t.FilterType)
	return appendStrings(dst, t.Attributes)
}

func (r *reader) topic() *Topic {
	t := &Topic{
		Name:        string(r.name()),
		ReadQueues:  r.int32(),
		WriteQueues: r.int32(),
		Perm:        r.int32(),
		SysFlag:     r.int32(),
		Order:       r.bool(),
		FilterType:  r.string(),
		Attributes:  r.strings(),
	}
	r.bad = r.bad || t.ReadQueues < 0 || t.WriteQueues < 0 || t.Queues() > queuesMax
	return t
}

// PutTopic, kind 3:
//
//	0  u8     1: only if absent
//	1  topic

// AppendPutTopic creates or updates a topic by name; ID is ignored. With ifAbsent an existing topic is left as it is and the
// result is OK. Result.Detail is the *Topic as it stands afterwards. Invalid: more than 16,384 queues.
func AppendPutTopic(dst []byte, t Topic, ifAbsent bool) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindPutTopic), kindVersion, 0)
	dst = appendBool(dst, ifAbsent)
	dst = appendTopic(dst, &t)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodePutTopic(b []byte) (t *Topic, ifAbsent, ok bool) {
	r := reader{src: b}
	ifAbsent = r.bool()
	t = r.topic()
	return t, ifAbsent, r.ok()
}

// DeleteTopic, kind 4:
//
//	0  string  name

// AppendDeleteTopic removes a topic, its queues and all consumer offsets on it. NoSuchTopic if absent.
func AppendDeleteTopic(dst []byte, name string) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindDeleteTopic), kindVersion, 0)
	dst = appendString(dst, name)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodeDeleteTopic(b []byte) (name string, ok bool) {
	r := reader{src: b}
	name = string(r.name())
	return name, r.ok()
}
