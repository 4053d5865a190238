package keyindex

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/raftmq/raftmq/internal/offset"
)

// Entry says that a message with a key of this hash lies at Position.
type Entry struct {
	Hash      uint32
	Position  offset.Physical
	StoreTime int64 // ms since 1970
}

// ErrDamaged is a run whose bytes are not those that were written. The caller resets the index and adds everything again.
var ErrDamaged = errors.New("key index damaged")

// The header of a run, docs/format/keyindex.md:
//
//	 0  u32  magic, "RMQK"
//	 4  u16  version, 1
//	 6  u16  zero
//	 8  u32  count of entries
//	12  u32  CRC-32C of the header with this field 0
//	16  u64  first log index covered
//	24  u64  log index after the last one covered
//	32  i64  lowest position
//	40  i64  highest position
//	48  i64  lowest store time, ms
//	56  i64  highest store time, ms
const (
	headerSize = 64
	magic      = 0x524D514B
	version    = 1
	crcAt      = 12
)

// Entries follow in blocks of blockEntries, sorted by hash and position, each followed by its CRC-32C; the last block may be shorter.
//
//	 0  u32  hash
//	 4  i64  position
//	12  i64  store time, ms
const (
	entrySize    = 20
	blockEntries = 100
	blockSize    = blockEntries*entrySize + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type header struct {
	count       uint32
	first, next offset.Index
	low, high   offset.Physical
	from, to    int64 // ms
}

func (h *header) append(dst []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, magic)
	dst = binary.BigEndian.AppendUint16(dst, version)
	dst = binary.BigEndian.AppendUint16(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, h.count)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	for _, v := range []uint64{uint64(h.first), uint64(h.next), uint64(h.low), uint64(h.high), uint64(h.from), uint64(h.to)} {
		dst = binary.BigEndian.AppendUint64(dst, v)
	}
	binary.BigEndian.PutUint32(dst[start+crcAt:], crc32.Checksum(dst[start:], castagnoli))
	return dst
}

func decodeHeader(b []byte) (h header, err error) {
	if len(b) != headerSize || binary.BigEndian.Uint32(b) != magic {
		return h, fmt.Errorf("%w: no run", ErrDamaged)
	}
	if v := binary.BigEndian.Uint16(b[4:]); v != version {
		return h, fmt.Errorf("%w: version %d is not known", ErrDamaged, v)
	}
	whole := append([]byte(nil), b...)
	binary.BigEndian.PutUint32(whole[crcAt:], 0)
	if crc32.Checksum(whole, castagnoli) != binary.BigEndian.Uint32(b[crcAt:]) {
		return h, fmt.Errorf("%w: header", ErrDamaged)
	}
	u64 := func(at int) uint64 { return binary.BigEndian.Uint64(b[at:]) }
	h = header{
		count: binary.BigEndian.Uint32(b[8:]), first: offset.Index(u64(16)), next: offset.Index(u64(24)),
		low: offset.Physical(u64(32)), high: offset.Physical(u64(40)), from: int64(u64(48)), to: int64(u64(56)),
	}
	return h, nil
}

func appendEntry(dst []byte, e Entry) []byte {
	dst = binary.BigEndian.AppendUint32(dst, e.Hash)
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.Position))
	return binary.BigEndian.AppendUint64(dst, uint64(e.StoreTime))
}

func decodeEntry(b []byte) Entry {
	return Entry{binary.BigEndian.Uint32(b), offset.Physical(binary.BigEndian.Uint64(b[4:])), int64(binary.BigEndian.Uint64(b[12:]))}
}

// appendBlock appends up to blockEntries entries and their checksum.
func appendBlock(dst []byte, entries []Entry) []byte {
	start := len(dst)
	for _, e := range entries {
		dst = appendEntry(dst, e)
	}
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// decodeBlock appends the entries of a block to dst.
func decodeBlock(dst []Entry, b []byte) ([]Entry, error) {
	body := len(b) - 4
	if body < 0 || body%entrySize != 0 || crc32.Checksum(b[:body], castagnoli) != binary.BigEndian.Uint32(b[body:]) {
		return dst, fmt.Errorf("%w: block", ErrDamaged)
	}
	for at := 0; at < body; at += entrySize {
		dst = append(dst, decodeEntry(b[at:]))
	}
	return dst, nil
}
