package commitlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/raftmq/raftmq/internal/vfs"
)

// An index file holds where the records of a sealed segment begin, so that opening a log does not have to
// follow their headers. It is derived: written without fsync, and made anew when it is missing or does not fit.
// All integers are big-endian.
//
//	index file, 56 + 4 × count bytes
//	  0  u32  magic "RMQX"
//	  4  u32  format version 1
//	  8  16   group UUID
//	 24  u64  index of the first record
//	 32  i64  position of the first record
//	 40  i64  size of all records, bytes
//	 48  u32  count of records
//	 52  u32  CRC-32C of bytes 0 to 51 and 56 to the end
//	 56       count times u32: where a record begins, relative to the first
const (
	indexHeaderSize = 56

	indexMagic   = 0x524d5158
	indexVersion = 1
)

// encodeIndex returns the content of the index file of records at offsets.
func encodeIndex(group UUID, first place, size int64, offsets []uint32) []byte {
	b := make([]byte, 0, indexHeaderSize+4*len(offsets))
	b = binary.BigEndian.AppendUint32(b, indexMagic)
	b = binary.BigEndian.AppendUint32(b, indexVersion)
	b = append(b, group[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(first.index))
	b = binary.BigEndian.AppendUint64(b, uint64(first.position))
	b = binary.BigEndian.AppendUint64(b, uint64(size))
	b = binary.BigEndian.AppendUint32(b, uint32(len(offsets)))
	b = append(b, 0, 0, 0, 0)
	for _, o := range offsets {
		b = binary.BigEndian.AppendUint32(b, o)
	}
	binary.BigEndian.PutUint32(b[52:], indexChecksum(b))
	return b
}

func indexChecksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:52], castagnoli), castagnoli, b[indexHeaderSize:])
}

var errIndexMismatch = errors.New("index file does not fit its segment")

// decodeIndex returns the offsets in an index file, which must be that of the segment from first to end.
func decodeIndex(b []byte, group UUID, first, end place) ([]uint32, error) {
	if len(b) < indexHeaderSize {
		return nil, fmt.Errorf("index file of %d bytes: %w", len(b), ErrLength)
	}
	if binary.BigEndian.Uint32(b) != indexMagic {
		return nil, ErrMagic
	}
	if v := binary.BigEndian.Uint32(b[4:]); v != indexVersion {
		return nil, fmt.Errorf("index file version %d: %w", v, ErrVersion)
	}
	count := uint64(binary.BigEndian.Uint32(b[48:]))
	if uint64(len(b)) != indexHeaderSize+4*count {
		return nil, fmt.Errorf("%d records in an index file of %d bytes: %w", count, len(b), ErrLength)
	}
	if indexChecksum(b) != binary.BigEndian.Uint32(b[52:]) {
		return nil, ErrCorrupt
	}
	if UUID(b[8:24]) != group ||
		binary.BigEndian.Uint64(b[24:]) != uint64(first.index) || count != uint64(end.index-first.index) ||
		binary.BigEndian.Uint64(b[32:]) != uint64(first.position) ||
		binary.BigEndian.Uint64(b[40:]) != uint64(end.position-first.position) {
		return nil, errIndexMismatch
	}
	offsets := make([]uint32, count)
	for i := range offsets {
		offsets[i] = binary.BigEndian.Uint32(b[indexHeaderSize+4*i:])
	}
	return offsets, nil
}

// writeIndexFile replaces the index file name.
func writeIndexFile(fsys vfs.FS, name string, content []byte) error {
	if err := removeIfThere(fsys, name); err != nil {
		return err
	}
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	return errors.Join(err, f.Close())
}

// readIndexFile returns the whole content of an index file, if it is as long as count records make it.
func readIndexFile(fsys vfs.FS, name string, count uint64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if uint64(size) != indexHeaderSize+4*count {
		return nil, errIndexMismatch
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}
