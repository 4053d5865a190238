package commitlog

import (
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

// Entry is one log entry. Type is hashicorp/raft's LogType. Data of type 0 (a command) is a batch, see
// AppendBatchHeader; every other type is opaque.
type Entry struct {
	Index      offset.Index
	Term       offset.Term
	Type       uint8
	AppendedAt time.Time // nanoseconds kept
	Data       []byte
}

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
