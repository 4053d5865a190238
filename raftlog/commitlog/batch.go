package commitlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// The data of a command entry is a batch: an envelope and count sub-records. All integers are big-endian.
//
//	envelope, 24 bytes
//	  0  u8   magic 0xB7
//	  1  u8   version 1
//	  2  u16  flags, 0
//	  4  u32  count of sub-records
//	  8  i64  groupTime, ms: the group's clock for leases (design D16)
//	 16  i64  wallTime, ms since 1970: the leader's clock when the batch was closed
//
//	sub-record, 16 + length bytes
//	  0  u32  length of the payload
//	  4  u32  CRC-32C of bytes 8 to the end
//	  8  u8   kind, see package broker/state
//	  9  u8   version of the kind
//	 10  u16  span: how many of the sub-records after it take effect only if it did
//	 12  u32  0
//	 16       payload
const (
	BatchHeaderSize     = 24
	SubRecordHeaderSize = 16

	batchMagic   = 0xB7
	batchVersion = 1
)

// Batch is a decoded envelope. Rest holds the sub-records that Next has not returned and aliases the input.
type Batch struct {
	Count     uint32
	GroupTime int64 // ms
	WallTime  int64 // ms since 1970
	Rest      []byte
	// Verify makes Next check each sub-record's CRC. DecodeBatch leaves it false: Log.Entry has checked what it
	// read from disk.
	Verify bool

	returned uint32
	size     int // of the whole data
}

// SubRecord is one command within a batch. Payload aliases the input.
type SubRecord struct {
	Kind    uint8
	Version uint8
	Span    uint16
	Payload []byte
	Size    uint32 // header and payload, bytes
}

// AppendBatchHeader appends an envelope for count sub-records, which the caller appends after it. Times are in
// milliseconds.
func AppendBatchHeader(dst []byte, count uint32, groupTime, wallTime int64) []byte {
	dst = append(dst, batchMagic, batchVersion, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, count)
	dst = binary.BigEndian.AppendUint64(dst, uint64(groupTime))
	return binary.BigEndian.AppendUint64(dst, uint64(wallTime))
}

// AppendSubRecord appends one whole sub-record.
func AppendSubRecord(dst []byte, kind, version uint8, span uint16, payload []byte) []byte {
	dst, start := BeginSubRecord(dst, kind, version, span)
	dst = append(dst, payload...)
	FinishSubRecord(dst, start)
	return dst
}

// BeginSubRecord appends the header of a sub-record that begins at start. The caller appends the payload and
// calls FinishSubRecord, so that a payload is encoded where it stays.
func BeginSubRecord(dst []byte, kind, version uint8, span uint16) (out []byte, start int) {
	start = len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, kind, version)
	dst = binary.BigEndian.AppendUint16(dst, span)
	return append(dst, 0, 0, 0, 0), start
}

// FinishSubRecord fills in length and CRC of the sub-record that begins at start and ends at the end of dst.
func FinishSubRecord(dst []byte, start int) {
	b := dst[start:]
	binary.BigEndian.PutUint32(b, uint32(len(b)-SubRecordHeaderSize))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
}

// DecodeBatch reads the envelope at the start of an entry's data. It checks magic (ErrNotBatch), version
// (ErrVersion) and that count sub-records can fit (ErrLength), and allocates nothing.
func DecodeBatch(data []byte) (Batch, error) {
	if len(data) < BatchHeaderSize || data[0] != batchMagic {
		return Batch{}, ErrNotBatch
	}
	if data[1] != batchVersion || data[2]|data[3] != 0 {
		return Batch{}, fmt.Errorf("batch version %d, flags %x: %w", data[1], data[2:4], ErrVersion)
	}
	b := Batch{
		Count:     binary.BigEndian.Uint32(data[4:]),
		GroupTime: int64(binary.BigEndian.Uint64(data[8:])),
		WallTime:  int64(binary.BigEndian.Uint64(data[16:])),
		Rest:      data[BatchHeaderSize:],
		size:      len(data),
	}
	if uint64(b.Count)*SubRecordHeaderSize > uint64(len(b.Rest)) {
		return Batch{}, fmt.Errorf("batch of %d sub-records in %d bytes: %w", b.Count, len(data), ErrLength)
	}
	return b, nil
}

