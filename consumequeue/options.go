package consumequeue

import (
	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/internal/vfs"
)

// Options configure a Store. Zero values take the defaults named here.
type Options struct {
	FS  vfs.FS
	Dir string
	// UnitsPerFile ends a queue file; it is rounded up to whole blocks of 50. Local; may change. Default 300,000.
	UnitsPerFile int
	// OpenFilesMax bounds the descriptors over all queues. Default 256.
	OpenFilesMax int
	// DirtyBytesMax is how much may wait in whole blocks in memory before Append blocks on the flusher; at half of it
	// the flusher starts. Default 16 MiB.
	DirtyBytesMax int64
	// TailBytesMax is how many bytes of units one checkpoint may carry before Flush writes blocks to files, the longest tails
	// first. Less than a block per queue always stays. Default 4 MiB.
	TailBytesMax int64
	Logger       hclog.Logger
}

// EnsureDefaults fills zero values.
func (o *Options) EnsureDefaults() {
	if o.UnitsPerFile <= 0 {
		o.UnitsPerFile = 300_000
	}
	o.UnitsPerFile = (o.UnitsPerFile + blockUnits - 1) / blockUnits * blockUnits
	if o.OpenFilesMax <= 0 {
		o.OpenFilesMax = 256
	}
	if o.DirtyBytesMax <= 0 {
		o.DirtyBytesMax = 16 << 20
	}
	if o.TailBytesMax <= 0 {
		o.TailBytesMax = 4 << 20
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
}
