package state

import (
	"fmt"
	"io"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
)

// Install replaces the whole state by the image at index, which is read and verified to its end first. On an error nothing is replaced, or the
// process has to end.
func (s *State) Install(index offset.Index, image io.Reader) error {
	records, err := readImage(image, index)
	if err != nil {
		return fmt.Errorf("image %d: %w", index, err)
	}
	m, tails, err := fromImage(s.store, records)
	if err == nil && m.meta.applied != index {
		err = fmt.Errorf("%w: its content is of index %d", errImage, m.meta.applied)
	}
	if err != nil {
		return fmt.Errorf("image %d: %w", index, err)
	}
	if err := s.switchTo(m, records, tails); err != nil {
		return fmt.Errorf("image %d: %w", index, err)
	}
	if s.opts.OnInstall != nil {
		s.opts.OnInstall()
	}
	return nil
}

// switchTo makes the content of an image the state. A crash before the commit leaves A < S, and after it queue files that no tail
// needs: the start puts both right.
func (s *State) switchTo(m *machine, records []record, tails []consumequeue.Tail) error {
	s.apply.Lock()
	defer s.apply.Unlock()
	s.settleLocked()
	if s.apply.failed != nil {
		return s.apply.failed
	}
	err := s.store.Reset(tails)
	if err == nil {
		err = s.db.replace(records, tails)
	}
	if err != nil {
		s.failLocked(err)
		return err
	}
	s.apply.bytes, s.apply.out.retain = 0, 0
	s.begin(m, s.store)
	return nil
}
