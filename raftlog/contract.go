package raftlog

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// ServerID is "name@instance": an address is never an identity (design D14).
type ServerID string

// Name is the part before the @.
func (id ServerID) Name() string { panic("contract") }

// Peer is a configured member: its name and where its Raft listener is ("host:port").
type Peer struct{ Name, Address string }

// Options configure a Node. Zero values take defaults.
type Options struct {
	FS  vfs.FS
	Dir string // holds identity, commitlog/, images/, stable.db
	// RealDir is Dir for bbolt, which needs real files. Default Dir.
	RealDir string

	Group string // broker name, for logs and the handshake
	Name  string // this node
	Peers []Peer // in member order; the first bootstraps
	// Resolve maps a member's name to its address when Peers does not have it. Optional.
	Resolve func(name string) (addr string, ok bool)

	Listener net.Listener
	Dial     func(ctx context.Context, addr string) (net.Conn, error)
	Secret   []byte // shared secret of the handshake; empty only if Insecure or the listener is loopback
	Insecure bool

	HeartbeatTimeout   time.Duration // default 500 ms
	ElectionTimeout    time.Duration // default 500 ms
	LeaderLeaseTimeout time.Duration // default 250 ms

	SegmentBytes   int64
	Flush          commitlog.Flush
	FlushInterval  time.Duration
	TailCacheBytes int64
	ReserveBytes   int64

	// EntryBytesMax (1 MiB), EntriesInFlight (2) and QueueBytesMax (64 MiB) bound the proposer (design D7).
	EntryBytesMax   int
	EntriesInFlight int
	QueueBytesMax   int64

	// GroupTime returns the group's clock in ms for the envelope of the batch being closed (design D16); nil means 0.
	GroupTime func() int64

	Applier Applier
	// OnStream serves a stream that another member opened with OpenStream. It owns conn.
	OnStream func(from ServerID, conn net.Conn)
	Logger   hclog.Logger
}

// Committed is one committed entry handed to the Applier. Data of a command is a batch (commitlog.Batch).
type Committed struct {
	Index      offset.Index
	Term       offset.Term
	Position   offset.Physical // of the first byte of Data
	AppendedAt time.Time
	Data       []byte
}

// Result is what one sub-record became when it was applied. Code is the Applier's own; 0 means it had its effect.
type Result struct {
	Code     int32
	Queue    offset.Queue    // of an appended message
	Position offset.Physical // of the sub-record
	Detail   any             // the Applier's own, usually nil
}

// Applier is the replicated state machine. Apply and Install are called from one goroutine, never together.
type Applier interface {
	// Start hands over the host before anything is applied. The Applier opens its state, loads the newest image if it
	// stands behind it (Host.NewestImage; the start rule of D13), and is ready to apply.
	Start(h Host) error
	// Applied is the index up to which the state stands; entries at or below are not handed over again.
	Applied() offset.Index
	// Apply applies committed commands in index order and returns one slice of results per entry, one result per sub-record.
	// It must be deterministic. A batch that does not decode or an unknown kind is fatal: it panics with index, term and kind.
	Apply(entries []Committed) [][]Result
	// Install replaces the whole state by the image at index.
	Install(index offset.Index, image io.Reader) error
	// Stop checkpoints and closes the state; nothing is applied afterwards.
	Stop() error
}

// Host is what a Node offers its Applier.
type Host interface {
	// Log reads the CommitLog.
	Log() *commitlog.Log
	// CreateImage starts the image of the state at the boundary entry index. It is published by Commit, and only once the log is
	// durable to index. The Applier calls it from any goroutine.
	CreateImage(index offset.Index) (ImageWriter, error)
	// NewestImage opens the newest published image; ok is false if there is none.
	NewestImage() (index offset.Index, image io.ReadCloser, ok bool, err error)
	// OldestImage opens the oldest published image whose boundary entry is still in the log: with the log after it
	// everything retained can be rebuilt, which an Applier does when its own files are damaged. ok is false if there is none.
	OldestImage() (index offset.Index, image io.ReadCloser, ok bool, err error)
	// Retain asks for the removal of log entries and images below from, a boundary. It returns at once.
	Retain(from offset.Index)
	// Fatal ends the process after logging err: a failed write or fsync, or a state that cannot be.
	Fatal(err error)
}

// ImageWriter receives the bytes of an image. Exactly one of Commit and Abort ends it.
type ImageWriter interface {
	io.Writer
	Commit() error
	Abort()
}

// Outcome tells a proposer what became of its sub-records (design D7).
type Outcome struct {
	// Err is nil when the entry was applied, wraps ErrNotAppended when it certainly was not and may be proposed again, and
	// wraps ErrUnknown when it may yet be applied.
	Err     error
	Results []Result // one per sub-record of the proposal
}

