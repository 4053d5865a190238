package state

import (
	"encoding/binary"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// OffsetCommit is one consumer offset. Generation is what ConsumerOffset returned when the commit arrived; a reset raises it
// and voids older commits (design D20). While it is odd the group has not heard of the reset, and every commit is void.
type OffsetCommit struct {
	Group, Topic string
	Queue        int32
	Offset       offset.Queue
	Generation   uint32
}

// One consumer offset:
//
//	string  group
//	string  topic
//	i32     queue id
//	i64     offset
//	u32     generation
func appendOffsetCommit(dst []byte, c *OffsetCommit) []byte {
	dst = appendString(dst, c.Group)
	dst = appendString(dst, c.Topic)
	dst = binary.BigEndian.AppendUint32(dst, uint32(c.Queue))
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.Offset))
	return binary.BigEndian.AppendUint32(dst, c.Generation)
}

// offsetCommitMin is the size of a consumer offset with names of one byte.
const offsetCommitMin = 2 + 1 + 2 + 1 + 4 + 8 + 4

// offsetPayload is an OffsetCommit whose names alias the payload.
type offsetPayload struct {
	group, topic []byte
	queue        int32
	offset       offset.Queue
	generation   uint32
}

func (r *reader) offset() offsetPayload {
	return offsetPayload{group: r.name(), topic: r.name(), queue: r.int32(), offset: offset.Queue(r.int64()), generation: r.uint32()}
}

// CommitOffsets, kind 7:
//
//	0  u32  count
//	4  count × consumer offset

// AppendCommitOffsets stores consumer offsets; entries with a stale generation or of an unknown topic are skipped, as are those with a
// negative queue id or offset. The last of several for one queue stands.
func AppendCommitOffsets(dst []byte, commits []OffsetCommit) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindCommitOffsets), kindVersion, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(commits)))
	for i := range commits {
		dst = appendOffsetCommit(dst, &commits[i])
	}
	commitlog.FinishSubRecord(dst, start)
	return dst
}

// decodeCommitOffsets returns a reader that stands before the first of count consumer offsets, all of which it has checked.
func decodeCommitOffsets(b []byte) (r reader, count int, ok bool) {
	r = reader{src: b}
	n := r.uint32()
	if r.bad || uint64(n)*offsetCommitMin > uint64(len(r.src)) {
		return r, 0, false
	}
	check := r
	for range n {
		check.offset()
	}
	return r, int(n), check.ok()
}

// ResetUntold reports whether a generation is that of a reset of which the group has not heard.
func ResetUntold(generation uint32) bool { return generation%2 == 1 }

// ResetOffset, kind 8:
//
//	0  consumer offset; its generation is ignored

// AppendResetOffset sets one consumer offset by an administrator and raises its generation to the next odd number. NoSuchTopic if there is no such topic, Invalid
// for a negative queue id or offset. The group need not exist.
func AppendResetOffset(dst []byte, c OffsetCommit) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindResetOffset), kindVersion, 0)
	dst = appendOffsetCommit(dst, &c)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodeResetOffset(b []byte) (c offsetPayload, ok bool) {
	r := reader{src: b}
	c = r.offset()
	return c, r.ok() && c.queue >= 0 && c.offset >= 0
}

// ResetTold, kind 15:
//
//	0  consumer offset; its offset is ignored

// AppendResetTold notes that the group has heard of the reset that made c.Generation: commits count again. Stale if the generation is another one
// or was told already.
func AppendResetTold(dst []byte, c OffsetCommit) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindResetTold), kindVersion, 0)
	dst = appendOffsetCommit(dst, &c)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodeResetTold(b []byte) (c offsetPayload, ok bool) {
	r := reader{src: b}
	c = r.offset()
	return c, r.ok()
}
