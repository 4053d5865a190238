package commitlog

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/internal/vfs"
)

// UUID is 16 random bytes: the identity of a group or of an instance of a member.
type UUID [16]byte

// String prints 32 hexadecimal digits.
func (u UUID) String() string { return hex.EncodeToString(u[:]) }

// Flush says when an append is durable.
type Flush int

const (
	// FlushSync returns from Append after fdatasync. The default (design D6).
	FlushSync Flush = iota
	// FlushAsync syncs behind the appends, at most FlushInterval or UnsyncedBytesMax later. What a crash of
	// the host may then lose is acknowledged data; every status output shows it as relaxed.
	FlushAsync
)

const (
	defaultSegmentBytes     = 1 << 30
	defaultUnsyncedBytesMax = 8 << 20
	defaultFlushInterval    = 100 * time.Millisecond
	defaultTailCacheBytes   = 32 << 20
	defaultReserveBytes     = 256 << 20

	// segmentBytesMax keeps places within a segment in 32 bits, the last record's overshoot included.
	segmentBytesMax = 2 << 30
)

// Options configure a Log. Zero values take the defaults that EnsureDefaults names.
type Options struct {
	FS       vfs.FS
	Dir      string
	Group    UUID // seeds record checksums, in every segment header
	Instance UUID // in every segment header
	// SegmentBytes ends a segment after the record that passes it. Default 1 GiB, at most 2 GiB. Local; may change.
	SegmentBytes int64
	// UnsyncedBytesMax is W of design D10. Default 8 MiB.
	UnsyncedBytesMax int64
	Flush            Flush
	FlushInterval    time.Duration // FlushAsync only; default 100 ms
	// TailCacheBytes bounds the cache of recent records. Default 32 MiB.
	TailCacheBytes int64
	// ReserveBytes is the free disk space below which HasSpace reports false. Default 256 MiB.
	ReserveBytes int64
	// OnDamage is called, on the goroutine of the reader, when a record that was read or scrubbed is bad on disk, also when it is read
	// once more. It must not block for long. Optional.
	OnDamage func(*DamageError)
	Logger   hclog.Logger
}

// EnsureDefaults fills in the zero values.
func (o *Options) EnsureDefaults() {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegmentBytes
	}
	if o.UnsyncedBytesMax == 0 {
		o.UnsyncedBytesMax = defaultUnsyncedBytesMax
	}
	if o.FlushInterval == 0 {
		o.FlushInterval = defaultFlushInterval
	}
	if o.TailCacheBytes == 0 {
		o.TailCacheBytes = defaultTailCacheBytes
	}
	if o.ReserveBytes == 0 {
		o.ReserveBytes = defaultReserveBytes
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
}

// Validate returns every problem at once.
func (o *Options) Validate() error {
	var errs []error
	if o.FS == nil || o.Dir == "" {
		errs = append(errs, errors.New("FS and Dir must be set"))
	}
	if o.SegmentBytes < 1 || o.SegmentBytes > segmentBytesMax {
		errs = append(errs, fmt.Errorf("SegmentBytes %d is not within 1 and %d", o.SegmentBytes, segmentBytesMax))
	}
	if o.UnsyncedBytesMax < 1 || o.FlushInterval < 0 || o.TailCacheBytes < 0 || o.ReserveBytes < 0 {
		errs = append(errs, errors.New("UnsyncedBytesMax, FlushInterval, TailCacheBytes and ReserveBytes must not be negative"))
	}
	return errors.Join(errs...)
}
