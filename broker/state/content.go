package state

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
)

// The state as records: a table, a key and a value. Checkpoints, images and digests are made of them and differ only in what they
// know of a queue: an image and a digest its next offset, a checkpoint its tail. Numbers are part of the formats.
const (
	tableMeta       uint8 = 1 // key "": meta
	tableTopics     uint8 = 2 // u32 id: topic
	tableGroups     uint8 = 3 // name: group
	tableOffsets    uint8 = 4 // string group, string topic, i32 queue: i64 offset, u32 generation
	tableDelay      uint8 = 5 // i32 level: i64 cursor
	tableBoundaries uint8 = 6 // u64 index: boundary
	tableQueues     uint8 = 7 // u32 topic id, i32 queue: i64 next; in a checkpoint i64 first, i64 next, units
	tableLocks      uint8 = 8 // string group, string topic, i32 queue: lock
	tableSettings   uint8 = 9 // name: value

	tableLast = tableSettings
)

// record is one record of the state.
type record struct {
	table uint8
	key   string
	value []byte
}

func compareRecords(a, b record) int {
	return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.key, b.key))
}

// meta is what there is one of:
//
//	 0  u64  index of the last applied entry
//	 8  i64  end: the position after the last applied entry
//	16  i64  group time, ms
//	24  i64  wall time, ms
//	32  u32  feature level
//	36  u32  id of the next topic
//	40  i64  version of the topics: timestamp, ms
//	48  i64  version of the topics: counter
//	56  i64  version of the groups: timestamp, ms
//	64  i64  version of the groups: counter
//	72  u64  retained from: index of a boundary, 0 if nothing was ever removed
//	80  i64  retained from: end of that boundary's record
type meta struct {
	applied       offset.Index
	end           offset.Physical
	groupTime     int64
	wallTime      int64
	featureLevel  uint32
	nextTopic     uint32
	topicVersion  DataVersion
	groupVersion  DataVersion
	retainedIndex offset.Index
	retainedEnd   offset.Physical
}

const metaSize = 88

func appendMeta(dst []byte, m *meta) []byte {
	for _, v := range []uint64{uint64(m.applied), uint64(m.end), uint64(m.groupTime), uint64(m.wallTime)} {
		dst = binary.BigEndian.AppendUint64(dst, v)
	}
	dst = binary.BigEndian.AppendUint32(dst, m.featureLevel)
	dst = binary.BigEndian.AppendUint32(dst, m.nextTopic)
	for _, v := range []uint64{
		uint64(m.topicVersion.Timestamp), uint64(m.topicVersion.Counter), uint64(m.groupVersion.Timestamp), uint64(m.groupVersion.Counter),
		uint64(m.retainedIndex), uint64(m.retainedEnd),
	} {
		dst = binary.BigEndian.AppendUint64(dst, v)
	}
	return dst
}

func decodeMeta(b []byte) (m meta, ok bool) {
	r := reader{src: b}
	m.applied, m.end = offset.Index(r.uint64()), offset.Physical(r.int64())
	m.groupTime, m.wallTime = r.int64(), r.int64()
	m.featureLevel, m.nextTopic = r.uint32(), r.uint32()
	m.topicVersion = DataVersion{Timestamp: r.int64(), Counter: r.int64()}
	m.groupVersion = DataVersion{Timestamp: r.int64(), Counter: r.int64()}
	m.retainedIndex, m.retainedEnd = offset.Index(r.uint64()), offset.Physical(r.int64())
	return m, r.ok()
}

// A boundary's value:
//
//	 0  i64  position of its record
//	 8  i64  end of its record
//	16  i64  wall time, ms
func appendBoundary(dst []byte, b Boundary) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.Position))
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.End))
	return binary.BigEndian.AppendUint64(dst, uint64(b.WallTime))
}

func topicKey(id uint32) string { return string(binary.BigEndian.AppendUint32(nil, id)) }

func offsetKey(group, topic string, queue int32) string {
	k := make([]byte, 0, 2+len(group)+2+len(topic)+4)
	k = appendString(k, group)
	k = appendString(k, topic)
	return string(binary.BigEndian.AppendUint32(k, uint32(queue)))
}

func offsetValue(o offset.Queue, generation uint32) []byte {
	v := binary.BigEndian.AppendUint64(make([]byte, 0, 12), uint64(o))
	return binary.BigEndian.AppendUint32(v, generation)
}

