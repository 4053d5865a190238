package consumequeue

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sort"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// Range returns the queue's retained offsets; zero for a queue that never had a unit. Min accounts for Trim. If a file that Trim has to look
// into is damaged, Min stays where it was and Read tells.
func (s *Store) Range(k Key) offset.Range {
	q := s.lookup(k)
	if q == nil {
		return offset.Range{}
	}
	r, err := s.settle(q)
	if err != nil {
		s.opts.Logger.Error("consume queue unreadable", "topicId", k.Topic, "queueId", k.Queue, "error", err)
	}
	return r
}

// Read appends up to max units from queue offset from on to dst. ErrOutOfRange outside the range; from == Max
// gives no units and no error. ErrDamaged if a block does not fit its seal; dst then has the units before it.
func (s *Store) Read(dst []Unit, k Key, from offset.Queue, max int) ([]Unit, error) {
	q := s.lookup(k)
	if q == nil {
		if from == 0 {
			return dst, nil
		}
		return dst, fmt.Errorf("queue %d/%d at %d of [0, 0): %w", k.Topic, k.Queue, from, ErrOutOfRange)
	}
	r, err := s.settle(q)
	if err != nil {
		return dst, err
	}
	if from < r.Min || from > r.Max {
		return dst, fmt.Errorf("queue %d/%d at %d of [%d, %d): %w", k.Topic, k.Queue, from, r.Min, r.Max, ErrOutOfRange)
	}
	to := r.Max
	if offset.Queue(max) < to-from {
		to = from + offset.Queue(max)
	}
	err = s.walk(q, from, to, func(units []byte) { dst = appendDecoded(dst, units) })
	return dst, s.explain(q, from, err)
}

// explain makes an error of a read ErrOutOfRange when the units went away while it was under way.
func (s *Store) explain(q *queue, from offset.Queue, err error) error {
	if err == nil {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.gone || from < q.mu.first {
		return fmt.Errorf("queue %d/%d: removed during the read: %w", q.key.Topic, q.key.Queue, ErrOutOfRange)
	}
	return err
}

// Search returns the first queue offset in the range for which at or after holds, by binary search; Max if none.
// after is called with units in an order of the search's choosing and must be monotone over them. Its errors are returned.
func (s *Store) Search(k Key, after func(Unit) (bool, error)) (offset.Queue, error) {
	q := s.lookup(k)
	if q == nil {
		return 0, nil
	}
	r, err := s.settle(q)
	if err != nil {
		return 0, err
	}
	at, err := s.search(q, r, after)
	return at, s.explain(q, r.Min, err)
}

func (s *Store) search(q *queue, r offset.Range, after func(Unit) (bool, error)) (offset.Queue, error) {
	var failed error
	n := sort.Search(int(r.Max-r.Min), func(i int) bool {
		if failed != nil {
			return true
		}
		u, err := s.unitAt(q, r.Min+offset.Queue(i))
		if err != nil {
			failed = err
			return true
		}
		yes, err := after(u)
		failed = err
		return yes || err != nil
	})
	return r.Min + offset.Queue(n), failed
}

func (s *Store) unitAt(q *queue, o offset.Queue) (u Unit, err error) {
	err = s.walk(q, o, o+1, func(units []byte) { u = decodeUnit(units) })
	return u, err
}

// readEncoded appends the encoded units [from, to) to dst.
func (s *Store) readEncoded(dst []byte, q *queue, from, to offset.Queue) ([]byte, error) {
	err := s.walk(q, from, to, func(units []byte) { dst = append(dst, units...) })
	return dst, err
}

// readBlocksMax is how many blocks one pread asks for.
const readBlocksMax = 32

// walk calls fn with the encoded units [from, to), which exist, a piece at a time; fn must not keep them.
func (s *Store) walk(q *queue, from, to offset.Queue, fn func(units []byte)) error {
	for from < to {
		q.mu.Lock()
		if from >= q.mu.stored {
			// Under the lock, because storedUpTo moves the bytes.
			at := int(from-q.mu.stored) * UnitSize
			fn(q.mu.tail[at : at+int(to-from)*UnitSize])
			q.mu.Unlock()
			return nil
		}
		file, end, ok := q.fileOfLocked(from)
		q.mu.Unlock()
		if !ok {
			return fmt.Errorf("queue %d/%d: no file holds %d: %w", q.key.Topic, q.key.Queue, from, ErrDamaged)
		}
		end = min(end, to)
		if err := s.walkFile(q.key, file, from, end, fn); err != nil {
			return err
		}
		from = end
	}
	return nil
}

// walkFile is walk within one file. Every block is verified before any of its units is shown.
func (s *Store) walkFile(k Key, file, from, to offset.Queue, fn func(units []byte)) error {
	spare := s.spare.Get().(*[]byte)
	defer s.spare.Put(spare)
	id := fileID{k, file}
	err := s.files.use(id, false, func(f vfs.File) error {
		for from < to {
			first := blockFloor(from, file)
			blocks := min((to-first+blockUnits-1)/blockUnits, readBlocksMax)
			b := (*spare)[:blocks*blockSize]
			if n, err := f.ReadAt(b, blocksBytes(first-file)); n < len(b) {
				return err
			}
			for ; len(b) > 0; b = b[blockSize:] {
				if !sealed(b, k, first) {
					return fmt.Errorf("block at %d does not fit its seal: %w", first, ErrDamaged)
				}
				last := min(to, first+blockUnits)
				fn(b[int(from-first)*UnitSize : int(last-first)*UnitSize])
				from, first = last, last
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	if !errors.Is(err, ErrDamaged) && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = fmt.Errorf("too short for %d: %w", from, ErrDamaged)
	}
	return fmt.Errorf("%s: %w", s.filePath(id), err)
}

// settle returns q's range with the last Trim accounted for, which may need a search in files; it is done once per Trim. The range is
// valid as it was even when the search fails. A queue that is gone has an empty range.
func (s *Store) settle(q *queue) (offset.Range, error) {
	trim := offset.Physical(s.trimmed.Load())
	q.mu.Lock()
	r := offset.Range{Min: q.mu.first, Max: q.mu.next}
	settled := q.mu.trimmed >= trim || r.Min == r.Max || q.mu.firstPosition >= trim
	allBelow := q.mu.lastPosition < trim
	gone := q.mu.gone
	q.mu.Unlock()
	switch {
	case gone:
		return offset.Range{}, nil
	case settled:
		return r, nil
	case allBelow:
		// What is appended from here on lies at or above trim: the entries before it were applied before.
		return q.settleAt(r.Max, offset.Physical(math.MaxInt64), trim), nil
	}
	first, err := s.search(q, r, func(u Unit) (bool, error) { return u.Position >= trim, nil })
	if err == nil {
		var u Unit
		if u, err = s.unitAt(q, first); err == nil {
			return q.settleAt(first, u.Position, trim), nil
		}
	}
	return r, s.explain(q, r.Min, err)
}

// settleAt raises first to at, whose unit lies at position, on account of trim.
func (q *queue) settleAt(at offset.Queue, position, trim offset.Physical) offset.Range {
	q.mu.Lock()
	defer q.mu.Unlock()
	if trim > q.mu.trimmed {
		q.mu.trimmed = trim
	}
	if at > q.mu.first {
		q.mu.first = at
		q.mu.firstPosition = position
	}
	return offset.Range{Min: q.mu.first, Max: q.mu.next}
}
