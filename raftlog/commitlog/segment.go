package commitlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// A segment is a file of consecutive records, named by the position of the first one in 20 digits. Its header is
// no part of the stream of positions. All integers are big-endian.
//
//	segment header, 64 bytes
//	  0  u32  magic "RMQL"
//	  4  u32  format version 1
//	  8  16   group UUID
//	 24  16   instance UUID of the member
//	 40  u64  index of the first record
//	 48  i64  position of the first record
//	 56  u32  0
//	 60  u32  CRC-32C of bytes 0 to 59
const (
	SegmentHeaderSize = 64

	segmentMagic   = 0x524d514c
	segmentVersion = 1
)

// place is a boundary between records: the record that begins there has this index and this position.
type place struct {
	index    offset.Index
	position offset.Physical
}

// segmentHeader is the decoded header of a segment file.
type segmentHeader struct {
	group, instance UUID
	first           place
}

func appendSegmentHeader(dst []byte, h segmentHeader) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, segmentMagic)
	dst = binary.BigEndian.AppendUint32(dst, segmentVersion)
	dst = append(dst, h.group[:]...)
	dst = append(dst, h.instance[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.first.index))
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.first.position))
	dst = append(dst, 0, 0, 0, 0)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// decodeSegmentHeader checks length (ErrLength), magic (ErrMagic), version (ErrVersion) and CRC (ErrCorrupt).
func decodeSegmentHeader(b []byte) (segmentHeader, error) {
	if len(b) < SegmentHeaderSize {
		return segmentHeader{}, fmt.Errorf("segment header of %d bytes: %w", len(b), ErrLength)
	}
	if binary.BigEndian.Uint32(b) != segmentMagic {
		return segmentHeader{}, fmt.Errorf("segment header: %w", ErrMagic)
	}
	if v := binary.BigEndian.Uint32(b[4:]); v != segmentVersion {
		return segmentHeader{}, fmt.Errorf("segment header version %d: %w", v, ErrVersion)
	}
	if crc32.Checksum(b[:60], castagnoli) != binary.BigEndian.Uint32(b[60:]) {
		return segmentHeader{}, fmt.Errorf("segment header: %w", ErrCorrupt)
	}
	return segmentHeader{
		group:    UUID(b[8:24]),
		instance: UUID(b[24:40]),
		first: place{
			index:    offset.Index(binary.BigEndian.Uint64(b[40:])),
			position: offset.Physical(binary.BigEndian.Uint64(b[48:])),
		},
	}, nil
}

// segment is an open segment file. Log.mu protects offsets and size; allocated is the writer's; the rest does
// not change.
type segment struct {
	first place
	name  string // with the directory
	file  vfs.File
	// refs counts the list of segments and every reader; the file is closed when it falls to zero, so that a
	// read under way survives the removal of the segment.
	refs atomic.Int64

	// offsets holds where each record begins, relative to first.position: four bytes a record are the whole
	// index in memory.
	offsets []uint32
	size    int64 // bytes of records

	allocated int64 // bytes of the file that certainly have disk space
	indexed   bool  // the index file was written or read; the keeper's
}

func newSegment(file vfs.File, name string, first place) *segment {
	s := &segment{first: first, name: name, file: file}
	s.refs.Store(1)
	return s
}

// acquire needs Log.mu: taking a segment from the list and counting oneself is one step.
func (s *segment) acquire() { s.refs.Add(1) }

func (s *segment) release() {
	if s.refs.Add(-1) == 0 {
		s.file.Close() // everything that must be durable was synced before
	}
}

// end is the place of the record after the last one.
func (s *segment) end() place {
	return place{s.first.index + offset.Index(len(s.offsets)), s.first.position + offset.Physical(s.size)}
}

// record returns where the i-th record begins and its size.
func (s *segment) record(i int) (pos offset.Physical, size int64) {
	start, end := int64(s.offsets[i]), s.size
	if i+1 < len(s.offsets) {
		end = int64(s.offsets[i+1])
	}
	return s.first.position + offset.Physical(start), end - start
}

// recordAt returns the number of the record that holds the byte at pos, which is within the segment.
func (s *segment) recordAt(pos offset.Physical) int {
	within := uint32(pos - s.first.position)
	return sort.Search(len(s.offsets), func(i int) bool { return s.offsets[i] > within }) - 1
}

// fileOffset is where the byte at pos is in the file.
func (s *segment) fileOffset(pos offset.Physical) int64 {
	return SegmentHeaderSize + int64(pos-s.first.position)
}

func segmentName(dir string, first offset.Physical) string { return path.Join(dir, first.String()) }

// parseSegmentName returns the position in a segment's name, without the directory.
func parseSegmentName(name string) (first offset.Physical, ok bool) {
	n, err := strconv.ParseInt(name, 10, 64)
	if err != nil || n < 0 || offset.Physical(n).String() != name {
		return 0, false
	}
	return offset.Physical(n), true
}

const indexSuffix = ".index"

func indexName(dir string, first offset.Physical) string {
	return segmentName(dir, first) + indexSuffix
}

func parseIndexName(name string) (first offset.Physical, ok bool) {
	base, found := strings.CutSuffix(name, indexSuffix)
	if !found {
		return 0, false
	}
	return parseSegmentName(base)
}
