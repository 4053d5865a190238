package raftlog

import (
	"io"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

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

// Applier is the replicated state machine. Apply and Install are never called together.
type Applier interface {
	// Start hands over the host before anything is applied. The Applier opens its state, loads the newest image if it
	// stands behind it (Host.NewestImage; the start rule of D13), and is ready to apply.
	Start(h Host) error
	// Applied is the index up to which the state stands; entries at or below are not handed over again. Right after Start it
	// must be an index that is durable in the log.
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
