package consumequeue

import (
	"path"

	"github.com/raftmq/raftmq/internal/offset"
)

// Trim makes units whose position is below first unreadable in every queue. It does no I/O: where a queue now begins is found when it is
// next asked for, and the files that hold only such units go with the Committed of the next checkpoint.
// A lower first than before has no effect. A Store does not remember its Trim over Open: the caller calls it again.
func (s *Store) Trim(first offset.Physical) {
	if int64(first) <= s.trimmed.Load() {
		return
	}
	s.trimmed.Store(int64(first))
	for _, q := range s.mu.queues {
		if q.changed || !q.cutBy(first) {
			continue
		}
		q.changed = true
		s.changed = append(s.changed, q)
	}
}

// cutBy reports whether a Trim to first takes units of q away, as far as that is known without I/O.
func (q *queue) cutBy(first offset.Physical) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.mu.first < q.mu.next && q.mu.firstPosition < first
}

// Drop removes a queue: it is unreadable at once, its files go with the Committed of the next checkpoint. Until then its
// key must not be appended to; afterwards it would start at 0.
func (s *Store) Drop(k Key) {
	q := s.mu.queues[k]
	if q == nil {
		return
	}
	s.mu.Lock()
	delete(s.mu.queues, k)
	s.mu.Unlock()
	q.mu.Lock()
	q.mu.gone = true
	q.mu.Unlock()
	s.drops.Lock()
	s.drops.waiting[k] = q
	s.drops.Unlock()
	s.dropped = append(s.dropped, q)
	if s.last == q {
		s.last = nil
	}
}

// removeDroppedLocked removes what is left of a dropped queue. It needs s.write.
func (s *Store) removeDroppedLocked(q *queue) error {
	s.flusher.wrote(q.empty())
	s.files.forget(func(id fileID) bool { return id.key == q.key })
	dir := s.queueDir(q.key)
	delete(s.write.dirs, dir)
	if err := s.opts.FS.RemoveAll(dir); err != nil {
		return err
	}
	s.drops.Lock()
	delete(s.drops.waiting, q.key)
	s.drops.Unlock()
	return nil
}

// removeBelowLocked removes the files that end at or below first. It needs s.write.
func (s *Store) removeBelowLocked(q *queue, first offset.Queue) error {
	for {
		q.mu.Lock()
		if len(q.mu.files) == 0 {
			q.mu.Unlock()
			return nil
		}
		file, end, _ := q.fileOfLocked(q.mu.files[0])
		if end > first {
			q.mu.Unlock()
			return nil
		}
		q.mu.files = q.mu.files[1:]
		if len(q.mu.unsynced) > 0 && q.mu.unsynced[0] == file {
			q.mu.unsynced = q.mu.unsynced[1:]
		}
		q.mu.Unlock()
		id := fileID{q.key, file}
		s.files.forget(func(o fileID) bool { return o == id })
		if err := s.opts.FS.Remove(s.filePath(id)); err != nil {
			return err
		}
	}
}

// Reset removes everything and gives each queue in tails an empty range at its Next offset: the state after an image
// was installed. No Flush or Committed may be under way; the caller commits all the tails itself.
func (s *Store) Reset(tails []Tail) error {
	s.write.Lock()
	defer s.write.Unlock()
	fresh := make(map[Key]*queue, len(tails))
	for _, t := range tails {
		fresh[t.Key] = newQueue(t.Key, t.Next)
	}
	s.forgetAllLocked(fresh)
	s.files.forget(func(fileID) bool { return true })
	if err := s.clearDir(); err != nil {
		return s.flusher.fail(err)
	}
	return nil
}

// clearDir makes the directory empty for good: no old file may come back between new ones after a power cut.
func (s *Store) clearDir() error {
	if err := s.opts.FS.RemoveAll(s.opts.Dir); err != nil {
		return err
	}
	if err := s.opts.FS.MkdirAll(s.opts.Dir); err != nil {
		return err
	}
	return s.opts.FS.SyncDir(path.Dir(s.opts.Dir))
}

// forgetAllLocked retires all queues for fresh ones. It needs s.write.
func (s *Store) forgetAllLocked(fresh map[Key]*queue) {
	s.mu.Lock()
	old := s.mu.queues
	s.mu.queues = fresh
	s.mu.Unlock()
	s.last = nil
	s.changed, s.dropped = nil, nil
	s.trimmed.Store(0)
	clear(s.write.dirs)
	s.drops.Lock()
	for k, q := range s.drops.waiting {
		s.flusher.wrote(q.empty())
		delete(s.drops.waiting, k)
	}
	s.drops.Unlock()
	for _, q := range old {
		q.mu.Lock()
		q.mu.gone = true
		q.mu.Unlock()
		s.flusher.wrote(q.empty())
	}
}
