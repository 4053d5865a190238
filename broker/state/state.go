package state

import (
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
)

// Options configure a State.
type Options struct {
	FS      vfs.FS
	Dir     string // consumequeue/ goes here; it exists, or its parent does
	RealDir string // state.db goes here: bbolt needs a real file. Default Dir.
	// CheckpointInterval (5 s) and CheckpointBytes (64 MiB of applied data) start a checkpoint, whichever comes first.
	CheckpointInterval time.Duration
	CheckpointBytes    int64
	// Queues are passed on to the consume queues; FS, Dir and Logger are set here.
	Queues consumequeue.Options
	// OnAppend is called on the Apply goroutine after each call of Apply that appended messages. It must not block, nor
	// keep advances. One whose From equals To is of a topic that was deleted in the same call.
	OnAppend func(advances []Advance)
	// OnTopics and OnGroups are called on the Apply goroutine after the table changed, with the changed names.
	OnTopics func(names []string)
	OnGroups func(names []string)
	// OnSettings is called on the Apply goroutine after settings changed.
	OnSettings func()
	// OnLeaderStart is called when a LeaderStart entry is applied.
	OnLeaderStart func(member string, term offset.Term)
	// OnInstall is called after an image replaced the state.
	OnInstall func()
	Logger    hclog.Logger
}

// EnsureDefaults fills zero values.
func (o *Options) EnsureDefaults() {
	if o.RealDir == "" {
		o.RealDir = o.Dir
	}
	if o.CheckpointInterval <= 0 {
		o.CheckpointInterval = 5 * time.Second
	}
	if o.CheckpointBytes <= 0 {
		o.CheckpointBytes = 64 << 20
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	o.Queues.FS, o.Queues.Dir, o.Queues.Logger = o.FS, path.Join(o.Dir, queuesDir), o.Logger.Named("consumequeue")
}

const queuesDir = "consumequeue"

// State is the replicated state machine of one group (raftlog.Applier). Its queries may be called from any goroutine and see every
// entry applied before the call; they never block on Apply for longer than a map lookup.
type State struct {
	opts Options
	host raftlog.Host

	live  atomic.Pointer[machine] // replaced by Install
	store *consumequeue.Store     // set by Start
	db    *database               // set by Start
	ready atomic.Bool             // store may be read

	apply struct {
		sync.Mutex           // held by Apply, Install, Digest and while a checkpoint is frozen
		idle       sync.Cond // the checkpointer took from frozen or finished a commit
		out        changes
		bytes      int64 // applied since the last freeze
		saved      offset.Index
		frozen     []*frozen
		committing bool
		failed     error
	}

	checkpointer checkpointer
	keys         keyIndexer
	digests      digests
}

var _ raftlog.Applier = (*State)(nil)

// New returns a State; Start (called by the raftlog.Node) opens it. Until then it is empty.
func New(o Options) *State {
	o.EnsureDefaults()
	s := &State{opts: o}
	s.apply.idle.L = &s.apply.Mutex
	s.live.Store(newMachine(noQueues{}))
	s.checkpointer.init(s)
	s.keys.init(s)
	return s
}

// noQueues are the queues before Start.
type noQueues struct{}

func (noQueues) Append(consumequeue.Key, consumequeue.Unit) (offset.Queue, error) {
	panic("BUG: apply before start")
}
func (noQueues) Next(consumequeue.Key) offset.Queue { return 0 }
func (noQueues) Keys() []consumequeue.Key           { return nil }
func (noQueues) Drop(consumequeue.Key)              {}
func (noQueues) Trim(offset.Physical)               {}

// Applied is the index up to which the state stands.
func (s *State) Applied() offset.Index { return offset.Index(s.live.Load().applied.Load()) }

// Apply applies entries beyond Applied, in order (raftlog.Applier). The results of an entry that was applied before are nil. After a failed
// write of the queues it calls Host.Fatal and gives every sub-record the code Failed, without effect.
func (s *State) Apply(entries []raftlog.Committed) [][]raftlog.Result {
	s.apply.Lock()
	out := &s.apply.out
	out.reset()
	results := make([][]raftlog.Result, len(entries))
	for i := range entries {
		results[i] = s.applyLocked(&entries[i], out)
	}
	if s.apply.bytes >= s.opts.CheckpointBytes {
		s.checkpointer.wakeUp()
	}
	s.apply.Unlock()
	s.tell(out)
	return results
}

// applyLocked applies one entry, and freezes the state if it is a boundary. It needs s.apply.
func (s *State) applyLocked(e *raftlog.Committed, out *changes) []raftlog.Result {
	m := s.live.Load()
	if e.Index <= m.meta.applied {
		return nil
	}
	if s.apply.failed != nil {
		return failedResults(e)
	}
	results, err := m.apply(e, out)
	if err != nil {
		s.failLocked(err)
		return failedResults(e)
	}
	s.apply.bytes += int64(len(e.Data))
	if out.boundary {
		s.freezeLocked(true)
		for len(s.apply.frozen) > frozenMax && s.apply.failed == nil {
			s.apply.idle.Wait() // boundaries come faster than checkpoints are written
		}
	}
	return results
}

// tell calls the hooks for what a call of Apply did.
func (s *State) tell(c *changes) {
	if s.opts.OnTopics != nil && len(c.topics) > 0 {
		s.opts.OnTopics(c.topics)
	}
	if s.opts.OnGroups != nil && len(c.groups) > 0 {
		s.opts.OnGroups(c.groups)
	}
	if s.opts.OnSettings != nil && c.settings {
		s.opts.OnSettings()
	}
	if s.opts.OnAppend != nil && len(c.advances) > 0 {
		s.opts.OnAppend(c.advances)
	}
	if s.opts.OnLeaderStart != nil {
		for _, l := range c.starts {
			s.opts.OnLeaderStart(l.member, l.term)
		}
	}
}

// failLocked latches the first failure and ends the process. It needs s.apply.
func (s *State) failLocked(err error) {
	if s.apply.failed == nil {
		s.apply.failed = err
		s.host.Fatal(err)
	}
	s.apply.idle.Broadcast()
}

// Stop checkpoints and closes the state; nothing is applied afterwards.
func (s *State) Stop() error {
	s.keys.close()
	s.checkpointer.close()
	err := s.checkpointer.last()
	s.ready.Store(false)
	return closeAll(err, s.store, s.db)
}
