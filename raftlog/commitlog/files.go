package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

const (
	sparePrefix = "spare-"
	resetPrefix = "reset-"
)

// listing is what a log's directory holds. Names that are not ours are left alone.
type listing struct {
	segments []offset.Physical // sorted
	indexes  []offset.Physical
	spares   []string
	setAside []string // reset-* directories
	side     bool
}

func list(fsys vfs.FS, dir string) (listing, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return listing{}, err
	}
	var l listing
	for _, name := range names {
		if first, ok := parseSegmentName(name); ok {
			l.segments = append(l.segments, first)
		} else if first, ok := parseIndexName(name); ok {
			l.indexes = append(l.indexes, first)
		} else if strings.HasPrefix(name, sparePrefix) {
			l.spares = append(l.spares, name)
		} else if strings.HasPrefix(name, resetPrefix) {
			l.setAside = append(l.setAside, name)
		}
		l.side = l.side || name == sideName
	}
	slices.Sort(l.segments)
	return l, nil
}

// truncateFiles makes the log end at a position, durably. The numbered steps may be interrupted anywhere and
// are done again by recovery, because the intent stands in the side file until the end.
func truncateFiles(fsys vfs.FS, dir string, at offset.Physical) error {
	l, err := list(fsys, dir)
	if err != nil {
		return err
	}
	n, found := slices.BinarySearch(l.segments, at)
	if !found {
		n--
	}
	if n < 0 {
		return &DamageError{File: segmentName(dir, at), Position: at, Reason: "the segment to truncate is missing"}
	}
	// 1. The segments behind go, newest first, and with them every index file that is no longer true.
	for _, first := range slices.Backward(l.segments[n+1:]) {
		if err := fsys.Remove(segmentName(dir, first)); err != nil {
			return err
		}
	}
	for _, first := range l.indexes {
		if first >= l.segments[n] {
			if err := fsys.Remove(indexName(dir, first)); err != nil {
				return err
			}
		}
	}
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	// 2. The segment that holds the position is cut.
	return truncateSegment(fsys, segmentName(dir, l.segments[n]), SegmentHeaderSize+int64(at-l.segments[n]))
}

func truncateSegment(fsys vfs.FS, name string, size int64) error {
	f, err := fsys.OpenReadWrite(name)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// resetFiles sets all segments aside and makes spare, a preallocated file, the only one, which begins at h.first.
// It may be interrupted and done again like truncateFiles.
func resetFiles(fsys vfs.FS, dir string, h segmentHeader, spare *spare) (*segment, error) {
	// 1. Segments and index files move to a new directory.
	aside, err := makeAside(fsys, dir)
	if err != nil {
		return nil, err
	}
	l, err := list(fsys, dir)
	if err != nil {
		return nil, err
	}
	for _, first := range l.indexes {
		if err := fsys.Remove(indexName(dir, first)); err != nil {
			return nil, err
		}
	}
	for _, first := range l.segments {
		if err := fsys.Rename(segmentName(dir, first), segmentName(aside, first)); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(fsys.SyncDir(aside), fsys.SyncDir(dir)); err != nil {
		return nil, err
	}
	// 2. The new segment gets its header and its name.
	return spare.become(fsys, dir, h)
}

// makeAside makes the first reset-* directory that does not exist yet.
func makeAside(fsys vfs.FS, dir string) (string, error) {
	for n := 0; ; n++ {
		name := path.Join(dir, fmt.Sprintf("%s%d", resetPrefix, n))
		if _, err := fsys.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return name, errors.Join(fsys.MkdirAll(name), fsys.SyncDir(dir))
		} else if err != nil {
			return "", err
		}
	}
}

func removeIfThere(fsys vfs.FS, name string) error {
	if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// isFull reports whether an error says that there is no space.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
