package state

import (
	"encoding/binary"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// LeaderStart, kind 2:
//
//	0  u64     term
//	8  string  member, name@instance

// AppendLeaderStart: member (name@instance) begins to lead term. groupTime continues from the last entry. Stale if the entry has another
// term: then the member was no longer, or again, the leader when it was appended.
func AppendLeaderStart(dst []byte, member string, term offset.Term) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindLeaderStart), kindVersion, 0)
	dst = binary.BigEndian.AppendUint64(dst, uint64(term))
	dst = appendString(dst, member)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodeLeaderStart(b []byte) (member string, term offset.Term, ok bool) {
	r := reader{src: b}
	term = offset.Term(r.uint64())
	member = string(r.name())
	return member, term, r.ok()
}

// AdvanceDelay, kind 9:
//
//	 0  i32  level, from 1
//	 4  i64  from
//	12  i64  to

// AppendAdvanceDelay moves the cursor of a delay level from a to b and makes the span message sub-records that follow take
// effect. Precondition: the cursor stands at from; otherwise Stale and the span is cancelled (design D15).
func AppendAdvanceDelay(dst []byte, level int32, from, to offset.Queue, span uint16) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindAdvanceDelay), kindVersion, span)
	dst = binary.BigEndian.AppendUint32(dst, uint32(level))
	dst = binary.BigEndian.AppendUint64(dst, uint64(from))
	dst = binary.BigEndian.AppendUint64(dst, uint64(to))
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodeAdvanceDelay(b []byte) (level int32, from, to offset.Queue, ok bool) {
	r := reader{src: b}
	level, from, to = r.int32(), offset.Queue(r.int64()), offset.Queue(r.int64())
	return level, from, to, r.ok() && level >= 1 && level <= delayLevelMax && from >= 0 && to >= from
}

// Boundary, kind 10, has no payload.

// AppendBoundary asks every member for an image of the state at this entry (design D13). The image is the state after the whole entry, whatever
// stands behind the boundary in its batch.
func AppendBoundary(dst []byte) []byte {
	return commitlog.AppendSubRecord(dst, uint8(KindBoundary), kindVersion, 0, nil)
}

// Retain, kind 11:
//
//	0  u64  index of the boundary entry

// AppendRetain moves the start of the retained log to the boundary entry at index. Stale if it is no known boundary or not above the
// present one. The messages of the boundary's own entry become unreadable too: an image does not have them.
func AppendRetain(dst []byte, index offset.Index) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindRetain), kindVersion, 0)
	dst = binary.BigEndian.AppendUint64(dst, uint64(index))
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodeRetain(b []byte) (index offset.Index, ok bool) {
	r := reader{src: b}
	index = offset.Index(r.uint64())
	return index, r.ok()
}

// FeatureLevel, kind 12:
//
//	0  u32  level

// AppendFeatureLevel raises the feature level (design D16). Stale if it is not above the present one. A group begins at level 1, the kinds
// of this file's package as they are.
func AppendFeatureLevel(dst []byte, level uint32) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindFeatureLevel), kindVersion, 0)
	dst = binary.BigEndian.AppendUint32(dst, level)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodeFeatureLevel(b []byte) (level uint32, ok bool) {
	r := reader{src: b}
	level = r.uint32()
	return level, r.ok()
}
