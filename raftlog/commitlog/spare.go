package commitlog

import (
	"fmt"
	"path"

	"github.com/raftmq/raftmq/internal/vfs"
)

// spare is a preallocated file that will be the next segment. It has no header and no position yet.
type spare struct {
	file      vfs.File
	name      string
	allocated int64
}

// newSpare reserves the disk space of a segment. ErrFull if there is none; nothing is left behind then.
func newSpare(fsys vfs.FS, dir string, number int64, segmentBytes int64) (*spare, error) {
	name := path.Join(dir, fmt.Sprintf("%s%d", sparePrefix, number))
	if err := removeIfThere(fsys, name); err != nil {
		return nil, err
	}
	file, err := fsys.Create(name)
	if err != nil {
		return nil, fullError(err)
	}
	s := &spare{file: file, name: name}
	if err := s.reserve(SegmentHeaderSize + segmentBytes); err != nil {
		s.discard(fsys)
		return nil, err
	}
	if err := file.Sync(); err != nil { // so that the roll has little left to sync
		s.discard(fsys)
		return nil, err
	}
	return s, nil
}

// reserve extends the reserved space to size.
func (s *spare) reserve(size int64) error {
	if size <= s.allocated {
		return nil
	}
	if err := s.file.Preallocate(size); err != nil {
		return fullError(err)
	}
	s.allocated = size
	return nil
}

// become makes the spare the segment of h: header, fsync, name, fsync of the directory. A segment therefore
// never has a name without a header.
func (s *spare) become(fsys vfs.FS, dir string, h segmentHeader) (*segment, error) {
	if _, err := s.file.WriteAt(appendSegmentHeader(nil, h), 0); err != nil {
		return nil, err
	}
	if err := s.file.Sync(); err != nil {
		return nil, err
	}
	name := segmentName(dir, h.first.position)
	if err := fsys.Rename(s.name, name); err != nil {
		return nil, err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return nil, err
	}
	seg := newSegment(s.file, name, h.first)
	seg.allocated = s.allocated
	return seg, nil
}

// discard removes the file. A failure leaves a file that the next Open removes.
func (s *spare) discard(fsys vfs.FS) {
	s.file.Close()
	fsys.Remove(s.name)
}

func fullError(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