// Completion receives the outcome of a proposal, once, on a goroutine of the Node. It must not block.
type Completion interface{ Done(o Outcome) }

var (
	// ErrNotAppended: the proposal certainly has no effect; it may be proposed again.
	ErrNotAppended = errors.New("not appended")
	// ErrUnknown: the proposal may or may not take effect later.
	ErrUnknown = errors.New("outcome unknown")
	// ErrNotLeader wraps ErrNotAppended: this member is not the leader.
	ErrNotLeader = errors.New("not the leader")
	// ErrBusy wraps ErrNotAppended: the proposer's queue is full.
	ErrBusy = errors.New("proposal queue full")
	// ErrDiskFull wraps ErrNotAppended.
	ErrDiskFull = errors.New("disk full")
	// ErrQuarantined: the member's files are damaged or not its own; exit code 4.
	ErrQuarantined = errors.New("member quarantined")
)

// Node is one member of one group.
type Node struct{}

// Open locks the directory, recovers log and stable store and starts the Applier. It neither listens nor votes yet.
// It wraps ErrQuarantined when the files must not be used.
func Open(o Options) (*Node, error) { panic("contract") }

// Run serves the group until ctx ends: bootstraps or waits to be added, elects, replicates, applies. It returns nil after a
// clean stop (leadership handed over first) and the reason otherwise.
func (n *Node) Run(ctx context.Context) error { panic("contract") }

// Propose adds sub-records (count of them, encoded back to back in subs) to the batch that is being gathered. subs is copied before
// Propose returns. done is called once unless an error is returned; every error wraps ErrNotAppended.
func (n *Node) Propose(subs []byte, count int, done Completion) error { panic("contract") }

// ProposeReserved is Propose for what must go on when the disk is nearly full (offsets, LeaderStart, Boundary).
func (n *Node) ProposeReserved(subs []byte, count int, done Completion) error { panic("contract") }

// Leadership is one change of what this member knows of the group's leader.
type Leadership struct {
	Term   offset.Term
	Leader ServerID // empty while unknown
	Self   bool     // this member is the leader
}

// Leadership returns the current knowledge and a channel that is closed when it changes.
func (n *Node) Leadership() (Leadership, <-chan struct{}) { panic("contract") }

// LeaseValid reports whether this member is the leader and heard from a quorum within the lease, by the monotonic clock.
func (n *Node) LeaseValid() bool { panic("contract") }

// ID is this member's identity.
func (n *Node) ID() ServerID { panic("contract") }

// Member is one server of the group's configuration.
type Member struct {
	ID      ServerID
	Address string
	Voter   bool
	Leader  bool
	// MatchIndex and LastContact are known to the leader only; Zero otherwise.
	MatchIndex  offset.Index
	LastContact time.Time
}

// Status is a consistent view for status output and metrics.
type Status struct {
	Group, UUID   string
	Self          ServerID
	State         string // leader, follower, candidate, waiting, installing, stopped
	Term          offset.Term
	Leader        ServerID
	LastIndex     offset.Index
	CommitIndex   offset.Index
	AppliedIndex  offset.Index
	FirstIndex    offset.Index
	FirstPosition offset.Physical
	NextPosition  offset.Physical
	// LeaderCommit and LeaderNextPosition are what the leader's last heartbeat carried (design D8); equal to our own on the leader.
	LeaderCommit       offset.Index
	LeaderNextPosition offset.Physical
	LeaderContact      time.Time
	Members            []Member // in member order
	Flush              string   // "sync" or "async (relaxed)"
	Images             []offset.Index
	Stalled            time.Duration // age of the oldest storage call under way
}

func (n *Node) Status() Status { panic("contract") }

// WaitApplied returns when the member has applied index or ctx ends.
func (n *Node) WaitApplied(ctx context.Context, index offset.Index) error { panic("contract") }

// TransferLeadership hands leadership to the named member, or to the most advanced one if name is empty.
func (n *Node) TransferLeadership(ctx context.Context, name string) error { panic("contract") }

// AddMember adds the instance that answers at addr as a non-voter and promotes it once it has caught up, if voter. It returns when
// the change is committed (non-voter) or the promotion is.
func (n *Node) AddMember(ctx context.Context, name, addr string, voter bool) error { panic("contract") }

// RemoveMember removes a member by name or by full ServerID.
func (n *Node) RemoveMember(ctx context.Context, member string) error { panic("contract") }

// DemoteMember makes a voter a non-voter.
func (n *Node) DemoteMember(ctx context.Context, member string) error { panic("contract") }

// OpenStream opens an authenticated stream to another member's Raft listener, served by its OnStream.
func (n *Node) OpenStream(ctx context.Context, to ServerID) (net.Conn, error) { panic("contract") }
