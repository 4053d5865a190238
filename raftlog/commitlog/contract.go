package commitlog

import (
	"errors"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// UUID is 16 random bytes: the identity of a group or of an instance of a member.
type UUID [16]byte

// Flush says when an append is durable.
type Flush int

const (
	// FlushSync returns from Append after fdatasync. The default (design D6).
	FlushSync Flush = iota
	// FlushAsync syncs behind the appends, at most FlushInterval or UnsyncedBytesMax later. What a crash of
	// the host may then lose is acknowledged data; every status output shows it as relaxed.
	FlushAsync
)

// Options configure a Log. Zero values take the defaults that EnsureDefaults names.
type Options struct {
	FS       vfs.FS
	Dir      string
	Group    UUID // seeds record checksums, in every segment header
	Instance UUID // in every segment header
	// SegmentBytes ends a segment after the record that passes it. Default 1 GiB. Local; may change.
	SegmentBytes int64
	// UnsyncedBytesMax is W of design D10. Default 8 MiB.
	UnsyncedBytesMax int64
	Flush            Flush
	FlushInterval    time.Duration // FlushAsync only; default 100 ms
	// TailCacheBytes bounds the cache of recent records. Default 32 MiB.
	TailCacheBytes int64
	// ReserveBytes is the free disk space below which HasSpace reports false. Default 256 MiB.
	ReserveBytes int64
	Logger       hclog.Logger
}

// Entry is one log entry. Type is hashicorp/raft's LogType. Data of type 0 (a command) is a batch, see
// AppendBatchHeader; every other type is opaque.
type Entry struct {
	Index      offset.Index
	Term       offset.Term
	Type       uint8
	AppendedAt time.Time // nanoseconds kept
	Data       []byte
}

// Errors of a Log.
var (
	// ErrNotFound: the index or position is below the first retained or beyond the last record.
	ErrNotFound = errors.New("not in the log")
	// ErrCorrupt: bytes on disk do not match their checksum. Returned wrapped in a *DamageError.
	ErrCorrupt = errors.New("checksum mismatch")
	// ErrFailed: a write or fsync failed earlier; the log accepts no more writes (design D11).
	ErrFailed = errors.New("log store failed, restart the process")
	// ErrFull: no disk space for the next segment. Not latched; heals when space returns (design D12).
	ErrFull = errors.New("disk full")
	// ErrProtected: a deletion at or below the commit watermark was asked for (design D5).
	ErrProtected = errors.New("deletion at or below the commit index refused")
)

// DamageError says where the log is damaged. It wraps ErrCorrupt.
type DamageError struct {
	File     string
	Position offset.Physical
	Reason   string
}

func (e *DamageError) Error() string {
	return "damaged at position " + e.Position.String() + " in " + e.File + ": " + e.Reason
}
func (e *DamageError) Unwrap() error { return ErrCorrupt }

// Log is the segmented CommitLog of one member. One goroutine appends and truncates; all read methods may be
// called from any goroutine at any time.
type Log struct{}

// Open recovers the log in o.Dir, or starts an empty one at index 1 and position 0. A torn tail is cut; any
// other damage returns a *DamageError and changes nothing on disk (design D10, D11).
func Open(o Options) (*Log, error) { panic("contract") }

// Append writes entries, whose indexes continue the log, and returns when they are durable (FlushSync) or
// written (FlushAsync). Any error but ErrFull latches the Log: later calls return ErrFailed.
// The Log keeps references to Data in its tail cache; the caller must not change it afterwards.
func (l *Log) Append(entries []Entry) error { panic("contract") }

// Entry returns the entry at index. Data may alias the tail cache and must not be changed.
func (l *Log) Entry(index offset.Index) (Entry, error) { panic("contract") }

// Header is Entry without reading Data.
func (l *Log) Header(index offset.Index) (Entry, error) { panic("contract") }

// DataPosition returns the position of the first byte of Data of the entry at index.
func (l *Log) DataPosition(index offset.Index) (offset.Physical, error) { panic("contract") }

// ReadSubRecord returns the verified sub-record that starts at pos. size is its whole length in bytes, header
// included, as found in a consume-queue unit, or 0 if unknown. The result may alias the tail cache and must not
// be changed.
func (l *Log) ReadSubRecord(pos offset.Physical, size uint32) (SubRecord, error) { panic("contract") }

// FirstIndex and LastIndex are 0 and 0 for an empty log.
func (l *Log) FirstIndex() offset.Index { panic("contract") }
func (l *Log) LastIndex() offset.Index  { panic("contract") }

// FirstPosition is the position of the first retained record, NextPosition the one that the next record gets.
func (l *Log) FirstPosition() offset.Physical { panic("contract") }
func (l *Log) NextPosition() offset.Physical  { panic("contract") }

// FlushedIndex is the last index known durable on this member.
func (l *Log) FlushedIndex() offset.Index { panic("contract") }

// Sync returns when every entry appended before the call is durable.
func (l *Log) Sync() error { panic("contract") }

// SetCommitted raises the watermark at or below which nothing may be truncated.
func (l *Log) SetCommitted(index offset.Index) { panic("contract") }

// TruncateSuffix removes the entries from index on, physically and durably (design D5). ErrProtected at or
// below the commit watermark.
func (l *Log) TruncateSuffix(from offset.Index) error { panic("contract") }

// Reset discards the whole log and makes it continue with an entry at (index, position), which the next Append
// must bring. Only for the install of an image; the old segments are set aside under Dir/reset-* and removed
// after the first append.
func (l *Log) Reset(index offset.Index, position offset.Physical) error { panic("contract") }

// Retain makes from the first index and removes segments that lie wholly below it.
func (l *Log) Retain(from offset.Index) error { panic("contract") }

// Stalled returns how long the oldest storage call under way has been running, 0 if none.
func (l *Log) Stalled() time.Duration { panic("contract") }

// HasSpace reports whether proposals may be accepted: the next segment is preallocated or can be, and free space
// is above ReserveBytes. The remark names the path and the numbers when it is false.
func (l *Log) HasSpace() (ok bool, remark string) { panic("contract") }

// Close syncs and closes the files.
func (l *Log) Close() error { panic("contract") }
