package commitlog

import (
	"path"
	"sync/atomic"
	"time"
)

const (
	// markInterval and markBytes are how old and how far behind the durable mark may become.
	markInterval = time.Second
	markBytes    = 64 << 20
)

// keeper does in the background what must not be on the write path: it preallocates the next segment, moves the
// durable mark, writes index files and removes what a reset has set aside. It sleeps while nothing is appended.
type keeper struct {
	wake chan struct{} // one slot; the state itself says what is to do
	// awake: the keeper will look again by itself, after markInterval at the latest.
	awake    atomic.Bool
	marked   atomic.Int64 // the mark last written
	lastMark time.Time    // the keeper's own
}

func (k *keeper) nudge() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// appended wakes the keeper when the mark falls behind, and the flusher. It needs writing.
func (k *keeper) appended(l *Log) {
	if !k.awake.Load() || int64(l.next.position)-k.marked.Load() >= markBytes {
		k.nudge()
	}
	if !l.w.synced {
		select {
		case l.dirty <- struct{}{}:
		default:
		}
	}
}

// runKeeper ends with stop or when the log has failed.
func (l *Log) runKeeper() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-l.failed:
			return
		case <-l.keeper.wake:
		case <-timer.C:
		}
		again, err := l.tend()
		if err != nil {
			l.fail(err)
			return
		}
		l.keeper.awake.Store(again)
		if again {
			timer.Reset(markInterval)
		} else if l.unmarked() { // appended between tend and Store: nobody else would wake us
			l.keeper.nudge()
		}
	}
}

// tend does one round of the work. again asks for another one after markInterval.
func (l *Log) tend() (again bool, err error) {
	filled := l.refillSpare()
	l.writeIndexes()
	removed := l.removeSetAside()
	if err := l.moveMark(); err != nil {
		return false, err
	}
	return !filled || !removed || l.unmarked(), nil
}

// unmarked reports whether the durable mark is behind the end.
func (l *Log) unmarked() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return int64(l.next.position) > l.keeper.marked.Load()
}

// moveMark writes the durable mark if it is old or far behind.
func (l *Log) moveMark() error {
	l.mu.RLock()
	lag := int64(l.flushed.position) - l.keeper.marked.Load()
	l.mu.RUnlock()
	if lag <= 0 || lag < markBytes && time.Since(l.keeper.lastMark) < markInterval {
		return nil
	}
	l.keeper.lastMark = time.Now()
	return l.updateSide(false, func(s *sideState) {
		l.mu.RLock()
		defer l.mu.RUnlock()
		s.mark = max(s.mark, l.flushed.position)
	})
}

// updateSide changes the side file durably. An error must latch the log.
func (l *Log) updateSide(both bool, change func(*sideState)) error {
	return l.calls.watch(func() error {
		return l.side.update(both, func(s *sideState) {
			change(s)
			l.keeper.marked.Store(int64(s.mark))
		})
	})
}

// refillSpare preallocates the next segment if none is ready, and reports whether one is.
func (l *Log) refillSpare() bool {
	if len(l.spares) > 0 {
		return true
	}
	s, err := l.makeSpare()
	if err != nil {
		l.opts.Logger.Debug("next segment not preallocated", "dir", l.opts.Dir, "error", err)
		return false
	}
	l.offerSpare(s)
	return true
}

// writeIndexes writes the index file of each sealed segment that has none. A failure is no failure of the log.
func (l *Log) writeIndexes() {
	for l.writeIndex() {
	}
}

func (l *Log) writeIndex() (written bool) {
	l.housekeeping.Lock()
	defer l.housekeeping.Unlock()
	seg := l.unindexed()
	if seg == nil {
		return false
	}
	seg.indexed = true
	content := encodeIndex(l.opts.Group, seg.first, seg.size, seg.offsets)
	if err := writeIndexFile(l.fs, seg.name+indexSuffix, content); err != nil {
		l.opts.Logger.Warn("index file not written", "segment", seg.name, "error", err)
	}
	return true
}

// unindexed returns a sealed segment without index file, whose offsets and size no longer change while
// housekeeping is held.
func (l *Log) unindexed() *segment {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, seg := range l.segments[:len(l.segments)-1] {
		if !seg.indexed {
			return seg
		}
	}
	return nil
}

// removeSetAside removes the segments that a reset has set aside, once something was appended after it. It
// reports whether nothing of that is left to do.
func (l *Log) removeSetAside() bool {
	l.housekeeping.Lock()
	defer l.housekeeping.Unlock()
	l.mu.RLock()
	names, wait := l.setAside, l.first == l.flushed
	l.mu.RUnlock()
	if len(names) == 0 || wait {
		return true // the next append wakes the keeper
	}
	for _, name := range names {
		if err := l.fs.RemoveAll(path.Join(l.opts.Dir, name)); err != nil {
			l.opts.Logger.Warn("segments of before the reset not removed", "dir", name, "error", err)
			return false
		}
	}
	l.mu.Lock()
	l.setAside = nil
	l.mu.Unlock()
	return true
}
