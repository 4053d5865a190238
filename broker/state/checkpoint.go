package state

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// frozen is what a checkpoint at applied has to make durable: the records and queues that changed since the one before.
type frozen struct {
	applied offset.Index
	meta    []byte
	records map[recordName]*[]byte
	tails   []consumequeue.Tail
	image   bool         // applied is a boundary
	retain  offset.Index // the log may begin here once this is durable; 0: nothing new
	only    bool         // the checkpoint is durable already: the image is all that is missing
}

// frozenMax is how many frozen checkpoints may wait. Only boundaries queue up; Apply waits beyond it.
const frozenMax = 4

// freezeLocked takes what changed since the last freeze and hands it to the checkpointer: all that Apply ever does for a checkpoint. It needs
// s.apply.
func (s *State) freezeLocked(image bool) {
	m := s.live.Load()
	s.apply.frozen = append(s.apply.frozen, &frozen{
		applied: m.meta.applied,
		meta:    appendMeta(nil, &m.meta),
		records: m.dirty,
		tails:   s.store.Freeze(),
		image:   image,
		retain:  s.apply.out.retain,
	})
	m.dirty = map[recordName]*[]byte{}
	s.apply.out.retain = 0
	s.apply.bytes = 0
	s.apply.saved = m.meta.applied
	s.checkpointer.wakeUp()
}

// checkpointer commits frozen checkpoints, one after the other, on its own goroutine, and freezes one when it is time. Start starts it.
type checkpointer struct {
	state *State
	wake  chan struct{} // one slot, level-triggered
	stop  chan struct{}
	once  sync.Once
	done  sync.WaitGroup

	saving    sync.Mutex // held while checkpoints are committed: run, and whoever starts or stops the state
	postponed bool       // saving
}

func (c *checkpointer) init(s *State) {
	c.state = s
	c.wake = make(chan struct{}, 1)
	c.stop = make(chan struct{})
}

func (c *checkpointer) start() { c.done.Go(c.run) }

func (c *checkpointer) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *checkpointer) close() {
	c.once.Do(func() { close(c.stop) })
	c.done.Wait()
}

// run ends with close or the first failure.
func (c *checkpointer) run() {
	tick := time.NewTicker(c.state.opts.CheckpointInterval)
	defer tick.Stop()
	for {
		due := false
		select {
		case <-c.stop:
			return
		case <-tick.C:
			due = true
		case <-c.wake:
		}
		if c.state.checkpoint(due) != nil {
			return
		}
	}
}

// last is the checkpoint of an orderly stop.
func (c *checkpointer) last() error {
	if c.state.db == nil {
		return nil
	}
	return c.state.checkpoint(true)
}

// checkpointSpaceMin is the free disk space below which the present state is not frozen for a checkpoint. All that one writes can be derived
// again, so it can wait; a write that finds no space would end the process, and a full disk has to heal without that (design D12).
const checkpointSpaceMin = 8 << 20

// hasSpace reports whether a checkpoint will find room. It needs s.checkpointer.saving.
func (s *State) hasSpace() bool {
	_, free, err := s.opts.FS.Usage(s.opts.Dir)
	full := err == nil && free < checkpointSpaceMin
	if full && !s.checkpointer.postponed {
		s.opts.Logger.Warn("checkpoints postponed: disk full", "dir", s.opts.Dir, "free", free, "needed", int64(checkpointSpaceMin))
	}
	s.checkpointer.postponed = full
	return !full
}

// checkpoint commits everything frozen, and the present state too if it is due or many bytes were applied, and the disk has room.
func (s *State) checkpoint(due bool) error {
	s.checkpointer.saving.Lock()
	defer s.checkpointer.saving.Unlock()
	room := s.hasSpace()
	for {
		f, err := s.nextFrozen(due, room)
		if f == nil || err != nil {
			return err
		}
		due = false
		err = s.markDamage(s.commit(f)) // a tail that cannot be read back will not be after a restart either
		s.committed(err)
		if err != nil {
			return err
		}
	}
}

func (s *State) nextFrozen(due, room bool) (*frozen, error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.apply.failed != nil {
		return nil, s.apply.failed
	}
	fresh := s.live.Load().meta.applied > s.apply.saved
	if fresh && room && (due || s.apply.bytes >= s.opts.CheckpointBytes) {
		s.freezeLocked(false)
	}
	if len(s.apply.frozen) == 0 {
		return nil, nil
	}
	f := s.apply.frozen[0]
	s.apply.frozen = s.apply.frozen[1:]
	s.apply.committing = true
	s.apply.idle.Broadcast()
	return f, nil
}

func (s *State) committed(err error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	s.apply.committing = false
	if err != nil {
		s.failLocked(fmt.Errorf("checkpoint: %w", err))
	}
	s.apply.idle.Broadcast()
}

// settleLocked waits until the checkpointer has nothing left to do. It needs s.apply.
func (s *State) settleLocked() {
	for (len(s.apply.frozen) > 0 || s.apply.committing) && s.apply.failed == nil {
		s.apply.idle.Wait()
	}
}

// commit makes f durable. Each gap between the steps is a crash that the start survives.
//
//  1. The log is durable to f.applied: the state never knows more than the log (design D13).
//  2. The units below the tails are in files and synced, or in the tails.
//  3. The database has them, with the applied index in the same transaction.
//  4. What no checkpoint needs any more goes: queue files, and the log below a new start.
//  5. The image, of a boundary, from the database, which stands at exactly its index until the next commit.
func (s *State) commit(f *frozen) error {
	if err := durable(s.host.Log(), f.applied); err != nil {
		return err
	}
	if !f.only {
		if err := s.store.Flush(f.tails); err != nil {
			return err
		}
		if err := s.db.commit(f); err != nil {
			return err
		}
		if err := s.store.Committed(f.tails); err != nil {
			return err
		}
	}
	if f.image {
		s.makeImage(f.applied)
	}
	if f.retain > 0 && s.digests.missing(f.retain) {
		s.opts.Logger.Warn("log kept: the image to begin it with could not be made", "index", f.retain)
	} else if f.retain > 0 {
		s.host.Retain(f.retain)
	}
	return nil
}

// durable returns when the log is durable to index.
func durable(log *commitlog.Log, index offset.Index) error {
	if log.FlushedIndex() >= index {
		return nil
	}
	return log.Sync()
}

func failedResults(e *raftlog.Committed) []raftlog.Result {
	batch, err := commitlog.DecodeBatch(e.Data)
	if err != nil {
		return nil
	}
	results := make([]raftlog.Result, batch.Count)
	for i := range results {
		results[i].Code = Failed
	}
	return results
}

func closeAll(err error, store *consumequeue.Store, db *database) error {
	errs := []error{err}
	if store != nil {
		errs = append(errs, store.Close())
	}
	if db != nil {
		errs = append(errs, db.close())
	}
	return errors.Join(errs...)
}
