package consumequeue

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"

	"github.com/raftmq/raftmq/internal/offset"
)

// Open opens the store and cuts every queue back to its tail in the checkpoint; units beyond it are discarded, since they
// are replayed. A queue whose files do not cover its tail is ErrDamaged. Queues without a tail are removed.
// It does not read the files through: damage inside them is found by the reads.
func Open(o Options, checkpoint []Tail) (*Store, error) {
	s := newStore(o)
	if err := s.load(checkpoint); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// View is Open for a member that is stopped: it changes nothing on disk, and the Store is good for reads and Trim only. Files that Open would
// remove or cut are overlooked.
func View(o Options, checkpoint []Tail) (*Store, error) {
	s := newStore(o)
	s.view = true
	s.files.view = true
	if err := s.load(checkpoint); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) load(checkpoint []Tail) error {
	if err := s.makeDir(); err != nil {
		return err
	}
	for _, t := range checkpoint {
		q, err := fromTail(t)
		if err != nil {
			return err
		}
		s.mu.queues[t.Key] = q
		s.flusher.adopt(q)
	}
	found, err := s.scan()
	if err != nil {
		return err
	}
	for k, q := range s.mu.queues {
		if err := s.fit(q, found[k]); err != nil {
			return fmt.Errorf("queue %d/%d: %w", k.Topic, k.Queue, err)
		}
	}
	return nil
}

func (s *Store) makeDir() error {
	if s.view {
		return nil
	}
	if err := s.opts.FS.MkdirAll(s.opts.Dir); err != nil {
		return err
	}
	return s.opts.FS.SyncDir(path.Dir(s.opts.Dir))
}

func fromTail(t Tail) (*queue, error) {
	n := offset.Queue(len(t.Units) / UnitSize)
	if t.Gone || t.First < 0 || t.First > t.Next || n > t.Next || len(t.Units)%UnitSize != 0 {
		return nil, fmt.Errorf("tail of queue %d/%d: first %d, next %d, %d bytes of units: %w",
			t.Key.Topic, t.Key.Queue, t.First, t.Next, len(t.Units), ErrDamaged)
	}
	q := newQueue(t.Key, t.Next)
	q.mu.first = t.First
	q.mu.stored = t.Next - n
	q.mu.tail = slices.Clone(t.Units)
	if n > 0 {
		q.mu.lastPosition = decodeUnit(t.Units[len(t.Units)-UnitSize:]).Position
	}
	return q, nil
}

// scan lists the files of all queues and removes the directories of those that are not known.
func (s *Store) scan() (map[Key][]offset.Queue, error) {
	found := map[Key][]offset.Queue{}
	topics, err := s.opts.FS.List(s.opts.Dir)
	if s.view && errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	for _, topic := range topics {
		queues, err := s.opts.FS.List(path.Join(s.opts.Dir, topic))
		if err != nil {
			return nil, err
		}
		kept := 0
		for _, name := range queues {
			k, ok := parseKey(topic, name)
			if !ok || s.mu.queues[k] == nil {
				if err := s.discard(path.Join(s.opts.Dir, topic, name)); err != nil {
					return nil, err
				}
				continue
			}
			kept++
			if found[k], err = s.list(k); err != nil {
				return nil, err
			}
		}
		if kept == 0 {
			if err := s.discard(path.Join(s.opts.Dir, topic)); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// discard removes a file or directory that no tail needs.
func (s *Store) discard(name string) error {
	if s.view {
		return nil
	}
	return s.opts.FS.RemoveAll(name)
}

func parseKey(topic, queue string) (Key, bool) {
	t, err1 := strconv.ParseUint(topic, 10, 32)
	q, err2 := strconv.ParseInt(queue, 10, 32)
	k := Key{Topic: uint32(t), Queue: int32(q)}
	same := strconv.FormatUint(t, 10) == topic && strconv.FormatInt(q, 10) == queue
	return k, err1 == nil && err2 == nil && same
}

// list returns the first offsets of a queue's files, ascending. Names that are not ours are left alone.
func (s *Store) list(k Key) ([]offset.Queue, error) {
	names, err := s.opts.FS.List(s.queueDir(k))
	if err != nil {
		return nil, err
	}
	var files []offset.Queue
	for _, name := range names {
		first, err := strconv.ParseInt(name, 10, 64)
		if err == nil && first >= 0 && fmt.Sprintf("%020d", first) == name {
			files = append(files, offset.Queue(first))
		}
	}
	slices.Sort(files)
	return files, nil
}

// fit makes the files of q be what its tail says: those outside [first, stored) are removed, the last is cut back, and what is
// left must cover the range without a gap.
func (s *Store) fit(q *queue, files []offset.Queue) error {
	first, stored := q.mu.first, q.mu.stored
	var keep []offset.Queue
	for i, f := range files {
		end := stored
		if i+1 < len(files) && files[i+1] < stored {
			end = files[i+1]
		}
		if f >= stored || end <= first {
			if err := s.discard(s.filePath(fileID{q.key, f})); err != nil {
				return err
			}
			continue
		}
		if err := s.fitFile(fileID{q.key, f}, end); err != nil {
			return err
		}
		keep = append(keep, f)
	}
	if len(keep) < len(files) && !s.view {
		// Were a removal undone by a power cut, the old file would stand between those written from now on.
		if err := s.opts.FS.SyncDir(s.queueDir(q.key)); err != nil {
			return err
		}
	}
	if first < stored && (len(keep) == 0 || keep[0] > first) {
		return fmt.Errorf("no file holds %d: %w", first, ErrDamaged)
	}
	q.mu.files = keep
	if first == stored || q.mu.lastPosition >= 0 {
		return nil
	}
	// The newest unit is in a file. Reading it also verifies the block that a power cut would have hit.
	u, err := s.unitAt(q, stored-1)
	q.mu.lastPosition = u.Position
	return err
}

// fitFile checks that the file reaches end and cuts off what lies beyond.
func (s *Store) fitFile(id fileID, end offset.Queue) error {
	name := s.filePath(id)
	info, err := s.opts.FS.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: missing: %w", name, ErrDamaged)
	}
	if err != nil {
		return err
	}
	want := blocksBytes(end - id.first)
	if (end-id.first)%blockUnits != 0 || info.Size() < want {
		return fmt.Errorf("%s: %d bytes where units up to %d need %d: %w", name, info.Size(), end, want, ErrDamaged)
	}
	if info.Size() == want || s.view {
		return nil
	}
	f, err := s.opts.FS.OpenReadWrite(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(want), f.Close())
}
