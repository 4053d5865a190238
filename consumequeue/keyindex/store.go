package keyindex

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"sync"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// Options configure a Store.
type Options struct {
	FS  vfs.FS
	Dir string
	// RunEntries is how many entries become a run [262,144: 5 MiB]. So many are added again after a start.
	RunEntries int
}

const runEntries = 1 << 18

// Store is the key index of one group member.
type Store struct {
	opts Options

	mu     sync.RWMutex
	runs   []header // oldest first
	recent []Entry  // after the runs, in the order of the log
	first  offset.Index
	next   offset.Index // the log index that is to be added next
}

// Open reads the headers of the runs in o.Dir; there need not be any. ErrDamaged: Reset makes the index usable again.
func Open(o Options) (*Store, error) {
	if o.RunEntries <= 0 {
		o.RunEntries = runEntries
	}
	s := &Store{opts: o}
	names, err := o.FS.List(o.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	for _, name := range names {
		next, err := strconv.ParseUint(name, 10, 64)
		if err != nil {
			continue // a run that was being written
		}
		h, err := readHeader(o.FS, o.Dir, offset.Index(next))
		if err != nil {
			return s, fmt.Errorf("key index, run %s: %w", name, err)
		}
		s.runs = append(s.runs, h)
		s.next = h.next
	}
	s.first = s.next
	return s, nil
}

// Next is the index of the log entry that Add expects next, 0 if nothing was ever added.
func (s *Store) Next() offset.Index {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.next
}

// Add adds the keys of the log entry at index, which is not below Next. After an error the entries are still found, and the next Add tries to
// write them again.
func (s *Store) Add(index offset.Index, entries []Entry) error {
	s.mu.Lock()
	if len(s.recent) == 0 {
		s.first = index
	}
	s.recent = append(s.recent, entries...)
	s.next = index + 1
	full := len(s.recent) >= s.opts.RunEntries
	run, first, next := s.recent, s.first, s.next
	s.mu.Unlock()
	if !full {
		return nil
	}
	// Readers look at recent meanwhile: what is sorted is a copy.
	h, err := writeRun(s.opts.FS, s.opts.Dir, first, next, slices.Clone(run))
	if err != nil {
		return fmt.Errorf("key index: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs = append(s.runs, h)
	s.recent, s.first = nil, next
	return nil
}

// Find returns the positions of at most max entries of a hash whose store time lies in [begin, end] (ms), newest first. ErrDamaged: Reset.
func (s *Store) Find(hash uint32, begin, end int64, max int) ([]offset.Physical, error) {
	s.mu.RLock()
	recent, runs := s.recent, s.runs // neither is changed in place
	s.mu.RUnlock()
	var found []offset.Physical
	take := func(entries []Entry) bool {
		for i := len(entries) - 1; i >= 0 && len(found) < max; i-- {
			if e := entries[i]; e.Hash == hash && e.StoreTime >= begin && e.StoreTime <= end {
				found = append(found, e.Position)
			}
		}
		return len(found) < max
	}
	for more, i := take(recent), len(runs)-1; more && i >= 0; i-- {
		if runs[i].from > end || runs[i].to < begin {
			continue
		}
		entries, err := s.inRun(&runs[i], hash)
		if errors.Is(err, fs.ErrNotExist) {
			continue // trimmed meanwhile
		}
		if err != nil {
			return nil, err
		}
		more = take(entries)
	}
	return found, nil
}

func (s *Store) inRun(h *header, hash uint32) ([]Entry, error) {
	f, err := s.opts.FS.Open(runName(s.opts.Dir, h.next))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := runReader{file: f, count: int(h.count)}
	entries, err := r.find(nil, hash)
	if err != nil {
		return nil, fmt.Errorf("key index, run %d: %w", h.next, err)
	}
	return entries, nil
}

// Trim removes the runs all of whose messages lie below first.
func (s *Store) Trim(first offset.Physical) error {
	for {
		s.mu.Lock()
		if len(s.runs) == 0 || s.runs[0].high >= first {
			s.mu.Unlock()
			return nil
		}
		next := s.runs[0].next
		s.runs = slices.Clone(s.runs[1:])
		s.mu.Unlock()
		if err := s.opts.FS.Remove(runName(s.opts.Dir, next)); err != nil {
			return fmt.Errorf("key index: %w", err)
		}
	}
}

// Reset forgets everything: Next is 0 afterwards.
func (s *Store) Reset() error {
	s.mu.Lock()
	s.runs, s.recent, s.first, s.next = nil, nil, 0, 0
	s.mu.Unlock()
	if err := s.opts.FS.RemoveAll(s.opts.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("key index: %w", err)
	}
	return nil
}
