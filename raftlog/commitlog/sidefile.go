package commitlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// The side file holds what must be known about a log beside its segments, in two slots of one page each. They are
// written in turn, so that a torn write loses at most the newer one; what must not be forgotten even if the newer
// one rots is written to both. All integers are big-endian.
//
//	slot, 120 bytes, at 0 and at 4096
//	  0  u32  magic "RMQS"
//	  4  u32  format version 1
//	  8  u64  sequence: the valid slot with the higher one counts
//	 16  16   group UUID
//	 32  u64  index of the first retained record
//	 40  i64  position of the first retained record
//	 48  i64  durable mark: everything before it was fsynced, a lower bound
//	 56  i64  position of the first record of the newest segment
//	 64  i64  W, the most bytes that may be unsynced (design D10)
//	 72  u8   intent: 0 none, 1 truncation, 2 reset
//	 73  u8   clean: 1 = closed, and the log ends at the durable mark
//	 74  u16  0
//	 76  u32  0
//	 80  u64  index of the intent
//	 88  i64  position of the intent
//	 96  16   0
//	112  u32  0
//	116  u32  CRC-32C of bytes 0 to 115
const (
	sideSlotSize   = 120
	sideSlotStride = 4096

	sideMagic   = 0x524d5153
	sideVersion = 1

	sideName    = "mark"
	sideTmpName = "mark.tmp"
)

// intent is an operation on several files that recovery finishes if it finds it begun.
type intent uint8

const (
	intentNone intent = iota
	// intentTruncate: everything from the target on goes.
	intentTruncate
	// intentReset: all segments are set aside and an empty one begins at the target.
	intentReset
)

// sideState is the content of a slot.
type sideState struct {
	group       UUID
	first       place
	mark        offset.Physical
	lastSegment offset.Physical
	window      int64 // W
	intent      intent
	target      place
	clean       bool
}

func appendSideSlot(dst []byte, sequence uint64, s sideState) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, sideMagic)
	dst = binary.BigEndian.AppendUint32(dst, sideVersion)
	dst = binary.BigEndian.AppendUint64(dst, sequence)
	dst = append(dst, s.group[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.first.index))
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.first.position))
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.mark))
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.lastSegment))
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.window))
	dst = append(dst, byte(s.intent), 0, 0, 0, 0, 0, 0, 0)
	if s.clean {
		dst[start+73] = 1
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.target.index))
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.target.position))
	dst = append(dst, make([]byte, 20)...)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// decodeSideSlot checks length (ErrLength), magic (ErrMagic), version (ErrVersion) and CRC (ErrCorrupt).
func decodeSideSlot(b []byte) (sequence uint64, s sideState, err error) {
	if len(b) < sideSlotSize {
		return 0, s, fmt.Errorf("slot of %d bytes: %w", len(b), ErrLength)
	}
	if binary.BigEndian.Uint32(b) != sideMagic {
		return 0, s, fmt.Errorf("slot: %w", ErrMagic)
	}
	if v := binary.BigEndian.Uint32(b[4:]); v != sideVersion {
		return 0, s, fmt.Errorf("slot version %d: %w", v, ErrVersion)
	}
	if crc32.Checksum(b[:116], castagnoli) != binary.BigEndian.Uint32(b[116:]) {
		return 0, s, fmt.Errorf("slot: %w", ErrCorrupt)
	}
	number := func(at int) uint64 { return binary.BigEndian.Uint64(b[at:]) }
	return number(8), sideState{
		group:       UUID(b[16:32]),
		first:       place{offset.Index(number(32)), offset.Physical(number(40))},
		mark:        offset.Physical(number(48)),
		lastSegment: offset.Physical(number(56)),
		window:      int64(number(64)),
		intent:      intent(b[72]),
		clean:       b[73] == 1,
		target:      place{offset.Index(number(80)), offset.Physical(number(88))},
	}, nil
}

// sideFile is the open side file.
type sideFile struct {
	file vfs.File

	mu       ioLock // held over the writes: they are rare and must keep their order
	state    sideState
	sequence uint64
}

// createSideFile makes the side file durable, with s in both slots, before it gets its name.
func createSideFile(fsys vfs.FS, dir string, s sideState) error {
	tmp := path.Join(dir, sideTmpName)
	if err := removeIfThere(fsys, tmp); err != nil {
		return err
	}
	f, err := fsys.Create(tmp)
	if err != nil {
		return err
	}
	side := &sideFile{file: f, state: s}
	if err := errors.Join(side.update(true, func(*sideState) {}), f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(tmp, path.Join(dir, sideName)); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// openSideFile reads the newer valid slot. No valid slot is a *DamageError. open is FS.OpenReadWrite, or FS.Open
// for who only looks.
func openSideFile(open func(string) (vfs.File, error), dir string) (*sideFile, error) {
	name := path.Join(dir, sideName)
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	side := &sideFile{file: f}
	if err := side.load(); err != nil {
		f.Close()
		if isBad(err) && !errors.Is(err, ErrVersion) {
			return nil, &DamageError{File: name, Reason: "no valid slot: " + err.Error()}
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return side, nil
}

func (s *sideFile) load() error {
	var errs []error
	for slot := range int64(2) {
		b := make([]byte, sideSlotSize)
		n, err := s.file.ReadAt(b, slot*sideSlotStride)
		if err != nil && err != io.EOF {
			return err
		}
		sequence, state, err := decodeSideSlot(b[:n])
		switch {
		case err != nil:
			errs = append(errs, err)
		case sequence >= s.sequence:
			s.sequence, s.state = sequence, state
		}
	}
	if len(errs) == 2 {
		return errBad{errors.Join(errs...)}
	}
	return nil
}

// update changes the state and makes it durable in the older slot, or in both. change runs under the lock, so
// that what it reads elsewhere is as new as the write; on an error the Log must be latched.
func (s *sideFile) update(both bool, change func(*sideState)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
	if err := s.writeLocked(); err != nil || !both {
		return err
	}
	return s.writeLocked()
}

func (s *sideFile) writeLocked() error {
	s.sequence++
	slot := appendSideSlot(nil, s.sequence, s.state)
	if _, err := s.file.WriteAt(slot, int64(s.sequence%2)*sideSlotStride); err != nil {
		return err
	}
	return s.file.Sync()
}
