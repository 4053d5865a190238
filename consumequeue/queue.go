package consumequeue

import (
	"slices"
	"sync"

	"github.com/raftmq/raftmq/internal/offset"
)

// queue is one queue. A queue at rest costs this struct and less than a block of tail.
type queue struct {
	key Key

	// Owned by the Apply goroutine.
	changed bool // in Store.changed: differs from the last Freeze

	// Owned by the flusher's lock.
	ready bool // in flusher.ready

	mu struct {
		sync.Mutex
		first  offset.Queue // oldest readable unit, as of trimmed
		stored offset.Queue // units below are in files; a block boundary
		next   offset.Queue
		tail   []byte // encoded units [stored, next)

		// files are the first offsets of the queue's files, ascending; unsynced those written since their last fsync. Both change
		// only under Store.write.
		files    []offset.Queue
		unsynced []offset.Queue

		firstPosition offset.Physical // of the unit at first; 0 if not known
		lastPosition  offset.Physical // of the unit at next-1; -1 if there never was one
		trimmed       offset.Physical // the Trim that first accounts for
		gone          bool            // dropped or reset: unreadable, and its files may vanish at any time
	}
}

func newQueue(k Key, at offset.Queue) *queue {
	q := &queue{key: k}
	q.mu.first, q.mu.stored, q.mu.next = at, at, at
	q.mu.lastPosition = -1
	return q
}

// append adds u and returns its offset and the bytes in the tail.
func (q *queue) append(u Unit) (at offset.Queue, tail int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if u.Position <= q.mu.lastPosition {
		return 0, 0, ErrOrder
	}
	at = q.mu.next
	if at == q.mu.first {
		q.mu.firstPosition = u.Position
	}
	q.mu.lastPosition = u.Position
	q.mu.tail = AppendUnit(q.mu.tail, u)
	q.mu.next++
	return at, len(q.mu.tail), nil
}

func (q *queue) tailBytes() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.mu.tail)
}

// fileOfLocked returns the file that holds, or would hold, the unit at o and the offset where that file ends so far; ok is false
// if no file begins at or below o. It needs q.mu.
func (q *queue) fileOfLocked(o offset.Queue) (first, end offset.Queue, ok bool) {
	i, exact := slices.BinarySearch(q.mu.files, o)
	if !exact {
		i--
	}
	if i < 0 {
		return 0, 0, false
	}
	if i+1 < len(q.mu.files) {
		return q.mu.files[i], q.mu.files[i+1], true
	}
	return q.mu.files[i], q.mu.stored, true
}

// wholeBlocks returns the units of the tail that fill blocks, and where they begin. The bytes are not changed by later
// appends; only storedUpTo, which the caller serialises with Store.write, moves them.
func (q *queue) wholeBlocks() (first offset.Queue, units []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.mu.stored, q.mu.tail[:len(q.mu.tail)/sealAt*sealAt]
}

// tailSpareMax is the capacity up to which an emptied tail keeps its memory.
const tailSpareMax = 2 * sealAt

// storedUpTo takes the units below o, which are in files now, out of the tail.
func (q *queue) storedUpTo(o offset.Queue) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := q.mu.tail[int(o-q.mu.stored)*UnitSize:]
	switch {
	case cap(q.mu.tail) <= tailSpareMax:
		q.mu.tail = q.mu.tail[:copy(q.mu.tail, rest)]
	case len(rest) == 0:
		q.mu.tail = nil
	default:
		q.mu.tail = append(make([]byte, 0, len(rest)+UnitSize), rest...)
	}
	q.mu.stored = o
}

// empty takes away what is left in the tail and returns how many bytes of whole blocks that was.
func (q *queue) empty() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	held := int64(len(q.mu.tail) / sealAt * sealAt)
	q.mu.tail = nil
	q.mu.stored = q.mu.next
	return held
}