func delayKey(level int32) string { return string(binary.BigEndian.AppendUint32(nil, uint32(level))) }

func boundaryKey(index offset.Index) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(index)))
}

func queueKey(k consumequeue.Key) string {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 8), k.Topic)
	return string(binary.BigEndian.AppendUint32(b, uint32(k.Queue)))
}

func offsetBytes(v offset.Queue) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }

// tailValue is a queue in a checkpoint.
func tailValue(t *consumequeue.Tail) []byte {
	v := binary.BigEndian.AppendUint64(make([]byte, 0, 16+len(t.Units)), uint64(t.First))
	v = binary.BigEndian.AppendUint64(v, uint64(t.Next))
	return append(v, t.Units...)
}

// restore puts one record into m, and a queue into tails. ok is false if it does not decode. Queue values may be of a checkpoint or,
// with image, of an image.
func (m *machine) restore(rec record, image bool, tails *[]consumequeue.Tail) (ok bool) {
	k, v := reader{src: []byte(rec.key)}, reader{src: rec.value}
	switch rec.table {
	case tableMeta:
		m.meta, ok = decodeMeta(rec.value)
		return ok && rec.key == ""
	case tableTopics:
		t := v.topic()
		t.ID = k.uint32()
		m.setTopic(t)
	case tableGroups:
		g := v.group()
		k.bad = k.bad || string(k.bytes(len(k.src))) != g.Name
		m.groups.set(g.Name, g)
	case tableOffsets:
		group, topic, queue := string(k.name()), string(k.name()), k.int32()
		m.offsets.set(group, topic, queue, offset.Queue(v.int64()), v.uint32())
	case tableDelay:
		m.delay[k.int32()] = offset.Queue(v.int64())
	case tableBoundaries:
		m.boundaries = append(m.boundaries, Boundary{
			Index: offset.Index(k.uint64()), Position: offset.Physical(v.int64()), End: offset.Physical(v.int64()), WallTime: v.int64(),
		})
	case tableLocks:
		group, q, expires := string(k.name()), topicQueue{string(k.name()), k.int32()}, v.int64()
		m.locks.set(group, q, string(v.name()), expires)
	case tableSettings:
		name := k.bytes(len(k.src))
		k.bad = k.bad || len(name) == 0
		(*m.settings.Load())[string(name)] = string(v.bytes(len(v.src)))
	case tableQueues:
		t := consumequeue.Tail{Key: consumequeue.Key{Topic: k.uint32(), Queue: k.int32()}}
		if !image {
			t.First = offset.Queue(v.int64())
		}
		t.Next = offset.Queue(v.int64())
		if image {
			t.First = t.Next
		} else {
			t.Units = slices.Clone(v.bytes(len(v.src)))
		}
		*tails = append(*tails, t)
	default:
		return false
	}
	return k.ok() && v.ok()
}

// records returns the whole state as an image holds it, in order.
func (m *machine) records() []record {
	all := []record{{tableMeta, "", appendMeta(nil, &m.meta)}}
	for _, t := range m.topics.all() {
		all = append(all, record{tableTopics, topicKey(t.ID), appendTopic(nil, t)})
	}
	for _, g := range m.groups.all() {
		all = append(all, record{tableGroups, g.Name, appendGroup(nil, g)})
	}
	m.offsets.each(func(group, topic string, queue int32, o *consumed) {
		all = append(all, record{tableOffsets, offsetKey(group, topic, queue), offsetValue(o.offset, o.generation)})
	})
	for level, cursor := range m.delay {
		all = append(all, record{tableDelay, delayKey(level), offsetBytes(cursor)})
	}
	for _, b := range m.boundaries {
		all = append(all, record{tableBoundaries, boundaryKey(b.Index), appendBoundary(nil, b)})
	}
	for _, k := range m.queues.Keys() {
		all = append(all, record{tableQueues, queueKey(k), offsetBytes(m.queues.Next(k))})
	}
	m.locks.each(func(_ string, l *lock) { all = append(all, record{tableLocks, l.key, appendLock(nil, l)}) })
	for name, value := range *m.settings.Load() {
		all = append(all, record{tableSettings, name, []byte(value)})
	}
	slices.SortFunc(all, compareRecords)
	return all
}