// Next returns the next sub-record and where it begins within the data; its position in the log is
// Log.DataPosition plus that. ok is false after the last one. Errors are ErrLength, also for bytes after the
// last sub-record, and ErrCorrupt if Verify is set.
func (b *Batch) Next() (sub SubRecord, offsetWithinData int, ok bool, err error) {
	at := b.size - len(b.Rest)
	if b.returned == b.Count {
		if len(b.Rest) > 0 {
			err = fmt.Errorf("%d bytes after the last sub-record: %w", len(b.Rest), ErrLength)
		}
		return SubRecord{}, at, false, err
	}
	sub, err = DecodeSubRecord(b.Rest, b.Verify)
	if err != nil {
		return SubRecord{}, at, false, fmt.Errorf("sub-record %d at offset %d: %w", b.returned, at, err)
	}
	b.Rest = b.Rest[sub.Size:]
	b.returned++
	return sub, at, true, nil
}

// DecodeSubRecord reads the sub-record at the start of src, which may be longer. ErrLength if src is too
// short, ErrCorrupt if verify is set and the CRC does not match.
func DecodeSubRecord(src []byte, verify bool) (SubRecord, error) {
	if len(src) < SubRecordHeaderSize {
		return SubRecord{}, fmt.Errorf("%d bytes for a sub-record header: %w", len(src), ErrLength)
	}
	length := binary.BigEndian.Uint32(src)
	if uint64(length) > uint64(len(src)-SubRecordHeaderSize) {
		return SubRecord{}, fmt.Errorf("payload of %d bytes in %d: %w", length, len(src)-SubRecordHeaderSize, ErrLength)
	}
	end := SubRecordHeaderSize + int(length)
	if verify && crc32.Checksum(src[8:end], castagnoli) != binary.BigEndian.Uint32(src[4:]) {
		return SubRecord{}, ErrCorrupt
	}
	return SubRecord{
		Kind:    src[8],
		Version: src[9],
		Span:    binary.BigEndian.Uint16(src[10:]),
		Payload: src[SubRecordHeaderSize:end:end],
		Size:    uint32(end),
	}, nil
}

// VerifyBatch checks an entry's data as a whole: the envelope, that the sub-records fill it exactly, and every
// CRC. Whoever takes data from another member calls it before appending.
func VerifyBatch(data []byte) error {
	_, err := sumBatch(data, newScratch(), true)
	return err
}

// newScratch returns the space that sumBatch gathers headers in; a writer keeps it.
func newScratch() []byte { return make([]byte, 0, 4096) }

// sumBatch returns the CRC-32C of the envelope and of the headers of the sub-records. Their payloads are covered
// by the CRCs in those headers, so that an append sums no byte twice, and checked here if payloads is set. Headers
// are gathered in scratch, because summing sixteen bytes at a time costs ten times as much.
func sumBatch(data, scratch []byte, payloads bool) (uint32, error) {
	b, err := DecodeBatch(data)
	if err != nil {
		return 0, err
	}
	sum := crc32.Update(0, castagnoli, data[:BatchHeaderSize])
	for rest := b.Rest; b.returned < b.Count || len(rest) > 0; b.returned++ {
		if b.returned == b.Count || len(rest) < SubRecordHeaderSize {
			return 0, ErrLength
		}
		length := binary.BigEndian.Uint32(rest)
		if uint64(length) > uint64(len(rest)-SubRecordHeaderSize) {
			return 0, ErrLength
		}
		end := SubRecordHeaderSize + int(length)
		if payloads && crc32.Checksum(rest[8:end], castagnoli) != binary.BigEndian.Uint32(rest[4:]) {
			return 0, ErrCorrupt
		}
		if len(scratch)+SubRecordHeaderSize > cap(scratch) {
			sum, scratch = crc32.Update(sum, castagnoli, scratch), scratch[:0]
		}
		scratch = append(scratch, rest[:SubRecordHeaderSize]...)
		rest = rest[end:]
	}
	return crc32.Update(sum, castagnoli, scratch), nil
}
