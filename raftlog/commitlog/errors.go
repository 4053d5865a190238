package commitlog

import (
	"errors"

	"github.com/raftmq/raftmq/internal/offset"
)

// Errors of a Log.
var (
	// ErrNotFound: the index or position is below the first retained or beyond the last record.
	ErrNotFound = errors.New("not in the log")
	// ErrCorrupt: bytes do not match their checksum, or the disk does not give them. A Log returns it wrapped in a *DamageError.
	ErrCorrupt = errors.New("checksum mismatch")
	// ErrFailed: a write or fsync failed earlier; the log accepts no more writes (design D11). End the process.
	ErrFailed = errors.New("log store failed, restart the process")
	// ErrFull: no disk space for the next segment. Not latched; heals when space returns (design D12).
	ErrFull = errors.New("disk full")
	// ErrProtected: a deletion at or below the commit watermark was asked for (design D5). End the process.
	ErrProtected = errors.New("deletion at or below the commit index refused")
	// ErrForeign: the files belong to another group or another instance of the member. Use another directory.
	ErrForeign = errors.New("log of another group or instance")
	// ErrClosed: the Log was closed.
	ErrClosed = errors.New("log closed")
	// ErrAbandoned: whoever waited no longer does.
	ErrAbandoned = errors.New("waiting abandoned")
)

// Errors of the decoders, besides ErrCorrupt.
var (
	// ErrNotBatch: data does not begin with a batch envelope.
	ErrNotBatch = errors.New("no batch envelope")
	// ErrMagic: a file or record does not begin as it should.
	ErrMagic = errors.New("wrong magic")
	// ErrVersion: written by a version of raftmq that this one does not know.
	ErrVersion = errors.New("unknown format version")
	// ErrLength: a length or count goes beyond its limit or beyond the bytes there are.
	ErrLength = errors.New("length out of bounds")
)

// DamageError says where the log is damaged. It wraps ErrCorrupt, and what the file system said if it could not read. Returned by Open it
// means that the member must be quarantined (design D10); returned by a read, that these bytes must come from another member.
type DamageError struct {
	File     string
	Position offset.Physical
	Reason   string
	Cause    error // of a read that failed, else nil
}

func (e *DamageError) Error() string {
	return "damaged at position " + e.Position.String() + " in " + e.File + ": " + e.Reason
}

func (e *DamageError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrCorrupt}
	}
	return []error{ErrCorrupt, e.Cause}
}
