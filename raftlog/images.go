package raftlog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

const (
	imagesDir      = "images"
	imageTmp       = "tmp-"
	imageMetaFile  = "meta"
	imageStateFile = "state"
)

// imageStore keeps the published images (design D13) and serves them to raft as its SnapshotStore. Raft never makes one.
type imageStore struct {
	fs      vfs.FS
	dir     string
	log     *commitlog.Log
	history *confHistory
	logger  hclog.Logger

	// changing is held, over the I/O, by whoever publishes or removes images; mu only for a moment, so that a status can be asked for
	// while the disk hangs.
	changing sync.Mutex

	mu      sync.Mutex
	indexes []offset.Index // of published images, ascending; changed with changing held, too
	made    uint64         // names temporary directories
	// base is what List returns while raft is being constructed: the index at which the state stands, so that raft
	// applies nothing twice. Nil otherwise.
	base *raft.SnapshotMeta
}

var _ raft.SnapshotStore = (*imageStore)(nil)

// openImageStore finds the published images and removes what was never published.
func openImageStore(o *Options, log *commitlog.Log, history *confHistory, logger hclog.Logger) (*imageStore, error) {
	s := &imageStore{fs: o.FS, dir: path.Join(o.Dir, imagesDir), log: log, history: history, logger: logger}
	if err := mkdirDurably(s.fs, s.dir); err != nil {
		return nil, err
	}
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasPrefix(name, imageTmp) {
			if err := s.fs.RemoveAll(path.Join(s.dir, name)); err != nil {
				return nil, err
			}
			continue
		}
		if index, ok := parseImageName(name); ok {
			s.indexes = append(s.indexes, index)
		}
	}
	slices.Sort(s.indexes)
	return s, nil
}

func imageName(index offset.Index) string { return fmt.Sprintf("%020d", uint64(index)) }

func parseImageName(name string) (offset.Index, bool) {
	index, err := strconv.ParseUint(name, 10, 64)
	return offset.Index(index), err == nil && name == imageName(offset.Index(index))
}

func (s *imageStore) list() []offset.Index {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.indexes)
}

// meta reads the description of a published image.
func (s *imageStore) meta(index offset.Index) (*imageMeta, error) {
	content, ok, err := readSmallFile(s.fs, path.Join(s.dir, imageName(index), imageMetaFile))
	if err == nil && !ok {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("image %d: %w", index, err)
	}
	m, err := decodeImageMeta(content)
	if err == nil && m.index() != index {
		err = fmt.Errorf("%w: it says index %d", errImage, m.index())
	}
	if err != nil {
		return nil, fmt.Errorf("image %d: %w", index, err)
	}
	return m, nil
}

// open opens a published image.
func (s *imageStore) open(index offset.Index) (*openImage, error) {
	m, err := s.meta(index)
	if err != nil {
		return nil, err
	}
	f, err := s.fs.Open(path.Join(s.dir, imageName(index), imageStateFile))
	if err != nil {
		return nil, fmt.Errorf("image %d: %w", index, err)
	}
	return &openImage{meta: m, file: f, rest: io.NewSectionReader(f, 0, m.stateBytes), sum: sha256.New()}, nil
}

// newest opens the newest image whose description is whole; ok is false if there is none.
func (s *imageStore) newest() (image *openImage, ok bool, err error) {
	return s.firstWhole(slices.Backward(s.list()))
}

// oldestInLog opens the oldest image whose boundary is still in the log: everything after it follows from the log.
func (s *imageStore) oldestInLog() (image *openImage, ok bool, err error) {
	first, last := s.log.FirstIndex(), s.log.LastIndex()
	return s.firstWhole(slices.All(slices.DeleteFunc(s.list(), func(i offset.Index) bool { return i < first || i > last })))
}

// firstWhole skips images whose description is damaged: an older or newer one with the log does as well, and so does a log that goes back to
// its first entry.
func (s *imageStore) firstWhole(indexes func(yield func(int, offset.Index) bool)) (*openImage, bool, error) {
	for _, index := range indexes {
		image, err := s.open(index)
		if err == nil {
			return image, true, nil
		}
		if !errors.Is(err, errDamagedFile) && !errors.Is(err, errImage) && !errors.Is(err, fs.ErrNotExist) {
			return nil, false, err
		}
		s.logger.Error("image skipped", "index", index, "error", err)
	}
	return nil, false, nil
}

// publish makes a finished temporary directory the image at index. A whole image that is already there is kept: both are
// the state after the same entry.
func (s *imageStore) publish(tmp string, index offset.Index) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if slices.Contains(s.list(), index) {
		if _, err := s.meta(index); err == nil {
			return s.fs.RemoveAll(tmp)
		}
		if err := s.fs.RemoveAll(path.Join(s.dir, imageName(index))); err != nil { // a damaged one is replaced
			return err
		}
		s.forget(index)
	}
	// The files in tmp are synced. 1. Their names. 2. The switch. 3. Its name.
	if err := s.fs.SyncDir(tmp); err != nil {
		return err
	}
	if err := s.fs.Rename(tmp, path.Join(s.dir, imageName(index))); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.indexes = append(s.indexes, index)
	slices.Sort(s.indexes)
	return nil
}

func (s *imageStore) forget(index offset.Index) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.indexes = slices.DeleteFunc(s.indexes, func(i offset.Index) bool { return i == index })
}

// retain removes the images below from. The first to go is the oldest, so that what is left after a crash is a suffix.
func (s *imageStore) retain(from offset.Index) error {
	return s.removeWhere(func(i offset.Index) bool { return i < from })
}

func (s *imageStore) removeWhere(stale func(offset.Index) bool) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	removed := false
	for _, index := range s.list() {
		if !stale(index) {
			continue
		}
		if err := s.fs.RemoveAll(path.Join(s.dir, imageName(index))); err != nil {
			return fmt.Errorf("image %d: %w", index, err)
		}
		s.forget(index)
		removed = true
	}
	if !removed {
		return nil
	}
	return s.fs.SyncDir(s.dir)
}

// setBase sets what List returns while raft is constructed.
func (s *imageStore) setBase(m *raft.SnapshotMeta) {
	s.mu.Lock()
	s.base = m
	s.mu.Unlock()
}

// List implements raft.SnapshotStore: only the newest, which is what raft asks for.
func (s *imageStore) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	base := s.base
	s.mu.Unlock()
	if base != nil {
		return []*raft.SnapshotMeta{base}, nil
	}
	image, ok, err := s.newest()
	if err != nil || !ok {
		return nil, err
	}
	defer image.Close()
	return []*raft.SnapshotMeta{image.meta.snapshotMeta()}, nil
}

// Open implements raft.SnapshotStore. Raft opens a snapshot only to send it; it gets the oldest image whose own index is
// still in the log, and uses the meta returned here. So the receiver ends with all that this member has retained.
func (s *imageStore) Open(string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	image, ok, err := s.oldestInLog()
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, fmt.Errorf("no image with its boundary in the log from %d to %d", s.log.FirstIndex(), s.log.LastIndex())
	}
	return image.meta.snapshotMeta(), image, nil
}

// Create implements raft.SnapshotStore. Raft makes no snapshots here.
func (s *imageStore) Create(raft.SnapshotVersion, uint64, uint64, raft.Configuration, uint64, raft.Transport) (raft.SnapshotSink, error) {
	return nil, errNoSnapshots
}
