package consumequeue

import (
	"fmt"
	"path"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/raftmq/raftmq/internal/offset"
)

// Store holds the consume queues of one group. See doc.go for which goroutine may call what.
type Store struct {
	opts Options
	view bool // nothing on disk is changed

	// write serialises what changes files: writing blocks, removing files.
	write struct {
		sync.Mutex
		buf  []byte
		dirs map[string]struct{} // directories with new names, to be synced by Flush
	}

	mu struct {
		sync.RWMutex // taken for writing by the Apply goroutine alone, which so may read without it
		queues       map[Key]*queue
	}

	// Owned by the Apply goroutine.
	last    *queue   // of the last Append
	changed []*queue // since the last Freeze
	dropped []*queue // since the last Freeze

	trimmed atomic.Int64 // the highest Trim
	files   fileCache
	flusher flusher

	drops struct {
		sync.Mutex
		waiting map[Key]*queue // dropped; their files stay until Committed, for checkpoints made before
	}
	spare sync.Pool // *[]byte, read buffers
}

func newStore(o Options) *Store {
	o.EnsureDefaults()
	s := &Store{opts: o}
	s.mu.queues = map[Key]*queue{}
	s.write.dirs = map[string]struct{}{}
	s.drops.waiting = map[Key]*queue{}
	s.spare.New = func() any { b := make([]byte, readBlocksMax*blockSize); return &b }
	s.files.init(o.FS, o.OpenFilesMax, s.filePath)
	s.flusher.init(s)
	return s
}

// Append adds the unit at the queue's next offset and returns that offset. A new queue starts at 0.
// It blocks only when too many bytes wait for the flusher. Units are readable at once. Errors are ErrOrder and ErrFailed.
func (s *Store) Append(k Key, u Unit) (offset.Queue, error) {
	q := s.last
	if q == nil || q.key != k {
		if q = s.mu.queues[k]; q == nil {
			var err error
			if q, err = s.create(k); err != nil {
				return 0, err
			}
		}
		s.last = q
	}
	at, tail, err := q.append(u)
	if err != nil {
		return 0, fmt.Errorf("queue %d/%d at position %d: %w", k.Topic, k.Queue, u.Position, err)
	}
	if !q.changed {
		q.changed = true
		s.changed = append(s.changed, q)
	}
	if tail%sealAt == 0 {
		return at, s.flusher.blockFilled(q, tail)
	}
	return at, nil
}

func (s *Store) create(k Key) (*queue, error) {
	s.drops.Lock()
	again := s.drops.waiting[k] != nil
	s.drops.Unlock()
	if again {
		return nil, fmt.Errorf("queue %d/%d: %w", k.Topic, k.Queue, ErrDropped)
	}
	q := newQueue(k, 0)
	q.mu.trimmed = offset.Physical(s.trimmed.Load())
	s.mu.Lock()
	s.mu.queues[k] = q
	s.mu.Unlock()
	return q, nil
}

func (s *Store) lookup(k Key) *queue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.queues[k]
}

// Keys returns the queues that exist, in no order.
func (s *Store) Keys() []Key {
	s.mu.RLock()
	defer s.mu.RUnlock()
	keys := make([]Key, 0, len(s.mu.queues))
	for k := range s.mu.queues {
		keys = append(keys, k)
	}
	return keys
}

// Next returns the offset that the next unit of k gets, without I/O.
func (s *Store) Next(k Key) offset.Queue {
	q := s.lookup(k)
	if q == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.mu.next
}

// Close stops the flusher and closes the files without flushing.
func (s *Store) Close() error {
	s.flusher.close()
	return s.files.closeAll()
}

func (s *Store) topicDir(topic uint32) string {
	return path.Join(s.opts.Dir, strconv.FormatUint(uint64(topic), 10))
}

func (s *Store) queueDir(k Key) string {
	return path.Join(s.topicDir(k.Topic), strconv.FormatInt(int64(k.Queue), 10))
}

func (s *Store) filePath(id fileID) string {
	return path.Join(s.queueDir(id.key), fmt.Sprintf("%020d", int64(id.first)))
}
