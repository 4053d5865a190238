package state

import (
	"errors"
	"fmt"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

// rebuild makes state and queues from the oldest base that there is and runs Apply over the log to target. Images up to newest exist.
func (s *State) rebuild(target, newest offset.Index) error {
	log := s.host.Log()
	base, records, err := s.oldestBase()
	if err != nil {
		return err
	}
	store, err := consumequeue.Open(s.opts.Queues, nil)
	if err != nil {
		return err
	}
	s.store = store
	m, tails, err := fromImage(store, records)
	if err != nil {
		return err
	}
	if err := s.store.Reset(tails); err != nil {
		return err
	}
	if err := s.db.replace(records, tails); err != nil {
		return err
	}
	s.begin(m, store)
	s.opts.Logger.Info("state is made again from the log", "image", base, "index", target)
	for index := base + 1; index <= target; index++ {
		if err := s.replay(index, index > newest); err != nil {
			return err
		}
		if s.apply.bytes >= s.opts.CheckpointBytes {
			s.opts.Logger.Info("state is made again from the log", "applied", index, "index", target, "end", log.LastIndex())
			if err := s.checkpoint(true); err != nil {
				return err
			}
		}
	}
	if err := s.checkpoint(true); err != nil {
		return err
	}
	return s.unmark()
}

// oldestBase returns the oldest state that the log continues, so that the queues get all that is retained: nothing at all, at index 0, if
// the log goes back to its first entry, else the oldest image.
func (s *State) oldestBase() (offset.Index, []record, error) {
	log := s.host.Log()
	if log.FirstIndex() == 1 {
		return 0, nil, nil
	}
	open := s.host.OldestImage
	if log.LastIndex() == 0 {
		open = s.host.NewestImage // it was installed, and the log has not got its first entry yet
	}
	index, image, ok, err := open()
	if err != nil {
		return 0, nil, err
	}
	if ok {
		records, err := readImage(image, index)
		return index, records, errors.Join(err, image.Close())
	}
	if first := log.FirstIndex(); first > 1 {
		return 0, nil, fmt.Errorf("%w: the log begins at entry %d, and there is no image to make the state before it", raftlog.ErrQuarantined, first)
	}
	return 0, nil, nil
}

// replay applies the entry at index from the log, without telling anyone.
func (s *State) replay(index offset.Index, images bool) error {
	c, ok, err := committedAt(s.host, index)
	if err != nil || !ok {
		return err
	}
	m, out := s.live.Load(), &s.apply.out
	if c.Index <= m.meta.applied {
		return nil
	}
	out.reset()
	if _, err := m.apply(&c, out); err != nil {
		return err
	}
	s.apply.bytes += int64(len(c.Data))
	if out.boundary && images {
		s.freezeLocked(true)
		return s.checkpoint(false)
	}
	return nil
}

const commandType = 0 // hashicorp/raft's LogCommand

func committedAt(h raftlog.Host, index offset.Index) (c raftlog.Committed, ok bool, err error) {
	e, err := h.Log().Entry(index)
	if err != nil {
		return c, false, fmt.Errorf("entry %d: %w", index, err)
	}
	if e.Type != commandType {
		return c, false, nil
	}
	at, err := h.Log().DataPosition(index)
	return raftlog.Committed{Index: e.Index, Term: e.Term, Position: at, AppendedAt: e.AppendedAt, Data: e.Data}, err == nil, err
}
