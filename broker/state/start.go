package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

// damagedMark is a file in Dir that says that a consume queue was found damaged: the next start makes the queues again.
const damagedMark = "consumequeue.damaged"

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
	if err := s.open(); err != nil {
		return closeAll(err, s.store, s.db)
	}
	s.ready.Store(true)
	s.catchUpLocked()
	s.checkpointer.start()
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
