package state

import (
	"cmp"
	"slices"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
)

// Topic returns a topic by name, nil if there is none; TopicByID by id. They take no lock.
func (s *State) Topic(name string) *Topic   { return s.live.Load().topics.get(name) }
func (s *State) TopicByID(id uint32) *Topic { return s.live.Load().ids.get(id) }

// Group returns a group by name, nil if there is none. It takes no lock.
func (s *State) Group(name string) *Group { return s.live.Load().groups.get(name) }

// Topics returns all topics sorted by name, with the version of the table.
func (s *State) Topics() ([]*Topic, DataVersion) {
	m := s.live.Load()
	m.mu.RLock()
	all, version := m.topics.all(), m.meta.topicVersion
	m.mu.RUnlock()
	slices.SortFunc(all, func(a, b *Topic) int { return cmp.Compare(a.Name, b.Name) })
	return all, version
}

// Groups returns all groups sorted by name, with the version of the table.
func (s *State) Groups() ([]*Group, DataVersion) {
	m := s.live.Load()
	m.mu.RLock()
	all, version := m.groups.all(), m.meta.groupVersion
	m.mu.RUnlock()
	slices.SortFunc(all, func(a, b *Group) int { return cmp.Compare(a.Name, b.Name) })
	return all, version
}

// ConsumerOffset returns the committed offset; ok is false if there is none. generation is valid either way.
func (s *State) ConsumerOffset(group, topic string, queue int32) (o offset.Queue, generation uint32, ok bool) {
	m := s.live.Load()
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.offsets.get(group, topic, queue)
	if c == nil {
		return 0, 0, false
	}
	return c.offset, c.generation, true
}

// ConsumerOffsets returns all offsets of group ("" for every group), sorted by group, topic, queue.
func (s *State) ConsumerOffsets(group string) []OffsetCommit {
	m := s.live.Load()
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.offsets.list(group)
}

// DelayCursor returns the next queue offset to release of a delay level (1 to n), and DelayCursors all that ever moved.
func (s *State) DelayCursor(level int32) offset.Queue {
	m := s.live.Load()
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.delay[level]
}

func (s *State) DelayCursors() map[int32]offset.Queue { return s.live.Load().cursors() }

// Boundaries returns the retained boundaries, oldest first. BytesSinceBoundary is the size of the log after the newest, or of all that was
// applied if there is none.
func (s *State) Boundaries() []Boundary {
	m := s.live.Load()
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.boundaries)
}

func (s *State) BytesSinceBoundary() int64 {
	m := s.live.Load()
	m.mu.RLock()
	defer m.mu.RUnlock()
	if n := len(m.boundaries); n > 0 {
		return int64(m.meta.end - m.boundaries[n-1].End)
	}
	return int64(m.meta.end)
}

// Retained returns the boundary index at which the log begins by the last Retain, 0 if nothing was ever removed.
func (s *State) Retained() offset.Index {
	m := s.live.Load()
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.meta.retainedIndex
}

// GroupTime is the group time (ms) of the last applied batch, never going back; WallTime the highest wall time of any applied batch or message.
func (s *State) GroupTime() int64 { return s.live.Load().groupTime.Load() }
func (s *State) WallTime() int64  { return s.live.Load().wallTime.Load() }

// FeatureLevel is the replicated feature level.
func (s *State) FeatureLevel() uint32 {
	m := s.live.Load()
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.meta.featureLevel
}

// Digest is a hash of the whole state at the applied index, equal on all members at equal index (design D17), and equal to the digest
// that ends an image of that index. It holds Apply up while it reads everything: for tests and the commands of an operator.
// At boundaries BoundaryDigest costs nothing.
func (s *State) Digest() (offset.Index, [32]byte) {
	s.apply.Lock()
	defer s.apply.Unlock()
	m := s.live.Load()
	return m.meta.applied, m.digest()
}

// Range returns a queue's retained offsets.
func (s *State) Range(k consumequeue.Key) offset.Range {
	if !s.ready.Load() {
		return offset.Range{}
	}
	return s.store.Range(k)
}

// Units reads up to max units from queue offset from on; see consumequeue.Store.Read. Damage ends the process, which makes the queues again
// when it starts.
func (s *State) Units(dst []consumequeue.Unit, k consumequeue.Key, from offset.Queue, max int) ([]consumequeue.Unit, error) {
	if !s.ready.Load() {
		return dst, consumequeue.ErrOutOfRange
	}
	dst, err := s.store.Read(dst, k, from, max)
	return dst, s.markDamage(err)
}
