package commitlog

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/raftmq/raftmq/internal/offset"
)

// Open recovers the log in o.Dir, or starts an empty one at index 1 and position 0. A torn tail is cut; any
// other damage returns a *DamageError and changes nothing on disk (design D10, D11). ErrForeign: the files are of
// another group or instance. ErrFull: a new log has no space. When it returns, every record up to LastIndex is
// durable, also those that an fsync that failed left in the page cache only.
func Open(o Options) (*Log, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	side, err := prepare(o)
	if err != nil {
		return nil, fmt.Errorf("log in %s: %w", o.Dir, err)
	}
	l, err := recoverLog(o, side)
	if err != nil {
		side.file.Close()
		return nil, fmt.Errorf("log in %s: %w", o.Dir, err)
	}
	l.running.Go(l.runKeeper)
	l.running.Go(l.runFlusher)
	return l, nil
}

// prepare opens the side file, after making it for a new log, and finishes what was begun when the process ended.
func prepare(o Options) (*sideFile, error) {
	if err := createIfNew(o); err != nil {
		return nil, err
	}
	side, err := openSideFile(o.FS.OpenReadWrite, o.Dir)
	if err != nil {
		return nil, err
	}
	if side.state.group != o.Group {
		err = fmt.Errorf("group %s: %w", side.state.group, ErrForeign)
	} else {
		err = finishIntent(o, side)
	}
	if err != nil {
		side.file.Close()
		return nil, err
	}
	return side, nil
}

// createIfNew starts an empty directory with a side file that intends a reset to the first place of all: a new log
// is made like one that continues elsewhere. Without side file there must be nothing else.
func createIfNew(o Options) error {
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return err
	}
	files, err := list(o.FS, o.Dir)
	if err != nil || files.side {
		return err
	}
	if len(files.segments) > 0 || len(files.setAside) > 0 {
		return &DamageError{File: path.Join(o.Dir, sideName), Reason: "the side file is missing"}
	}
	if err := o.FS.SyncDir(path.Dir(path.Clean(o.Dir))); err != nil {
		return err
	}
	start := place{index: 1}
	return createSideFile(o.FS, o.Dir, sideState{
		group: o.Group, first: start, window: o.UnsyncedBytesMax, intent: intentReset, target: start,
	})
}

// finishIntent does the numbered steps of an interrupted truncation or reset again.
func finishIntent(o Options, side *sideFile) error {
	target := side.state.target
	switch side.state.intent {
	case intentNone:
		return nil
	case intentTruncate:
		if err := truncateFiles(o.FS, o.Dir, target.position); err != nil {
			return err
		}
		return side.update(true, func(s *sideState) { s.intent, s.target = intentNone, place{} })
	case intentReset:
		spare, err := newSpare(o.FS, o.Dir, 0, o.SegmentBytes)
		if err != nil {
			return err
		}
		seg, err := resetFiles(o.FS, o.Dir, segmentHeader{o.Group, o.Instance, target}, spare)
		if err != nil {
			spare.file.Close()
			return err
		}
		seg.release()
		return side.update(true, func(s *sideState) { s.begin(target) })
	}
	return fmt.Errorf("intent %d: %w", side.state.intent, ErrVersion)
}

