package commitlog

import (
	"errors"
	"fmt"

	"github.com/raftmq/raftmq/internal/offset"
)

// Retain makes from the first index and removes segments that lie wholly below it. The first index moves durably
// before anything is deleted. From must be in the log (else ErrNotFound); below FirstIndex it does nothing. Another
// error latches the Log. It may be called beside Append, and blocks for the removal of files.
func (l *Log) Retain(from offset.Index) error {
	l.housekeeping.Lock()
	defer l.housekeeping.Unlock()
	if err := l.Err(); err != nil {
		return err
	}
	first, err := l.retainTarget(from)
	if err != nil || first == (place{}) {
		return err
	}
	if err := l.retain(first); err != nil {
		return l.fail(err)
	}
	return nil
}

// retainTarget returns the place of from, zero if there is nothing to do.
func (l *Log) retainTarget(from offset.Index) (place, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case from >= l.next.index:
		return place{}, fmt.Errorf("retain from %d of %d to %d: %w", from, l.first.index, l.next.index, ErrNotFound)
	case from <= l.first.index:
		return place{}, nil
	}
	seg := l.segmentOfIndexLocked(from)
	pos, _ := seg.record(int(from - seg.first.index))
	return place{from, pos}, nil
}

// retain moves the first place: flushed up to it, then durably in both slots, then in memory, then the files go.
// Files that a crash leaves are removed by the next Open.
func (l *Log) retain(first place) error {
	if err := l.flush(); err != nil {
		return err
	}
	err := l.updateSide(true, func(s *sideState) { s.first, s.mark = first, max(s.mark, first.position) })
	if err != nil {
		return err
	}
	removed := l.dropSegments(first)
	if len(removed) == 0 {
		return nil
	}
	for _, seg := range removed {
		err := errors.Join(l.fs.Remove(seg.name), removeIfThere(l.fs, seg.name+indexSuffix))
		if err != nil {
			return err
		}
		seg.release()
	}
	return l.fs.SyncDir(l.opts.Dir)
}

// dropSegments moves the first place in memory and takes the segments below it off the list.
func (l *Log) dropSegments(first place) (removed []*segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first = first
	n := 0
	for n+1 < len(l.segments) && l.segments[n+1].first.position <= first.position {
		n++
	}
	removed = l.segments[:n:n]
	l.segments = append([]*segment(nil), l.segments[n:]...)
	return removed
}
