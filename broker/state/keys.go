package state

import (
	"encoding/binary"
	"errors"
	"path"
	"sync"
	"time"

	"github.com/raftmq/raftmq/consumequeue/keyindex"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

const (
	keysDir = "keyindex"
	// keysInterval is how often the key index takes what was applied meanwhile, keysPause how long it waits after a failure.
	keysInterval = 200 * time.Millisecond
	keysPause    = 10 * time.Second
	// keysBehindMax is how many entries a look-up may have to index first.
	keysBehindMax = 10_000
)

// keyIndexer keeps the key index behind what was applied, on its own goroutine: Apply has no time for it (design section 7). It reads the log, since
// the hashes stand in the dispatch prefix of each message. What it has indexed need not have had its effect; who asks reads the message.
type keyIndexer struct {
	state *State
	stop  chan struct{}
	once  sync.Once
	done  sync.WaitGroup

	indexing sync.Mutex // held by whoever indexes
	store    *keyindex.Store
	failed   time.Time // when it failed last
}

func (x *keyIndexer) init(s *State) {
	x.state = s
	x.stop = make(chan struct{})
}

// open opens the runs that are there. Without them, or if one is damaged, the log is indexed again.
func (x *keyIndexer) open() error {
	o := x.state.opts
	store, err := keyindex.Open(keyindex.Options{FS: o.FS, Dir: path.Join(o.Dir, keysDir)})
	x.store = store
	if err != nil {
		o.Logger.Error("key index not readable, it is made again", "error", err)
		return store.Reset()
	}
	return nil
}

func (x *keyIndexer) start() { x.done.Go(x.run) }

func (x *keyIndexer) close() {
	x.once.Do(func() { close(x.stop) })
	x.done.Wait()
}

// run ends with close.
func (x *keyIndexer) run() {
	tick := time.NewTicker(keysInterval)
	defer tick.Stop()
	for {
		select {
		case <-x.stop:
			return
		case <-tick.C:
			if err := x.catchUp(x.state.Applied()); err != nil {
				x.state.opts.Logger.Error("key index stands still", "error", err, "behind", x.behind())
			}
		}
	}
}

// behind is how many applied entries are not indexed.
func (x *keyIndexer) behind() int64 {
	if x.store == nil {
		return 0
	}
	next := max(x.store.Next(), x.state.host.Log().FirstIndex())
	return max(int64(x.state.Applied())+1-int64(next), 0)
}

// catchUp indexes the log up to index. After a failure it does nothing for a while.
func (x *keyIndexer) catchUp(index offset.Index) error {
	x.indexing.Lock()
	defer x.indexing.Unlock()
	if time.Since(x.failed) < keysPause {
		return nil
	}
	err := x.catchUpLocked(index)
	if err != nil {
		x.failed = time.Now()
	}
	return err
}

func (x *keyIndexer) catchUpLocked(index offset.Index) error {
	log := x.state.host.Log()
	if err := x.store.Trim(log.FirstPosition()); err != nil {
		return err
	}
	for next := max(x.store.Next(), log.FirstIndex()); next <= index; next++ {
		select {
		case <-x.stop:
			return nil
		default:
		}
		c, ok, err := committedAt(x.state.host, next)
		if errors.Is(err, commitlog.ErrNotFound) {
			return nil // retention or an image took it: the next round begins where the log does
		}
		if err != nil {
			return err
		}
		var entries []keyindex.Entry
		if ok {
			entries = keysOf(c.Data, c.Position)
		}
		if err := x.store.Add(next, entries); err != nil {
			return err
		}
	}
	return nil
}

// keysOf are the keys of the messages in the data of an entry that begins at position.
func keysOf(data []byte, position offset.Physical) []keyindex.Entry {
	batch, err := commitlog.DecodeBatch(data)
	if err != nil {
		return nil // Apply has stopped the member, or will
	}
	var entries []keyindex.Entry
	for {
		sub, at, ok, err := batch.Next()
		if !ok || err != nil {
			return entries
		}
		if Kind(sub.Kind) != KindMessage {
			continue
		}
		m, ok := decodeMessage(sub.Payload)
		if !ok {
			continue
		}
		for hashes := m.keyHashes; len(hashes) > 0; hashes = hashes[4:] {
			entries = append(entries, keyindex.Entry{Hash: binary.BigEndian.Uint32(hashes), Position: position + offset.Physical(at), StoreTime: m.storeTime})
		}
	}
}

// FindByKey returns the physical offsets of at most max messages with a key of this hash that were stored within [begin, end] (ms), newest first. Others
// may have the same hash: MessageAt shows what lies there, or that it is gone. It may read files, and indexes first what was applied just now.
func (s *State) FindByKey(hash uint32, begin, end int64, max int) ([]offset.Physical, error) {
	if !s.ready.Load() {
		return nil, nil
	}
	if s.keys.behind() <= keysBehindMax {
		if err := s.keys.catchUp(s.Applied()); err != nil {
			return nil, err
		}
	}
	found, err := s.keys.store.Find(hash, begin, end, max)
	if errors.Is(err, keyindex.ErrDamaged) {
		s.opts.Logger.Error("key index damaged, it is made again", "error", err)
		s.keys.indexing.Lock()
		defer s.keys.indexing.Unlock()
		return nil, errors.Join(err, s.keys.store.Reset())
	}
	return found, err
}

// KeysBehind is how many applied entries the key index lacks.
func (s *State) KeysBehind() int64 {
	if !s.ready.Load() {
		return 0
	}
	return s.keys.behind()
}
