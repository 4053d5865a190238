package state

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

// Start opens the state and brings it at least to the newest image (the start rule of design D13). With A the applied index of state.db
// and S the index of the newest image:
//
//	state.db and queues whole, A ≥ S    go on at A
//	damaged, marked damaged, or A < S   rebuild: nothing if the log begins at 1, else the oldest image in it, and Apply over
//	                                    the log up to max(A, S), which is known to be committed
//	no image, and the log begins later  ErrQuarantined: the state cannot be made, and starting empty would lose it
//	A beyond the log                    ErrQuarantined: the log lost what the state was made of
func (s *State) Start(h raftlog.Host) error {
	s.host = h
	if err := errors.Join(s.open(), s.keys.open()); err != nil {
		return closeAll(err, s.store, s.db)
	}
	s.ready.Store(true)
	s.catchUpLocked()
	s.checkpointer.start()
	s.keys.start()
	return nil
}

func (s *State) open() error {
	if err := s.opts.FS.MkdirAll(s.opts.Dir); err != nil {
		return err
	}
	m, tails, err := s.load()
	whole := err == nil
	if err != nil && !errors.Is(err, errDatabase) {
		return err
	}
	if !whole {
		s.opts.Logger.Error("state.db damaged, it is made again", "error", err)
		if err := s.newDatabase(); err != nil {
			return err
		}
	}
	newest, err := s.newestImage()
	if err != nil {
		return err
	}
	log := s.host.Log()
	if m.meta.applied > max(newest, log.LastIndex()) {
		return fmt.Errorf("%w: state.db stands at entry %d, the log ends at %d", raftlog.ErrQuarantined, m.meta.applied, log.LastIndex())
	}
	if whole && m.meta.applied >= newest && m.meta.applied+1 >= log.FirstIndex() {
		whole, err = s.openQueues(m, tails)
		if whole || err != nil {
			return err
		}
	}
	return s.rebuild(max(m.meta.applied, newest), newest)
}

// load opens state.db and reads it into a machine without queues. The machine is never nil; empty after an error.
func (s *State) load() (*machine, []consumequeue.Tail, error) {
	var err error
	if s.db, err = openDatabase(s.opts.RealDir); err == nil {
		var m *machine
		var tails []consumequeue.Tail
		if m, tails, err = s.db.load(); err == nil {
			return m, tails, nil
		}
	}
	return newMachine(noQueues{}), nil, err
}

func (s *State) newDatabase() (err error) {
	if s.db != nil {
		s.db.close() // of a file that is set aside
		s.db = nil
	}
	if err := setAside(s.opts.RealDir); err != nil {
		return err
	}
	s.db, err = openDatabase(s.opts.RealDir)
	return err
}

func (s *State) newestImage() (offset.Index, error) {
	index, image, ok, err := s.host.NewestImage()
	if err != nil || !ok {
		return 0, err
	}
	return index, image.Close()
}

// openQueues opens the queues at the checkpoint m. whole is false if they have to be made again.
func (s *State) openQueues(m *machine, tails []consumequeue.Tail) (whole bool, err error) {
	_, err = s.opts.FS.Stat(path.Join(s.opts.Dir, damagedMark))
	if err == nil {
		s.opts.Logger.Error("consume queues were found damaged, they are made again")
		return false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	store, err := consumequeue.Open(s.opts.Queues, tails)
	if errors.Is(err, consumequeue.ErrDamaged) {
		s.opts.Logger.Error("consume queues damaged, they are made again", "error", err)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.begin(m, store)
	return true, nil
}

// begin makes m over store the live state.
func (s *State) begin(m *machine, store *consumequeue.Store) {
	s.store = store
	m.queues = store
	store.Trim(m.meta.retainedEnd)
	s.apply.saved = m.meta.applied
	s.live.Store(m)
}

// catchUpLocked does what a crash may have left undone after the last checkpoint: its image, and the removal of log. Nothing else runs yet.
func (s *State) catchUpLocked() {
	m := s.live.Load()
	if n := len(m.boundaries); n > 0 && m.boundaries[n-1].Index == m.meta.applied {
		if newest, err := s.newestImage(); err == nil && newest < m.meta.applied {
			s.apply.frozen = append(s.apply.frozen, &frozen{applied: m.meta.applied, image: true, only: true})
			s.checkpointer.wakeUp()
		}
	}
	if m.meta.retainedIndex > s.host.Log().FirstIndex() {
		s.host.Retain(m.meta.retainedIndex)
	}
}