// recoverLog decides first and acts then.
func recoverLog(o Options, side *sideFile) (*Log, error) {
	files, err := list(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	r := &recovery{fs: o.FS, open: o.FS.OpenReadWrite, dir: o.Dir, instance: o.Instance, side: side.state, files: files}
	err = r.load()
	if err == nil {
		err = r.act(o)
	}
	if err == nil {
		err = side.update(true, func(s *sideState) {
			s.mark, s.lastSegment = r.end.position, r.segments[len(r.segments)-1].first.position
			s.window, s.clean = o.UnsyncedBytesMax, false
		})
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return newLog(o, side, r), nil
}

// act makes the directory what load has found: it cuts a torn tail, makes what verifies durable once more (design
// D11), and removes files that interrupted operations left.
func (r *recovery) act(o Options) error {
	if err := r.cutTail(o); err != nil {
		return err
	}
	for _, seg := range r.segments {
		if err := r.rewrite(seg); err != nil {
			return err
		}
	}
	if err := r.removeLeftovers(); err != nil {
		return err
	}
	return r.fs.SyncDir(r.dir) // also for a segment that was named just before the process was killed
}

// cutTail removes what stands behind the end and gives the segment its preallocated zeros back.
func (r *recovery) cutTail(o Options) error {
	seg := r.segments[len(r.segments)-1]
	if r.torn {
		o.Logger.Warn("torn tail cut", "file", seg.name, "position", int64(r.end.position), "reason", r.bad)
		if err := seg.file.Truncate(seg.fileOffset(r.end.position)); err != nil {
			return err
		}
		if err := seg.file.Sync(); err != nil {
			return err
		}
	}
	size := SegmentHeaderSize + max(o.SegmentBytes, seg.size)
	if err := seg.file.Preallocate(size); isFull(err) {
		size = seg.fileOffset(r.end.position) // the next append asks again
	} else if err != nil {
		return err
	}
	seg.allocated = size
	return seg.file.Sync()
}

// rewrite writes the bytes of seg behind the durable mark in place and fsyncs them: after an fsync that failed the
// page cache may hold as clean what the disk never got.
func (r *recovery) rewrite(seg *segment) error {
	from, end := max(r.side.mark, seg.first.position), seg.end().position
	if from >= end {
		return nil
	}
	buf := make([]byte, min(1<<20, int64(end-from)))
	for from < end {
		b := buf[:min(int64(len(buf)), int64(end-from))]
		if n, err := seg.file.ReadAt(b, seg.fileOffset(from)); n < len(b) {
			return err
		}
		if _, err := seg.file.WriteAt(b, seg.fileOffset(from)); err != nil {
			return err
		}
		from += offset.Physical(len(b))
	}
	return seg.file.Sync()
}

// removeLeftovers removes segments below the first place, a segment whose roll was interrupted, index files
// without sealed segment, spares, and what a reset set aside if the log has gone on since.
func (r *recovery) removeLeftovers() error {
	var names []string
	kept := map[offset.Physical]bool{}
	for _, seg := range r.segments {
		kept[seg.first.position] = true
	}
	for _, first := range r.files.segments {
		if !kept[first] {
			names = append(names, segmentName(r.dir, first))
		}
	}
	last := r.segments[len(r.segments)-1].first.position
	for _, first := range r.files.indexes {
		if !kept[first] || first == last {
			names = append(names, indexName(r.dir, first))
		}
	}
	for _, name := range r.files.spares {
		names = append(names, path.Join(r.dir, name))
	}
	if r.side.first != r.end {
		for _, name := range r.files.setAside {
			names = append(names, path.Join(r.dir, name))
		}
		r.files.setAside = nil
	}
	for _, name := range names {
		if err := r.fs.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

func newLog(o Options, side *sideFile, r *recovery) *Log {
	l := &Log{
		opts: o, fs: o.FS, seed: newSeed(o.Group), side: side,
		segments: r.segments,
		first:    r.side.first, flushed: r.end, next: r.end,
		cache:    tailCache{limit: o.TailCacheBytes},
		setAside: slices.Clone(r.files.setAside),
		failed:   make(chan struct{}),
		spares:   make(chan *spare, 1),
		dirty:    make(chan struct{}, 1),
		progress: make(chan struct{}),
		stop:     make(chan struct{}),
	}
	l.w.scratch = newScratch()
	l.w.active, l.w.lastTerm = r.segments[len(r.segments)-1], r.lastTerm
	l.keeper.wake = make(chan struct{}, 1)
	l.keeper.marked.Store(int64(r.end.position))
	return l
}

// Close stops the background work, makes everything durable and closes the files. Reads under way finish; later
// calls return ErrClosed or ErrNotFound. It may be called once more.
func (l *Log) Close() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	wasClosed, failure := l.closed, l.failure
	l.closed = true
	l.mu.Unlock()
	if wasClosed {
		return nil
	}
	close(l.stop)
	l.running.Wait()
	l.housekeeping.Lock() // after Wait: the keeper takes it
	defer l.housekeeping.Unlock()
	err := failure
	if err == nil {
		err = l.seal()
	}
	l.dropSpare()
	l.mu.Lock()
	for _, seg := range l.segments {
		seg.release()
	}
	l.segments, l.first, l.flushed = nil, l.next, l.next
	l.cache = tailCache{}
	l.progressedLocked()
	l.mu.Unlock()
	return errors.Join(err, l.side.file.Close())
}

// seal notes that the log ends here and all of it is durable, so that the next Open has little to do.
func (l *Log) seal() error {
	if err := l.flush(); err != nil {
		return err
	}
	return l.updateSide(false, func(s *sideState) { s.mark, s.clean = l.next.position, true })
}

func (l *Log) dropSpare() {
	select {
	case s := <-l.spares:
		s.discard(l.fs)
	default:
	}
}
