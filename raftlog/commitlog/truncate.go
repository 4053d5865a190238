package commitlog

import (
	"errors"
	"fmt"

	"github.com/raftmq/raftmq/internal/offset"
)

// TruncateSuffix removes the entries from index on, physically and durably (design D5), and returns when they are
// gone. ErrProtected at or below the commit watermark and below the first entry; nothing is changed then. It does
// nothing beyond the last entry. Any other error latches the Log.
func (l *Log) TruncateSuffix(from offset.Index) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.housekeeping.Lock()
	defer l.housekeeping.Unlock()
	if err := l.Err(); err != nil {
		return err
	}
	target, err := l.truncationTarget(from)
	if err != nil || target.position == l.next.position {
		return err
	}
	l.w.lastTerm = 0
	if err := l.truncate(target); err != nil {
		return l.fail(err)
	}
	return nil
}

func (l *Log) truncationTarget(from offset.Index) (place, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case from >= l.next.index:
		return l.next, nil
	case from <= l.committed || from < l.first.index:
		return place{}, fmt.Errorf("truncation from %d, committed %d, first %d: %w", from, l.committed, l.first.index, ErrProtected)
	}
	seg := l.segmentOfIndexLocked(from)
	pos, _ := seg.record(int(from - seg.first.index))
	return place{from, pos}, nil
}

// truncate makes the log end at target:
//
//  1. readers see it end there; the flushed place and thereby every later mark lie at or below it;
//  2. the side file says what is intended and lowers the mark;
//  3. files go and are cut, durably;
//  4. the side file says that it is done, in both slots, since an intent found again would remove later appends.
//
// A crash before 2 leaves the log whole, after 2 recovery finishes 3 and 4.
func (l *Log) truncate(target place) error {
	l.cutSegments(target)
	err := l.updateSide(false, func(s *sideState) {
		s.intent, s.target = intentTruncate, target
		s.mark = min(s.mark, target.position)
		s.lastSegment = l.w.active.first.position
	})
	if err != nil {
		return err
	}
	err = l.calls.watch(func() error { return truncateFiles(l.fs, l.opts.Dir, target.position) })
	if err != nil {
		return err
	}
	active := l.w.active
	active.allocated = active.fileOffset(target.position)
	active.indexed = false
	if err := l.reallocate(active); err != nil {
		return err
	}
	return l.updateSide(true, func(s *sideState) { s.intent, s.target = intentNone, place{} })
}

// cutSegments takes everything from target on out of the readers' sight.
func (l *Log) cutSegments(target place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for last := l.activeLocked(); last.first.position > target.position; last = l.activeLocked() {
		l.segments = l.segments[:len(l.segments)-1]
		last.release()
	}
	seg := l.activeLocked()
	l.w.active = seg
	seg.offsets = seg.offsets[:target.index-seg.first.index]
	seg.size = int64(target.position - seg.first.position)
	l.cache.truncate(target.index)
	l.next = target
	if l.flushed.position > target.position {
		l.flushed = target
	}
	l.removals++
	l.progressedLocked()
}

// reallocate gives a segment that was cut its space back. Without space the next append asks again.
func (l *Log) reallocate(seg *segment) error {
	size := SegmentHeaderSize + l.opts.SegmentBytes
	if size <= seg.allocated {
		return nil
	}
	if err := seg.file.Preallocate(size); err != nil {
		if isFull(err) {
			return nil
		}
		return err
	}
	seg.allocated = size
	return nil
}

// Reset discards the whole log and makes it continue with an entry at (index, position), which the next Append
// must bring. Only for the install of an image; the old segments are set aside under Dir/reset-* and removed
// after the first append. ErrFull if there is no space for a segment; nothing is changed then. Any other error
// latches the Log. A crash leaves the old log or the reset one, never something between.
func (l *Log) Reset(index offset.Index, position offset.Physical) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.housekeeping.Lock()
	defer l.housekeeping.Unlock()
	if err := l.Err(); err != nil {
		return err
	}
	if index < 1 || position < 0 {
		return fmt.Errorf("BUG: reset to index %d, position %d", index, position)
	}
	spare, err := l.takeSpare()
	if errors.Is(err, ErrFull) {
		return err
	}
	if err == nil {
		err = l.reset(place{index, position}, spare)
	}
	if err != nil {
		return l.fail(err)
	}
	return nil
}

// reset follows the pattern of truncate: intent, files, done.
func (l *Log) reset(target place, spare *spare) error {
	err := l.updateSide(false, func(s *sideState) { s.intent, s.target = intentReset, target })
	if err != nil {
		return err
	}
	seg, err := resetFiles(l.fs, l.opts.Dir, l.segmentHeader(target), spare)
	if err != nil {
		return err
	}
	files, err := list(l.fs, l.opts.Dir)
	if err != nil {
		return err
	}
	l.w.lastTerm = 0
	l.mu.Lock()
	for _, old := range l.segments {
		old.release()
	}
	l.segments, l.w.active = []*segment{seg}, seg
	l.first, l.flushed, l.next = target, target, target
	l.committed = min(l.committed, target.index-1)
	l.cache = tailCache{limit: l.opts.TailCacheBytes}
	l.setAside = files.setAside
	l.removals++
	l.progressedLocked()
	l.mu.Unlock()
	return l.updateSide(true, func(s *sideState) { s.begin(target) })
}

// begin is the state of a log that is empty at a place.
func (s *sideState) begin(at place) {
	s.first, s.mark, s.lastSegment = at, at.position, at.position
	s.intent, s.target = intentNone, place{}
}
