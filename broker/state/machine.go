package state

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
)

// DataVersion identifies a version of the topic or group table (RocketMQ's DataVersion without the term).
type DataVersion struct {
	Timestamp int64 // ms, wall time of the batch that changed it last
	Counter   int64
}

// Boundary is a boundary entry whose image may exist.
type Boundary struct {
	Index    offset.Index
	Position offset.Physical // of the boundary's record
	End      offset.Physical // of the byte after it
	WallTime int64           // ms, when it was proposed
}

// queues is what the machine needs of a consumequeue.Store.
type queues interface {
	Append(k consumequeue.Key, u consumequeue.Unit) (offset.Queue, error)
	Next(k consumequeue.Key) offset.Queue
	Keys() []consumequeue.Key
	Drop(k consumequeue.Key)
	Trim(first offset.Physical)
}

// machine is the state in memory and the rules of Apply, without files, goroutines or Raft: State runs it, a rebuild and VerifyDir run
// it too. One goroutine at a time changes it. Topics and groups are read without a lock, what mu guards under it, the queues by themselves.
type machine struct {
	queues queues
	topics *table[string, *Topic]
	ids    *table[uint32, *Topic]
	groups *table[string, *Group]

	applied   atomic.Uint64 // meta.applied, for readers
	groupTime atomic.Int64
	wallTime  atomic.Int64

	mu         sync.RWMutex
	meta       meta
	offsets    offsetTable
	delay      map[int32]offset.Queue
	boundaries []Boundary // ascending
	locks      lockTable

	settings atomic.Pointer[map[string]string] // replaced, never changed

	// Owned by the Apply goroutine.
	slots map[uint32]*slot
	last  *slot                  // of the last message
	dirty map[recordName]*[]byte // records that changed since the last freeze; nil for deleted
}

// slot is what Apply keeps of a topic.
type slot struct {
	topic  *Topic
	queues int32
	marks  []mark // by queue id, as far as needed
}

// mark says where in changes.advances a queue is, if call is the present one.
type mark struct {
	call uint64
	at   int
}

// recordName is a record's name.
type recordName struct {
	table uint8
	key   string
}

func newMachine(q queues) *machine {
	m := &machine{
		queues:  q,
		topics:  newTable[string, *Topic](),
		ids:     newTable[uint32, *Topic](),
		groups:  newTable[string, *Group](),
		meta:    meta{featureLevel: 1, nextTopic: 1},
		offsets: offsetTable{},
		delay:   map[int32]offset.Queue{},
		locks:   lockTable{},
		slots:   map[uint32]*slot{},
		dirty:   map[recordName]*[]byte{},
	}
	m.settings.Store(&map[string]string{})
	return m
}

// publish shows readers the parts of meta that they read without the lock.
func (m *machine) publish() {
	m.applied.Store(uint64(m.meta.applied))
	m.groupTime.Store(m.meta.groupTime)
	m.wallTime.Store(m.meta.wallTime)
}

func (m *machine) put(table uint8, key string, value []byte) {
	m.dirty[recordName{table, key}] = &value
}
func (m *machine) remove(table uint8, key string) { m.dirty[recordName{table, key}] = nil }

func (m *machine) setTopic(t *Topic) {
	m.topics.set(t.Name, t)
	m.ids.set(t.ID, t)
	s := m.slots[t.ID]
	if s == nil {
		s = &slot{}
		m.slots[t.ID] = s
	}
	s.topic, s.queues = t, t.Queues()
}

func (m *machine) removeTopic(t *Topic) {
	m.topics.delete(t.Name)
	m.ids.delete(t.ID)
	delete(m.slots, t.ID)
	m.last = nil
}

func (m *machine) slot(id uint32) *slot {
	if s := m.last; s != nil && s.topic.ID == id {
		return s
	}
	s := m.slots[id]
	m.last = s
	return s
}

// finish ends a restore: what came in any order is put in order.
func (m *machine) finish() {
	slices.SortFunc(m.boundaries, func(a, b Boundary) int { return int(a.Index) - int(b.Index) })
	m.publish()
}

func (m *machine) cursors() map[int32]offset.Queue {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return maps.Clone(m.delay)
}
