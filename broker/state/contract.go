package state

import (
	"io"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting/message"
)

// Kind is the kind of a sub-record (commitlog.SubRecord). Numbers are part of the log format and never reused.
type Kind uint8

const (
	KindMessage       Kind = 1
	KindLeaderStart   Kind = 2
	KindPutTopic      Kind = 3
	KindDeleteTopic   Kind = 4
	KindPutGroup      Kind = 5
	KindDeleteGroup   Kind = 6
	KindCommitOffsets Kind = 7
	KindResetOffset   Kind = 8
	KindAdvanceDelay  Kind = 9
	KindBoundary      Kind = 10
	KindRetain        Kind = 11
	KindFeatureLevel  Kind = 12
)

// Result codes of sub-records (raftlog.Result.Code).
const (
	OK            int32 = 0
	NoSuchTopic   int32 = 1 // the topic id does not exist (any more)
	NoSuchGroup   int32 = 2
	Stale         int32 = 3 // the stated precondition did not hold; no effect
	Invalid       int32 = 4 // e.g. a queue id outside the topic
	SpanCancelled int32 = 5 // the sub-record that this one belongs to had no effect
)

// Topic is one topic's replicated configuration. Values handed out are never changed: a change makes a new one.
type Topic struct {
	ID          uint32 // never reused, so a recreated topic has another
	Name        string
	ReadQueues  int32
	WriteQueues int32
	Perm        int32 // 4 read, 2 write, 1 inherit
	FilterType  string
	SysFlag     int32
	Order       bool
	Attributes  map[string]string
}

// Group is one subscription group's replicated configuration (RocketMQ's SubscriptionGroupConfig). Immutable like Topic.
type Group struct {
	Name                           string
	ConsumeEnable                  bool
	ConsumeFromMinEnable           bool
	ConsumeBroadcastEnable         bool
	ConsumeMessageOrderly          bool
	RetryQueueNums                 int32
	RetryMaxTimes                  int32
	BrokerID                       int64
	WhichBrokerWhenConsumeSlowly   int64
	NotifyConsumerIDsChangedEnable bool
	GroupSysFlag                   int32
	ConsumeTimeoutMinute           int32
	RetryPolicyJSON                string // groupRetryPolicy as received, "" for the default
	Attributes                     map[string]string
}

// DefaultGroup returns the defaults of SubscriptionGroupConfig.
func DefaultGroup(name string) Group { panic("contract") }

// DataVersion identifies a version of the topic or group table (RocketMQ's DataVersion without the term).
type DataVersion struct {
	Timestamp int64 // ms, wall time of the batch that changed it last
	Counter   int64
}

// Commands. Each appends one whole sub-record, header and CRC included, to dst.

// AppendMessage appends the command to store m in topic and queue. tagsCode is the tag's hash, or the due time in ms for
// SCHEDULE_TOPIC_XXXX. keyHashes are for the key index. m is encoded with AppendStored; its offsets are ignored, they are
// assigned by Apply (design D4). Precondition: the topic id exists and queue is within its queues.
// Result: Queue and Position of the stored message.
func AppendMessage(dst []byte, topicID uint32, tagsCode int64, keyHashes []uint32, m *message.Message) []byte {
	panic("contract")
}

// AppendLeaderStart: member (name@instance) begins to lead term. groupTime continues from the last entry.
func AppendLeaderStart(dst []byte, member string, term offset.Term) []byte { panic("contract") }

// AppendPutTopic creates or updates a topic by name; ID is ignored. With ifAbsent an existing topic is left as it is and the
// result is OK. Result.Detail is the *Topic as it stands afterwards.
func AppendPutTopic(dst []byte, t Topic, ifAbsent bool) []byte { panic("contract") }

// AppendDeleteTopic removes a topic, its queues and all consumer offsets on it. NoSuchTopic if absent.
func AppendDeleteTopic(dst []byte, name string) []byte { panic("contract") }

// AppendPutGroup is AppendPutTopic for groups; Result.Detail is the *Group.
func AppendPutGroup(dst []byte, g Group, ifAbsent bool) []byte { panic("contract") }

// AppendDeleteGroup removes a group, and its offsets if cleanOffsets.
func AppendDeleteGroup(dst []byte, name string, cleanOffsets bool) []byte { panic("contract") }

// OffsetCommit is one consumer offset. Generation is what ConsumerOffset returned when the commit arrived; a reset raises it
// and voids older commits (design D20).
type OffsetCommit struct {
	Group, Topic string
	Queue        int32
	Offset       offset.Queue
	Generation   uint32
}

// AppendCommitOffsets stores consumer offsets; entries with a stale generation or of an unknown topic are skipped.
func AppendCommitOffsets(dst []byte, commits []OffsetCommit) []byte { panic("contract") }

// AppendResetOffset sets one consumer offset by an administrator and raises its generation.
func AppendResetOffset(dst []byte, c OffsetCommit) []byte { panic("contract") }

// AppendAdvanceDelay moves the cursor of a delay level from a to b and makes the span message sub-records that follow take
// effect. Precondition: the cursor stands at from; otherwise Stale and the span is cancelled (design D15).
func AppendAdvanceDelay(dst []byte, level int32, from, to offset.Queue, span uint16) []byte {
	panic("contract")
}

// AppendBoundary asks every member for an image of the state at this entry (design D13).
func AppendBoundary(dst []byte) []byte { panic("contract") }

// AppendRetain moves the start of the retained log to the boundary entry at index. Stale if it is no known boundary or not above the
// present one.
func AppendRetain(dst []byte, index offset.Index) []byte { panic("contract") }

