package consumequeue

import (
	"fmt"
	"io/fs"
	"sync"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// flusher writes whole blocks behind the appends when many wait, and holds Append back when too many do. It does not fsync:
// that is the checkpoint's.
type flusher struct {
	store *Store
	wake  chan struct{} // one slot, level-triggered
	stop  chan struct{}
	once  sync.Once
	done  sync.WaitGroup

	mu      sync.Mutex
	room    sync.Cond // waiting < DirtyBytesMax, or err
	ready   []*queue  // queues that filled a block since the flusher took the list
	waiting int64     // bytes of whole blocks in tails
	err     error     // latched (invariant 5)
}

func (f *flusher) init(s *Store) {
	f.store = s
	f.room.L = &f.mu
	f.wake = make(chan struct{}, 1)
	f.stop = make(chan struct{})
	f.done.Go(f.run)
}

// longTail is the tail at which a queue is written whatever waits elsewhere, so that busy queues do not grow and copy large
// slices.
const longTail = 64 << 10

// blockFilled is called by the Apply goroutine once per 50 units of a queue, whose tail holds so many bytes. It blocks while too
// many wait in all queues.
func (f *flusher) blockFilled(q *queue, tail int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !q.ready {
		q.ready = true
		f.ready = append(f.ready, q)
	}
	f.waiting += sealAt
	if tail >= longTail || f.manyLocked() {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
	for f.waiting > f.store.opts.DirtyBytesMax && f.err == nil {
		f.room.Wait()
	}
	return f.err
}

// adopt counts the blocks in the tail of a queue that a checkpoint brought.
func (f *flusher) adopt(q *queue) {
	_, units := q.wholeBlocks()
	if len(units) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	q.ready = true
	f.ready = append(f.ready, q)
	f.waiting += int64(len(units))
}

// wrote says that n bytes of whole blocks left the tails.
func (f *flusher) wrote(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting -= n
	f.room.Broadcast()
}

// fail latches the first error and returns it.
func (f *flusher) fail(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	f.room.Broadcast()
	return f.err
}

func (f *flusher) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *flusher) manyLocked() bool { return f.waiting >= f.store.opts.DirtyBytesMax/2 }

// run writes blocks whenever it is woken. It ends with close or the first error.
func (f *flusher) run() {
	for {
		select {
		case <-f.stop:
			return
		case <-f.wake:
		}
		for _, q := range f.takeReady() {
			if err := f.store.writeBlocks(q); err != nil {
				f.store.opts.Logger.Error("consume queue write failed", "topicId", q.key.Topic, "queueId", q.key.Queue, "error", err)
				return
			}
		}
	}
}

// takeReady takes from the list the queues with long tails, or all if many bytes wait.
func (f *flusher) takeReady() []*queue {
	f.mu.Lock()
	defer f.mu.Unlock()
	var taken, left []*queue
	for _, q := range f.ready {
		if f.manyLocked() || q.tailBytes() >= longTail {
			q.ready = false
			taken = append(taken, q)
		} else {
			left = append(left, q)
		}
	}
	f.ready = left
	return taken
}

func (f *flusher) close() {
	_ = f.fail(fs.ErrClosed) // what is called from here on fails
	f.once.Do(func() { close(f.stop) })
	f.done.Wait()
}

// writeBlocks writes q's whole blocks behind its last one and takes them out of the tail.
func (s *Store) writeBlocks(q *queue) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.flusher.failed(); err != nil {
		return err
	}
	return s.writeBlocksLocked(q)
}

// writeBlocksLocked needs s.write, which also keeps Drop and Reset from removing the files meanwhile.
func (s *Store) writeBlocksLocked(q *queue) error {
	at, units := q.wholeBlocks()
	if len(units) == 0 {
		return nil
	}
	total := int64(len(units))
	for len(units) > 0 {
		file, n, created := s.roomInFile(q, at, len(units)/UnitSize)
		s.write.buf = appendBlocks(s.write.buf[:0], q.key, at, units[:n*UnitSize])
		if created {
			if err := s.makeDirs(q.key); err != nil {
				return s.flusher.fail(err)
			}
		}
		err := s.files.use(fileID{q.key, file}, created, func(f vfs.File) error {
			_, err := f.WriteAt(s.write.buf, blocksBytes(at-file))
			return err
		})
		if err != nil {
			return s.flusher.fail(err)
		}
		q.wroteTo(file, created)
		at += offset.Queue(n)
		units = units[n*UnitSize:]
	}
	q.storedUpTo(at)
	s.flusher.wrote(total)
	return nil
}

// roomInFile says in which file the block at the queue offset at goes, and how many of n units fit there.
func (s *Store) roomInFile(q *queue, at offset.Queue, n int) (file offset.Queue, fit int, created bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	perFile := offset.Queue(s.opts.UnitsPerFile)
	if i := len(q.mu.files) - 1; i >= 0 && at-q.mu.files[i] < perFile {
		file = q.mu.files[i]
		return file, min(n, int(perFile-(at-file))), false
	}
	return at, min(n, s.opts.UnitsPerFile), true
}

func (s *Store) makeDirs(k Key) error {
	dir := s.queueDir(k)
	for _, d := range []string{dir, s.topicDir(k.Topic), s.opts.Dir} {
		s.write.dirs[d] = struct{}{}
	}
	return s.opts.FS.MkdirAll(dir)
}

// wroteTo notes that file has bytes that are not synced, and that it exists.
func (q *queue) wroteTo(file offset.Queue, created bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if created {
		q.mu.files = append(q.mu.files, file)
	}
	if i := len(q.mu.unsynced) - 1; i < 0 || q.mu.unsynced[i] != file {
		q.mu.unsynced = append(q.mu.unsynced, file)
	}
}
