package consumequeue

import (
	"encoding/binary"

	"github.com/raftmq/raftmq/internal/offset"
)

// Key names a queue: the topic's replicated numeric id and the queue id. Names never become paths (design D26).
type Key struct {
	Topic uint32
	Queue int32
}

// Unit is one 20-byte entry: where a message's sub-record starts, its whole size in bytes (header included) and
// its tags code, or the due time in ms for scheduled messages.
type Unit struct {
	Position offset.Physical
	Size     uint32
	TagsCode int64
}

// A unit, big-endian as in RocketMQ's ConsumeQueue:
//
//	 0  i64  position of the sub-record in the log
//	 8  u32  size of the sub-record, bytes
//	12  i64  tags code, or due time (ms) for a scheduled message
const (
	// UnitSize is the encoded size of a Unit, bytes.
	UnitSize = 20

	unitAtPosition = 0
	unitAtSize     = 8
	unitAtTagsCode = 12
)

// AppendUnit appends the 20 bytes of u.
func AppendUnit(dst []byte, u Unit) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(u.Position))
	dst = binary.BigEndian.AppendUint32(dst, u.Size)
	return binary.BigEndian.AppendUint64(dst, uint64(u.TagsCode))
}

// decodeUnit decodes the first UnitSize bytes of b, which the caller has made sure of.
func decodeUnit(b []byte) Unit {
	_ = b[UnitSize-1]
	return Unit{
		Position: offset.Physical(binary.BigEndian.Uint64(b[unitAtPosition:])),
		Size:     binary.BigEndian.Uint32(b[unitAtSize:]),
		TagsCode: int64(binary.BigEndian.Uint64(b[unitAtTagsCode:])),
	}
}

// appendDecoded decodes the units of b, whole units only, onto dst.
func appendDecoded(dst []Unit, b []byte) []Unit {
	for ; len(b) >= UnitSize; b = b[UnitSize:] {
		dst = append(dst, decodeUnit(b))
	}
	return dst
}
