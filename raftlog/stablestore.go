package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

const (
	stableFile    = "stable.db"
	stableSpace   = 256 << 10 // written ahead, so that a full disk cannot stop a term
	stableTimeout = time.Second
)

// Keys of hashicorp/raft, and ours for the vote.
const (
	keyTerm     = "CurrentTerm"
	keyVoteTerm = "LastVoteTerm"
	keyVoteCand = "LastVoteCand"
	keyVote     = "Vote" // u64 term | candidate
	keyWritten  = "Prewritten"
)

// errKeyNotFound reads exactly "not found", which is what raft compares with.
var errKeyNotFound = errors.New("not found")

// errTermWentBack refuses a term below the present one. Raft panics on it; see beatNow for the one way it comes to that.
var errTermWentBack = errors.New("BUG: the term went back")

// stableStore is raft's StableStore on raft-boltdb (design D9). It stores the vote as one value: raft writes its term and its
// candidate one after the other, and a crash between them would let this member vote without comparing logs.
type stableStore struct {
	db    *raftboltdb.BoltStore
	fatal func(error)
	began atomic.Int64 // when the write under way began, UnixNano; 0 if none

	mu       sync.Mutex // the heartbeat path writes terms beside raft's main loop
	term     uint64
	hasTerm  bool
	voteTerm uint64 // of the vote being written, until its candidate arrives
	vote     []byte // u64 term | candidate, as stored; nil if none
}

var _ raft.StableStore = (*stableStore)(nil)

// openStableStore opens or creates the store. A damaged file, on which bbolt panics or faults, is an error.
func openStableStore(dir string, fatal func(error)) (s *stableStore, err error) {
	name := path.Join(dir, stableFile)
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("%w: %s: %v", ErrQuarantined, name, r)
		}
	}()
	if err := checkStableFile(name); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrQuarantined, name, err)
	}
	db, err := raftboltdb.New(raftboltdb.Options{Path: name, BoltOptions: &bbolt.Options{Timeout: stableTimeout, FreelistType: bbolt.FreelistMapType}})
	switch {
	case errors.Is(err, bbolt.ErrInvalid), errors.Is(err, bbolt.ErrChecksum), errors.Is(err, bbolt.ErrVersionMismatch):
		return nil, fmt.Errorf("%w: %s: %w", ErrQuarantined, name, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s = &stableStore{db: db, fatal: fatal}
	if err := s.load(); err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func (s *stableStore) load() error {
	if _, err := s.db.Get([]byte(keyWritten)); errors.Is(err, raftboltdb.ErrKeyNotFound) {
		if err := s.writeAhead(); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	term, err := s.readUint64(keyTerm)
	if err != nil && !errors.Is(err, errKeyNotFound) {
		return err
	}
	s.term, s.hasTerm = term, err == nil
	vote, err := s.read(keyVote)
	if err != nil && !errors.Is(err, errKeyNotFound) {
		return err
	}
	if err == nil && len(vote) < 8 {
		return fmt.Errorf("%w: vote of %d bytes", ErrQuarantined, len(vote))
	}
	s.vote = vote
	return nil
}

// read returns a stored value without its checksum, errKeyNotFound if there is none.
func (s *stableStore) read(key string) ([]byte, error) {
	sealed, err := notFound(s.db.Get([]byte(key)))
	if err != nil {
		return nil, err
	}
	value, ok := unsealStable(key, sealed)
	if !ok {
		return nil, fmt.Errorf("%w: %s does not fit its checksum", ErrQuarantined, key)
	}
	return value, nil
}

func (s *stableStore) readUint64(key string) (uint64, error) {
	value, err := s.read(key)
	if err == nil && len(value) != 8 {
		err = fmt.Errorf("%w: %s of %d bytes", ErrQuarantined, key, len(value))
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(value), nil
}

// writeAhead makes the file larger than terms and votes will ever need: bbolt reuses the freed pages, whose blocks stay.
func (s *stableStore) writeAhead() error {
	if err := s.db.Set([]byte(keyWritten), sealStable(keyWritten, make([]byte, stableSpace))); err != nil {
		return err
	}
	return s.db.Set([]byte(keyWritten), sealStable(keyWritten, []byte{1}))
}

// currentTerm is the stored term, 0 if there is none.
func (s *stableStore) currentTerm() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.term
}

// missing reports whether no term was ever stored, which a log beside it contradicts.
func (s *stableStore) missing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.hasTerm
}

// write stores one key. A failure is final: bbolt may have written pages (design D11).
func (s *stableStore) write(key string, value []byte) error {
	s.began.Store(time.Now().UnixNano())
	defer s.began.Store(0)
	if err := s.db.Set([]byte(key), sealStable(key, value)); err != nil {
		err = fmt.Errorf("stable store: %s: %w", key, err)
		s.fatal(err)
		return err
	}
	return nil
}

// stalled is how long the write under way has been running.
func (s *stableStore) stalled() time.Duration {
	began := s.began.Load()
	if began == 0 {
		return 0
	}
	return time.Duration(time.Now().UnixNano() - began)
}

// SetUint64 implements raft.StableStore. The term of a vote is held back until Set brings its candidate.
func (s *stableStore) SetUint64(key []byte, value uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch string(key) {
	case keyVoteTerm:
		s.voteTerm = value
		return nil
	case keyTerm:
		if s.hasTerm && s.term == value {
			return nil
		}
		if value < s.term {
			return fmt.Errorf("%w: %d after %d", errTermWentBack, value, s.term)
		}
		if err := s.write(keyTerm, binary.BigEndian.AppendUint64(nil, value)); err != nil {
			return err
		}
		s.term, s.hasTerm = value, true
		return nil
	}
	return s.write(string(key), binary.BigEndian.AppendUint64(nil, value))
}

// Set implements raft.StableStore.
func (s *stableStore) Set(key, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(key) != keyVoteCand {
		return s.write(string(key), value)
	}
	vote := append(binary.BigEndian.AppendUint64(nil, s.voteTerm), value...)
	if err := s.write(keyVote, vote); err != nil {
		return err
	}
	s.vote = vote
	return nil
}

// Get implements raft.StableStore.
func (s *stableStore) Get(key []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(key) == keyVoteCand {
		if s.vote == nil {
			return nil, errKeyNotFound
		}
		return s.vote[8:], nil
	}
	return s.read(string(key))
}

// GetUint64 implements raft.StableStore.
func (s *stableStore) GetUint64(key []byte) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch string(key) {
	case keyVoteTerm:
		if s.vote == nil {
			return 0, errKeyNotFound
		}
		return binary.BigEndian.Uint64(s.vote), nil
	case keyTerm:
		if !s.hasTerm {
			return 0, errKeyNotFound
		}
		return s.term, nil
	}
	return s.readUint64(string(key))
}

func notFound[T any](v T, err error) (T, error) {
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return v, errKeyNotFound
	}
	return v, err
}

func (s *stableStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db.Close()
}
