package consumequeue

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/raftmq/raftmq/internal/offset"
)

// A block is what is written at once and verified at once: 50 units and a seal in the shape of a 51st.
//
//	   0  50 × unit
//	1000  u32  CRC-32C of bytes 0 to 1000 and 1004 to 1020
//	1004  u32  topic id
//	1008  i32  queue id
//	1012  i64  queue offset of the block's first unit
//
// The seal names queue and offset, so that a block or a file in a wrong place is found as surely as a flipped bit.
const (
	blockUnits = 50
	sealAt     = blockUnits * UnitSize
	sealSize   = UnitSize
	blockSize  = sealAt + sealSize

	sealAtCRC   = 0
	sealAtTopic = 4
	sealAtQueue = 8
	sealAtFirst = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendBlocks appends units, which are whole blocks beginning at queue offset first, as sealed blocks.
func appendBlocks(dst []byte, k Key, first offset.Queue, units []byte) []byte {
	for ; len(units) >= sealAt; units = units[sealAt:] {
		at := len(dst)
		dst = append(dst, units[:sealAt]...)
		dst = binary.BigEndian.AppendUint32(dst, 0)
		dst = binary.BigEndian.AppendUint32(dst, k.Topic)
		dst = binary.BigEndian.AppendUint32(dst, uint32(k.Queue))
		dst = binary.BigEndian.AppendUint64(dst, uint64(first))
		binary.BigEndian.PutUint32(dst[at+sealAt:], blockSum(dst[at:]))
		first += blockUnits
	}
	return dst
}

func blockSum(b []byte) uint32 {
	sum := crc32.Update(0, castagnoli, b[:sealAt])
	return crc32.Update(sum, castagnoli, b[sealAt+sealAtTopic:blockSize])
}

// sealed reports whether b, blockSize bytes, is the block of queue k that begins at first.
func sealed(b []byte, k Key, first offset.Queue) bool {
	seal := b[sealAt:blockSize]
	return binary.BigEndian.Uint32(seal[sealAtTopic:]) == k.Topic &&
		binary.BigEndian.Uint32(seal[sealAtQueue:]) == uint32(k.Queue) &&
		binary.BigEndian.Uint64(seal[sealAtFirst:]) == uint64(first) &&
		binary.BigEndian.Uint32(seal[sealAtCRC:]) == blockSum(b)
}

// blocksBytes is the size in a file of n units, a multiple of blockUnits.
func blocksBytes(n offset.Queue) int64 { return int64(n) / blockUnits * blockSize }

// blockFloor is the largest block boundary at or below o; aligned is any block boundary of the queue.
func blockFloor(o, aligned offset.Queue) offset.Queue {
	d := (o - aligned) % blockUnits
	if d < 0 {
		d += blockUnits
	}
	return o - d
}
