package raftlog

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// An image lies in images/<index in 20 digits>: the file state holds what the Applier wrote, the file meta what follows. All
// integers are big-endian.
//
//	 0  "RMQI"
//	 4  u16  version 1
//	 6  u16  0
//	 8  u64  index of the boundary entry: the image is the state after exactly this entry
//	16  u64  term of the boundary entry
//	24  i64  position of the boundary entry's record
//	32  i64  appendedAt of the boundary entry, ns since 1970 or 0
//	40  u8   type of the boundary entry
//	41  u8[3] 0
//	44  u32  length of the configuration
//	48  u64  index of the configuration's entry
//	56  i64  size of the state in bytes
//	64  [32] SHA-256 of the state
//	96       configuration, as in the log; then the boundary entry's data
//
// The boundary entry comes along because it is the first record of the log of a member that was given the image (design D13).
const (
	imageMagic      = "RMQI"
	imageVersion    = 1
	imageFixedBytes = 96
	imageStateMax   = 1 << 40
)

var errImage = errors.New("image cannot be used")

// imageMeta describes an image.
type imageMeta struct {
	boundary   commitlog.Entry
	position   offset.Physical
	membership membership
	stateBytes int64
	sum        [sha256.Size]byte
}

func (m *imageMeta) index() offset.Index { return m.boundary.Index }

func (m *imageMeta) encode() []byte {
	conf := raft.EncodeConfiguration(raft.Configuration{Servers: m.membership.Servers})
	b := append([]byte(nil), imageMagic...)
	b = binary.BigEndian.AppendUint16(b, imageVersion)
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(m.boundary.Index))
	b = binary.BigEndian.AppendUint64(b, uint64(m.boundary.Term))
	b = binary.BigEndian.AppendUint64(b, uint64(m.position))
	b = binary.BigEndian.AppendUint64(b, uint64(nanosOf(m.boundary.AppendedAt)))
	b = append(b, m.boundary.Type, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(conf)))
	b = binary.BigEndian.AppendUint64(b, uint64(m.membership.Index))
	b = binary.BigEndian.AppendUint64(b, uint64(m.stateBytes))
	b = append(b, m.sum[:]...)
	return append(append(b, conf...), m.boundary.Data...)
}

// decodeImageMeta decodes and checks what encode made. The boundary's data aliases b.
func decodeImageMeta(b []byte) (*imageMeta, error) {
	s := scanner{src: b}
	if string(s.bytes(len(imageMagic))) != imageMagic {
		return nil, fmt.Errorf("%w: no image", errImage)
	}
	if v := s.uint16(); v != imageVersion {
		return nil, fmt.Errorf("%w: version %d, this program knows %d", errImage, v, imageVersion)
	}
	s.uint16()
	m := &imageMeta{}
	m.boundary.Index, m.boundary.Term = offset.Index(s.uint64()), offset.Term(s.uint64())
	m.position = offset.Physical(s.uint64())
	m.boundary.AppendedAt = timeOf(int64(s.uint64()))
	m.boundary.Type = s.uint8()
	s.bytes(3)
	confBytes := int(s.uint32())
	m.membership.Index = offset.Index(s.uint64())
	m.stateBytes = int64(s.uint64())
	copy(m.sum[:], s.bytes(len(m.sum)))
	conf := s.bytes(confBytes)
	if s.err != nil {
		return nil, fmt.Errorf("%w: %w", errImage, s.err)
	}
	m.boundary.Data = s.src
	return m, m.check(conf)
}

func (m *imageMeta) check(conf []byte) error {
	c, err := decodeConfiguration(conf)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errImage, err)
	case m.boundary.Index == 0 || m.boundary.Term == 0 || m.position < 0 || m.stateBytes < 0 || m.stateBytes > imageStateMax:
		return fmt.Errorf("%w: index %d, term %d, position %d, %d bytes", errImage, m.boundary.Index, m.boundary.Term, m.position, m.stateBytes)
	case m.membership.Index == 0 || m.membership.Index > m.boundary.Index || len(c.Servers) == 0:
		return fmt.Errorf("%w: configuration of index %d with %d servers", errImage, m.membership.Index, len(c.Servers))
	case raft.LogType(m.boundary.Type) != raft.LogCommand:
		return fmt.Errorf("%w: boundary entry of type %d", errImage, m.boundary.Type)
	}
	m.membership.Servers = c.Servers
	if err := commitlog.VerifyBatch(m.boundary.Data); err != nil {
		return fmt.Errorf("%w: boundary entry %d: %w", errImage, m.boundary.Index, err)
	}
	return nil
}

// snapshotMeta is the image as raft knows snapshots.
func (m *imageMeta) snapshotMeta() *raft.SnapshotMeta {
	return &raft.SnapshotMeta{
		Version: raft.SnapshotVersionMax, ID: strconv.FormatUint(uint64(m.boundary.Index), 10),
		Index: uint64(m.boundary.Index), Term: uint64(m.boundary.Term),
		Configuration: raft.Configuration{Servers: m.membership.Servers}, ConfigurationIndex: uint64(m.membership.Index),
		Size: m.stateBytes,
	}
}
