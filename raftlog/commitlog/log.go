package commitlog

import (
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// Entry is one log entry. Type is hashicorp/raft's LogType. Data of type 0 (a command) is a batch, see
// AppendBatchHeader; every other type is opaque.
type Entry struct {
	Index      offset.Index
	Term       offset.Term
	Type       uint8
	AppendedAt time.Time // nanoseconds kept
	Data       []byte
}

// Log is the segmented CommitLog of one member. One goroutine appends and truncates; all read methods may be
// called from any goroutine at any time.
type Log struct {
	opts Options
	fs   vfs.FS
	seed seed
	side *sideFile

	// writing is held by whoever changes the end of the log, over the I/O: Append, TruncateSuffix, Reset, Close.
	writing ioLock
	w       writer

	// housekeeping is held by whoever makes or removes files other than the newest segment.
	housekeeping ioLock

	// syncing lets one fdatasync of the newest segment run at a time behind unsynced appends.
	syncing ioLock

	// Order of locks: writing, housekeeping, syncing, side.mu, mu. Only mu is never held over I/O.
	mu sync.RWMutex
	// segments, oldest first. The last one is appended to; there always is one.
	segments []*segment
	// Invariant: first <= flushed <= next. first == next means empty.
	first, flushed, next place
	committed            offset.Index
	cache                tailCache
	// removals counts truncations and resets, so that a read can tell that its bytes were taken away under it.
	removals uint64
	setAside []string // reset-* directories that await the first append
	failure  error
	failed   chan struct{} // closed with failure set
	closed   bool

	spares      chan *spare // at most one, ready for the next roll
	spareNumber atomic.Int64
	space       spaceCheck
	calls       storageCalls
	keeper      keeper
	dirty       chan struct{} // one slot: something awaits the flusher
	progress    chan struct{} // closed and replaced when flushed moves or the end goes back; mu protects it
	stop        chan struct{}
	running     sync.WaitGroup
}

// activeLocked returns the segment that is appended to. It needs mu; who holds writing uses w.active.
func (l *Log) activeLocked() *segment { return l.segments[len(l.segments)-1] }

// FirstIndex and LastIndex are 0 and 0 for an empty log.
func (l *Log) FirstIndex() offset.Index {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.first == l.next {
		return 0
	}
	return l.first.index
}

// LastIndex is the index of the newest entry, 0 for an empty log.
func (l *Log) LastIndex() offset.Index {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.first == l.next {
		return 0
	}
	return l.next.index - 1
}

// FirstPosition is the position of the first retained record, NextPosition the one that the next record gets.
func (l *Log) FirstPosition() offset.Physical {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.first.position
}

// NextPosition is the position that the next record gets.
func (l *Log) NextPosition() offset.Physical {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.next.position
}

// NextIndex is the index that the next record must have, also of an empty log after Reset.
func (l *Log) NextIndex() offset.Index {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.next.index
}

// FlushedIndex is the last index known durable on this member, 0 if none of the retained ones is.
func (l *Log) FlushedIndex() offset.Index {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.first == l.flushed {
		return 0
	}
	return l.flushed.index - 1
}

// SetCommitted raises the watermark at or below which nothing may be truncated.
func (l *Log) SetCommitted(index offset.Index) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.committed = max(l.committed, index)
}

// Err returns nil, or an error when the log accepts no more writes: it wraps ErrFailed after a write or fsync that failed, also in the
// background, and the process must end; or it is ErrClosed.
func (l *Log) Err() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.failure == nil && l.closed {
		return ErrClosed
	}
	return l.failure
}

// fail latches the log (design D11) and returns the error to answer.
func (l *Log) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure == nil {
		l.failure = fmt.Errorf("%w: %w", ErrFailed, err)
		close(l.failed)
	}
	return fmt.Errorf("%w: %w", ErrFailed, err)
}

// segmentOfIndexLocked returns the segment that holds the record of index, which is within [first, next). It needs mu.
func (l *Log) segmentOfIndexLocked(index offset.Index) *segment {
	n := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].first.index > index })
	return l.segments[n-1]
}

// segmentAtLocked returns the segment that holds the byte at pos, which is within [first, next). It needs mu.
func (l *Log) segmentAtLocked(pos offset.Physical) *segment {
	n := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].first.position > pos })
	return l.segments[n-1]
}
