package consumequeue

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// Tail is what a checkpoint knows of a queue.
type Tail struct {
	Key   Key
	First offset.Queue // the oldest unit that is kept; Trim may have gone further
	Next  offset.Queue // what the next append gets
	// Units are the encoded units that end at Next and lie in no file. Flush fills it.
	Units []byte
	// Gone: the queue was dropped; the checkpoint forgets it.
	Gone bool

	queue *queue
}

// Freeze returns the tails of the queues that changed since the last Freeze, for a checkpoint that the caller makes durable
// in this order: Flush(tails), its own commit with the tails in it, Committed(tails). It costs nothing for a queue at rest.
func (s *Store) Freeze() []Tail {
	if len(s.changed) == 0 && len(s.dropped) == 0 {
		return nil
	}
	tails := make([]Tail, 0, len(s.dropped)+len(s.changed))
	for _, q := range s.dropped {
		tails = append(tails, Tail{Key: q.key, Gone: true, queue: q})
	}
	for _, q := range s.changed {
		q.changed = false
		q.mu.Lock()
		if !q.mu.gone {
			tails = append(tails, Tail{Key: q.key, First: q.mu.first, Next: q.mu.next, queue: q})
		}
		q.mu.Unlock()
	}
	clear(s.dropped)
	clear(s.changed)
	s.changed = s.changed[:0]
	s.dropped = s.dropped[:0]
	return tails
}

// Flush completes tails, which Freeze returned: it writes blocks to files while the tails are longer than a checkpoint may carry, fsyncs
// every file that holds a unit below them, brings First up to the last Trim, and fills in Units. It may run beside Append. An error is
// final (ErrFailed), or ErrDamaged if the units of a tail could not be read back.
func (s *Store) Flush(tails []Tail) error {
	if err := s.spill(tails); err != nil {
		return err
	}
	stored, unsynced, dirs := s.takeUnsynced(tails)
	if err := s.syncAll(unsynced, dirs); err != nil {
		return s.flusher.fail(err)
	}
	for i := range tails {
		if err := s.complete(&tails[i], stored[i]); err != nil {
			return err
		}
	}
	return nil
}

// spill writes whole blocks to files, the longest tails first, until what stays is half of TailBytesMax.
func (s *Store) spill(tails []Tail) error {
	type held struct {
		q     *queue
		bytes int64
	}
	var all []held
	var total int64
	for _, t := range tails {
		if t.Gone {
			continue
		}
		n := int64(t.queue.tailBytes())
		all = append(all, held{t.queue, n})
		total += n
	}
	if total <= s.opts.TailBytesMax {
		return nil
	}
	slices.SortFunc(all, func(a, b held) int { return cmp.Compare(b.bytes, a.bytes) })
	for _, h := range all {
		if total <= s.opts.TailBytesMax/2 || h.bytes < sealAt {
			return nil
		}
		if err := s.writeBlocks(h.q); err != nil {
			return err
		}
		total -= h.bytes / sealAt * sealAt
	}
	return nil
}

// takeUnsynced returns, for each tail, up to where its queue is in files, and the files and directories whose sync makes that true
// after a crash. Both are taken under s.write, so that they belong together.
func (s *Store) takeUnsynced(tails []Tail) (stored []offset.Queue, files []fileID, dirs []string) {
	s.write.Lock()
	defer s.write.Unlock()
	stored = make([]offset.Queue, len(tails))
	for i, t := range tails {
		if t.Gone {
			continue
		}
		q := t.queue
		q.mu.Lock()
		stored[i] = q.mu.stored
		for _, first := range q.mu.unsynced {
			files = append(files, fileID{q.key, first})
		}
		q.mu.unsynced = nil
		q.mu.Unlock()
	}
	for d := range s.write.dirs {
		dirs = append(dirs, d)
	}
	clear(s.write.dirs)
	return stored, files, dirs
}

// syncersMax is how many fsyncs run at once: they share the file system's journal commits.
const syncersMax = 8

func (s *Store) syncAll(files []fileID, dirs []string) error {
	work := make(chan func() error)
	errs := make([]error, min(syncersMax, len(files)+len(dirs)))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for sync := range work {
				if err := sync(); err != nil && errs[i] == nil {
					errs[i] = err
				}
			}
		})
	}
	for _, id := range files {
		work <- func() error { return s.files.use(id, false, vfs.File.Sync) }
	}
	for _, d := range dirs {
		work <- func() error { return s.opts.FS.SyncDir(d) }
	}
	close(work)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// complete fills in First and Units of t, whose queue is durable in files up to stored.
func (s *Store) complete(t *Tail, stored offset.Queue) error {
	if t.Gone {
		return nil
	}
	q := t.queue
	r, err := s.settle(q)
	if err != nil {
		return err
	}
	t.First = min(r.Min, t.Next)
	from := min(stored, blockFloor(t.Next, stored))
	if from >= t.Next {
		return nil
	}
	t.Units, err = s.readEncoded(nil, q, from, t.Next)
	if err != nil {
		return fmt.Errorf("tail of queue %d/%d: %w", t.Key.Topic, t.Key.Queue, err)
	}
	return nil
}

// Committed says that a commit which holds tails is durable. Files that only hold units below its First, and those of dropped queues, are removed.
func (s *Store) Committed(tails []Tail) error {
	s.write.Lock()
	defer s.write.Unlock()
	for _, t := range tails {
		var err error
		if t.Gone {
			err = s.removeDroppedLocked(t.queue)
		} else {
			err = s.removeBelowLocked(t.queue, t.First)
		}
		if err != nil {
			return s.flusher.fail(err)
		}
	}
	return nil
}
