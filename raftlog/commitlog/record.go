package commitlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

// A record is one Raft entry. All integers are big-endian. Its position is the sum of the sizes of all records
// before it (design D2).
//
//	record, 40 + length bytes
//	  0  u32  header CRC-32C of bytes 4 to 39, seeded with group UUID and position
//	  4  u32  length of the data
//	  8  u64  index
//	 16  u64  term
//	 24  i64  appendedAt, ns since 1970; 0 if the entry has none
//	 32  u8   type, hashicorp/raft's LogType
//	 33  u8   flags: 1 = batch
//	 34  u16  0
//	 36  u32  data CRC-32C: of the data; of a batch, of its envelope and sub-record headers
//	 40       data
//
// The header has a CRC of its own so that it can be trusted, and the next record found, without reading the
// data. The seed is the CRC-32C of the 16 bytes of the group UUID and the position as i64: bytes inside a
// message, or of a record at another place or of another group, never pass for a record (design D3).
const (
	RecordHeaderSize = 40
	// DataBytesMax bounds the data of one record. What is longer is refused before anything is written, and
	// what claims to be longer is no record.
	DataBytesMax = 64 << 20

	flagBatch = 1
	typeMax   = 15 // hashicorp/raft has 0 to 5
)

// castagnoli is the table of CRC-32C. It is never written to.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seed is the CRC-32C of a group's UUID; at continues it with a position.
type seed uint32

func newSeed(group UUID) seed { return seed(crc32.Checksum(group[:], castagnoli)) }

// at computes by table, since crc32.Update would move eight bytes to the heap for each record.
func (s seed) at(pos offset.Physical) uint32 {
	crc := ^uint32(s)
	for shift := 56; shift >= 0; shift -= 8 {
		crc = castagnoli[byte(crc)^byte(pos>>shift)] ^ crc>>8
	}
	return ^crc
}

// header is the decoded header of a record.
type header struct {
	length     uint32
	index      offset.Index
	term       offset.Term
	appendedAt int64 // ns since 1970
	kind       uint8 // LogType
	flags      uint8
	dataCRC    uint32
}

// size is the whole record in bytes.
func (h header) size() int64 { return RecordHeaderSize + int64(h.length) }

func (h header) entry(data []byte) Entry {
	e := Entry{Index: h.index, Term: h.term, Type: h.kind, Data: data}
	if h.appendedAt != 0 {
		e.AppendedAt = time.Unix(0, h.appendedAt)
	}
	return e
}

// headerOf describes an entry, summing its data. scratch is newScratch's.
func headerOf(e *Entry, scratch []byte) header {
	h := header{length: uint32(len(e.Data)), index: e.Index, term: e.Term, kind: e.Type}
	if !e.AppendedAt.IsZero() {
		h.appendedAt = e.AppendedAt.UnixNano()
	}
	if e.Type == typeCommand {
		if sum, err := sumBatch(e.Data, scratch, false); err == nil {
			h.flags, h.dataCRC = flagBatch, sum
			return h
		}
	}
	h.dataCRC = crc32.Checksum(e.Data, castagnoli)
	return h
}

// typeCommand is hashicorp/raft's LogCommand.
const typeCommand = 0

// appendHeader appends the header of the record at pos.
func appendHeader(dst []byte, h header, s seed, pos offset.Physical) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, h.length)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.index))
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.term))
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.appendedAt))
	dst = append(dst, h.kind, h.flags, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, h.dataCRC)
	binary.BigEndian.PutUint32(dst[start:], crc32.Update(s.at(pos), castagnoli, dst[start+4:]))
	return dst
}

// decodeHeader reads the header of the record at pos. It checks the fixed parts (ErrMagic: this is no record),
// the length (ErrLength) and the header CRC (ErrCorrupt), in this order, which is also the cheapest for the
// search for a record in garbage.
func decodeHeader(b []byte, s seed, pos offset.Physical) (header, error) {
	if len(b) < RecordHeaderSize {
		return header{}, fmt.Errorf("%d bytes for a record header: %w", len(b), ErrLength)
	}
	if b[32] > typeMax || b[33]&^flagBatch != 0 || b[34]|b[35] != 0 {
		return header{}, ErrMagic
	}
	h := header{
		length:     binary.BigEndian.Uint32(b[4:]),
		index:      offset.Index(binary.BigEndian.Uint64(b[8:])),
		term:       offset.Term(binary.BigEndian.Uint64(b[16:])),
		appendedAt: int64(binary.BigEndian.Uint64(b[24:])),
		kind:       b[32],
		flags:      b[33],
		dataCRC:    binary.BigEndian.Uint32(b[36:]),
	}
	if h.length > DataBytesMax {
		return header{}, fmt.Errorf("data of %d bytes: %w", h.length, ErrLength)
	}
	if crc32.Update(s.at(pos), castagnoli, b[4:RecordHeaderSize]) != binary.BigEndian.Uint32(b) {
		return header{}, ErrCorrupt
	}
	return h, nil
}

// verifyData checks all the data of a record, every payload of a batch included.
func (h header) verifyData(data []byte) error {
	sum := uint32(0)
	if h.flags&flagBatch == 0 {
		sum = crc32.Checksum(data, castagnoli)
	} else {
		var err error
		if sum, err = sumBatch(data, newScratch(), true); err != nil {
			return err
		}
	}
	if sum != h.dataCRC {
		return ErrCorrupt
	}
	return nil
}
