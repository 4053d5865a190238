package commitlog

import (
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

// Sync returns when every entry appended before the call is durable. An error latches the Log.
func (l *Log) Sync() error {
	if err := l.Err(); err != nil {
		return err
	}
	if err := l.flush(); err != nil {
		return l.fail(err)
	}
	return nil
}

// AwaitFlushed returns nil when the entry of index is durable here; in FlushAsync at once. It returns ErrNotFound if there is no such entry,
// also when it is truncated meanwhile, an error that wraps ErrFailed when the log has failed, ErrClosed, and ErrAbandoned when done is closed.
func (l *Log) AwaitFlushed(index offset.Index, done <-chan struct{}) error {
	for {
		l.mu.RLock()
		flushed, there, progress := index < l.flushed.index, index < l.next.index, l.progress
		l.mu.RUnlock()
		if err := l.Err(); err != nil {
			return err
		}
		switch {
		case flushed || l.opts.Flush == FlushAsync:
			return nil
		case !there:
			return ErrNotFound
		}
		select {
		case <-progress:
		case <-l.failed:
		case <-done:
			return ErrAbandoned
		}
	}
}

// progressedLocked wakes those who wait for the durable place to move, or for the end to go back. It needs mu.
func (l *Log) progressedLocked() {
	close(l.progress)
	l.progress = make(chan struct{})
}

// flush makes what is published durable.
//
// It is right beside Append because what Append publishes meanwhile is not counted, and beside a truncation or
// reset because these change removals before they touch a file.
func (l *Log) flush() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.RLock()
	if l.flushed == l.next { // also when closed
		l.mu.RUnlock()
		return nil
	}
	target, removals, seg := l.next, l.removals, l.activeLocked()
	seg.acquire()
	l.mu.RUnlock()
	defer seg.release()
	// Everything before the active segment was flushed when it was rolled to.
	if err := l.calls.watch(seg.file.Sync); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.removals == removals && l.flushed.position < target.position {
		l.flushed = target
		l.progressedLocked()
	}
	return nil
}

// runFlusher syncs behind unsynced appends, in FlushAsync some time later. It ends with stop or when the log has failed.
func (l *Log) runFlusher() {
	for {
		select {
		case <-l.stop:
			return
		case <-l.dirty:
		}
		if l.opts.Flush == FlushAsync {
			select {
			case <-l.stop:
				return
			case <-time.After(l.opts.FlushInterval):
			}
		}
		if l.Sync() != nil {
			return
		}
	}
}
