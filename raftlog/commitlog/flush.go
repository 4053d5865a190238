package commitlog

import "time"

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

// flush makes what is published durable. In FlushSync it always is.
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
	}
	return nil
}

// runFlusher syncs behind the appends of FlushAsync. It ends with stop or when the log has failed.
func (l *Log) runFlusher() {
	for {
		select {
		case <-l.stop:
			return
		case <-l.dirty:
		}
		select {
		case <-l.stop:
			return
		case <-time.After(l.opts.FlushInterval):
		}
		if l.Sync() != nil {
			return
		}
	}
}