// AppendFeatureLevel raises the feature level (design D16).
func AppendFeatureLevel(dst []byte, level uint32) []byte { panic("contract") }

// Advance says that a queue grew from Range [From, To) of offsets.
type Advance struct {
	Queue    consumequeue.Key
	From, To offset.Queue
}

// Options configure a State.
type Options struct {
	FS      vfs.FS
	Dir     string // consumequeue/ goes here
	RealDir string // state.db goes here: bbolt needs a real file. Default Dir.
	// CheckpointInterval (5 s) and CheckpointBytes (64 MiB of applied data) start a checkpoint, whichever comes first.
	CheckpointInterval time.Duration
	CheckpointBytes    int64
	// OnAppend is called on the Apply goroutine after each call of Apply that appended messages. It must not block.
	OnAppend func(advances []Advance)
	// OnTopics and OnGroups are called on the Apply goroutine after the table changed, with the changed names.
	OnTopics func(names []string)
	OnGroups func(names []string)
	// OnLeaderStart is called when a LeaderStart entry is applied.
	OnLeaderStart func(member string, term offset.Term)
	// OnInstall is called after an image replaced the state.
	OnInstall func()
	Logger    hclog.Logger
}

// State is the replicated state machine of one group (raftlog.Applier). Its queries may be called from any goroutine and see every
// entry applied before the call; they never block on Apply for longer than a map lookup.
type State struct{}

// New returns a State; Start (called by the raftlog.Node) opens it.
func New(o Options) *State { panic("contract") }

func (s *State) Start(h raftlog.Host) error                           { panic("contract") }
func (s *State) Applied() offset.Index                                { panic("contract") }
func (s *State) Apply(entries []raftlog.Committed) [][]raftlog.Result { panic("contract") }
func (s *State) Install(index offset.Index, image io.Reader) error    { panic("contract") }
func (s *State) Stop() error                                          { panic("contract") }

// Topic returns a topic by name, nil if there is none; TopicByID by id.
func (s *State) Topic(name string) *Topic   { panic("contract") }
func (s *State) TopicByID(id uint32) *Topic { panic("contract") }

// Topics returns all topics sorted by name, with the version of the table.
func (s *State) Topics() ([]*Topic, DataVersion) { panic("contract") }
func (s *State) Group(name string) *Group        { panic("contract") }
func (s *State) Groups() ([]*Group, DataVersion) { panic("contract") }

// ConsumerOffset returns the committed offset; ok is false if there is none. generation is valid either way.
func (s *State) ConsumerOffset(group, topic string, queue int32) (o offset.Queue, generation uint32, ok bool) {
	panic("contract")
}

// ConsumerOffsets returns all offsets of group ("" for every group), sorted by group, topic, queue.
func (s *State) ConsumerOffsets(group string) []OffsetCommit { panic("contract") }

// Range returns a queue's retained offsets.
func (s *State) Range(k consumequeue.Key) offset.Range { panic("contract") }

// Units reads up to max units from queue offset from on; see consumequeue.Store.Read.
func (s *State) Units(dst []consumequeue.Unit, k consumequeue.Key, from offset.Queue, max int) ([]consumequeue.Unit, error) {
	panic("contract")
}

// AppendMessages appends the stored bytes of units, which lie at consecutive queue offsets from first, to dst, with queue and physical
// offset stamped in. It stops before the message that would make dst longer than bytesMax, but always reads one. n is how many it read.
// A damaged record is an error that wraps commitlog.ErrCorrupt; its bytes are never returned.
func (s *State) AppendMessages(dst []byte, k consumequeue.Key, first offset.Queue, units []consumequeue.Unit, bytesMax int) (out []byte, n int, err error) {
	panic("contract")
}

// MessageAt returns the stored bytes of the message at a physical offset, offsets stamped in. It wraps commitlog.ErrNotFound when no
// message starts there.
func (s *State) MessageAt(p offset.Physical) ([]byte, error) { panic("contract") }

// StoreTime returns the store timestamp (ms) of the message of a unit.
func (s *State) StoreTime(u consumequeue.Unit) (int64, error) { panic("contract") }

// OffsetByTime returns the queue offset for a timestamp (ms) by the rules of behaviours.md section 7.
func (s *State) OffsetByTime(k consumequeue.Key, timestamp int64, upper bool) (offset.Queue, error) {
	panic("contract")
}

// DelayCursor returns the next queue offset to release of a delay level (1 to n), and DelayCursors all.
func (s *State) DelayCursor(level int32) offset.Queue { panic("contract") }
func (s *State) DelayCursors() map[int32]offset.Queue { panic("contract") }

// Boundary is a boundary entry whose image may exist.
type Boundary struct {
	Index    offset.Index
	Position offset.Physical // of the boundary's record
	WallTime int64           // ms, when it was proposed
}

// Boundaries returns the retained boundaries, oldest first. BytesSinceBoundary is the size of the log after the newest.
func (s *State) Boundaries() []Boundary    { panic("contract") }
func (s *State) BytesSinceBoundary() int64 { panic("contract") }

// GroupTime is the group time (ms) of the last applied batch; WallTime the highest wall time of any applied batch or message.
func (s *State) GroupTime() int64 { panic("contract") }
func (s *State) WallTime() int64  { panic("contract") }

// FeatureLevel is the replicated feature level.
func (s *State) FeatureLevel() uint32 { panic("contract") }

// Digest is a hash of the whole state at the applied index, equal on all members at equal index (design D17).
func (s *State) Digest() (offset.Index, [32]byte) { panic("contract") }
