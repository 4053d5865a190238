package raftlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

const installFile = "install"

// storage is everything a member has on disk besides its identity. It outlives the raft instances within a Node.
type storage struct {
	fs      vfs.FS
	dir     string
	log     *commitlog.Log
	stable  *stableStore
	history *confHistory
	images  *imageStore
	applier Applier
	logger  hclog.Logger

	// What the disk had when it was opened, for standings.
	heldAtOpen offset.Index
	termAtOpen uint64
}

// installMark says that the log is being replaced by an image. From the moment it is durable until it is removed, the image
// at Index, once published, is the beginning of this member's log.
type installMark struct {
	Index offset.Index
	Term  offset.Term
}

// openStorage recovers log and stable store, completes an install that a crash interrupted, and starts the Applier.
func openStorage(o *Options, id identity, h host, logger hclog.Logger) (*storage, error) {
	s := &storage{fs: o.FS, dir: o.Dir, applier: o.Applier, logger: logger}
	h.s = s
	err := s.open(o, id, h)
	if err == nil {
		err = s.start(h)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *storage) open(o *Options, id identity, h host) (err error) {
	if err := mkdirDurably(o.FS, path.Join(o.Dir, logDir)); err != nil {
		return err
	}
	s.log, err = commitlog.Open(commitlog.Options{
		FS: o.FS, Dir: path.Join(o.Dir, logDir), Group: id.group(), Instance: commitlog.UUID(id.Instance),
		SegmentBytes: o.SegmentBytes, Flush: o.Flush, FlushInterval: o.FlushInterval,
		TailCacheBytes: o.TailCacheBytes, ReserveBytes: o.ReserveBytes, OnDamage: h.damaged, Logger: o.Logger.Named("commitlog"),
	})
	if errors.Is(err, commitlog.ErrCorrupt) {
		return fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	if err != nil {
		return err
	}
	if s.stable, err = openStableStore(o.RealDir, h.Fatal); err != nil {
		return err
	}
	if o.RealDir == o.Dir { // bbolt makes its file and leaves the directory to the next power cut
		if err := o.FS.SyncDir(o.Dir); err != nil {
			return err
		}
	}
	if s.log.LastIndex() > 0 && s.stable.missing() {
		return fmt.Errorf("%w: the log reaches index %d but %s in %s has no term: this member could vote twice", ErrQuarantined, s.log.LastIndex(), stableFile, o.RealDir)
	}
	if s.history, err = openConfHistory(o, s.logger); err != nil {
		return err
	}
	s.images, err = openImageStore(o, s.log, s.history, s.logger)
	return err
}

// start brings log, images and state together (design D13, start rule).
func (s *storage) start(host Host) error {
	marked, err := s.completeInstall()
	if err != nil {
		return err
	}
	last := s.log.LastIndex()
	if images := s.images.list(); len(images) > 0 && images[len(images)-1] > last {
		return fmt.Errorf("%w: the log ends at index %d, before the image of index %d that was made from it", ErrQuarantined, last, images[len(images)-1])
	}
	if err := s.applier.Start(host); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	applied := s.applier.Applied()
	if applied > last {
		s.applier.Stop()
		return fmt.Errorf("%w: the state stands at index %d, beyond the end of the log at %d", ErrQuarantined, applied, last)
	}
	if err := s.verifyUnapplied(applied, last); err != nil {
		s.applier.Stop()
		return err
	}
	s.log.SetCommitted(applied)
	s.heldAtOpen, s.termAtOpen = last, s.stable.currentTerm()
	if marked {
		return removeDurably(s.fs, path.Join(s.dir, installFile))
	}
	return nil
}

// verifyUnapplied reads what raft will hand to the state machine. Recovery has looked at the headers below the durable mark only, and
// raft panics on an entry that it cannot read.
func (s *storage) verifyUnapplied(applied, last offset.Index) error {
	for i := max(applied+1, s.log.FirstIndex()); i <= last; i++ {
		if _, err := s.log.Entry(i); errors.Is(err, commitlog.ErrCorrupt) {
			return fmt.Errorf("%w: %w", ErrQuarantined, err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// completeInstall finishes what begin marked. The image's rename is the commit point: without the image the mark is void.
func (s *storage) completeInstall() (marked bool, err error) {
	content, ok, err := readSmallFile(s.fs, path.Join(s.dir, installFile))
	if err != nil || !ok {
		return false, err
	}
	var mark installMark
	if err := json.Unmarshal(content, &mark); err != nil {
		return false, fmt.Errorf("%s: %w", installFile, err)
	}
	if !slices.Contains(s.images.list(), mark.Index) {
		return true, nil
	}
	m, err := s.images.meta(mark.Index)
	if err != nil {
		return false, fmt.Errorf("%w: an install was interrupted: %w", ErrQuarantined, err)
	}
	s.logger.Warn("completing an install that was interrupted", "index", mark.Index)
	return true, s.restart(m)
}

// begin marks an install and publishes the received image. After it, either the old log is whole or the install will be
// completed, at the latest by the next start.
func (s *storage) begin(w *imageWriter, m *imageMeta) (begun bool, err error) {
	content, err := json.Marshal(installMark{Index: m.index(), Term: m.boundary.Term})
	if err != nil {
		return false, err
	}
	// 1. The mark. 2. The image's rename, which makes the mark count.
	name := path.Join(s.dir, installFile)
	if err := writeSmallFile(s.fs, name, content); err != nil {
		return removeDurably(s.fs, name) != nil, err
	}
	return true, s.images.publish(w.tmp, m.index())
}

// restart makes the boundary of an image the first record of the log and its configuration the only one known. It may be
// repeated.
func (s *storage) restart(m *imageMeta) error {
	if s.log.FirstIndex() != m.index() || !s.holds(m.index(), m.boundary.Term) {
		if err := s.log.Reset(m.index(), m.position); err != nil {
			return fmt.Errorf("log reset to index %d: %w", m.index(), err)
		}
		if err := s.log.Append([]commitlog.Entry{m.boundary}); err != nil {
			return fmt.Errorf("boundary %d: %w", m.index(), err)
		}
	}
	if err := s.history.reset(m.membership); err != nil {
		return err
	}
	return s.images.removeWhere(func(i offset.Index) bool { return i != m.index() })
}

// install replaces log and state by a received image. No raft instance runs meanwhile. An error after it has begun is fatal:
// the next start completes what this one did not.
func (s *storage) install(w *imageWriter, m *imageMeta) (begun bool, err error) {
	if begun, err := s.begin(w, m); err != nil {
		return begun, err
	}
	if err := s.restart(m); err != nil {
		return true, err
	}
	image, err := s.images.open(m.index())
	if err != nil {
		return true, err
	}
	defer image.Close()
	if err := s.applier.Install(m.index(), image); err != nil {
		return true, fmt.Errorf("state: %w", err)
	}
	s.log.SetCommitted(m.index())
	return true, removeDurably(s.fs, path.Join(s.dir, installFile))
}

// base is the snapshot that raft is told of when it starts: the index at which the state stands, with the configuration in
// force there. Raft then neither scans nor applies what lies before it. Without a known configuration it is nil, and raft
// goes on from the newest image or the first entry.
func (s *storage) base() *raft.SnapshotMeta {
	applied := s.applier.Applied()
	members, ok := s.history.at(applied)
	if applied == 0 || !ok {
		return nil
	}
	e, err := s.log.Header(applied)
	if err != nil {
		return nil
	}
	return &raft.SnapshotMeta{
		Version: raft.SnapshotVersionMax, ID: "state", Index: uint64(applied), Term: uint64(e.Term),
		Configuration: raft.Configuration{Servers: members.Servers}, ConfigurationIndex: uint64(members.Index),
	}
}

// close closes what is open. The Applier is stopped by the Node.
func (s *storage) close() error {
	var errs []error
	if s.stable != nil {
		errs = append(errs, s.stable.Close())
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	return errors.Join(errs...)
}
