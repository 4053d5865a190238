package state

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/raftmq/raftmq/consumequeue"
)

// damagedMark is a file in Dir that says that a consume queue was found damaged: the next start makes the queues again.
const damagedMark = "consumequeue.damaged"

// mark makes the next start rebuild the queues and ends the process: err is damage that a read has met.
func (s *State) mark(err error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.apply.failed != nil {
		return
	}
	f, fileErr := s.opts.FS.Create(path.Join(s.opts.Dir, damagedMark))
	if fileErr == nil {
		fileErr = errors.Join(f.Close(), s.opts.FS.SyncDir(s.opts.Dir))
	}
	if fileErr != nil && !errors.Is(fileErr, fs.ErrExist) {
		err = errors.Join(err, fileErr)
	}
	s.failLocked(fmt.Errorf("FATAL consume queues are made again at the next start: %w", err))
}

func (s *State) unmark() error {
	err := s.opts.FS.Remove(path.Join(s.opts.Dir, damagedMark))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.opts.FS.SyncDir(s.opts.Dir)
}

// markDamage passes err on, after mark if it is damage.
func (s *State) markDamage(err error) error {
	if errors.Is(err, consumequeue.ErrDamaged) {
		s.mark(err)
	}
	return err
}
