package consumequeue

import (
	"errors"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// Key names a queue: the topic's replicated numeric id and the queue id. Names never become paths (design D26).
type Key struct {
	Topic uint32
	Queue int32
}

// Unit is one 20-byte entry: where a message's sub-record starts, its whole size in bytes (header included) and
// its tags code, or the due time in ms for scheduled messages.
type Unit struct {
	Position offset.Physical
	Size     uint32
	TagsCode int64
}

// UnitSize is the encoded size of a Unit, bytes.
const UnitSize = 20

var (
	// ErrOutOfRange: the queue offset is outside [Min, Max).
	ErrOutOfRange = errors.New("queue offset out of range")
	// ErrDamaged: a file does not fit the checkpoint; the caller rebuilds the queues from the log.
	ErrDamaged = errors.New("consume queue damaged")
)

// Options configure a Store.
type Options struct {
	FS  vfs.FS
	Dir string
	// UnitsPerFile ends a queue file. Default 300,000.
	UnitsPerFile int
	// OpenFilesMax bounds the descriptors over all queues. Default 256.
	OpenFilesMax int
	// DirtyBytesMax is how much may wait in tails before Append blocks on the flusher. Default 16 MiB.
	DirtyBytesMax int64
	Logger        hclog.Logger
}

// Store holds the consume queues of one group. Append, Truncate, Trim, Drop, Reset and Freeze are called from the Apply
// goroutine only; reads from any goroutine.
type Store struct{}

// Tail is what a checkpoint knows of a queue: the offset of the first unit that exists and the next one to be written.
type Tail struct {
	Key   Key
	First offset.Queue
	Next  offset.Queue
}

// Open opens the store and cuts every queue back to its tail in the checkpoint; units beyond it are discarded, since they
// are replayed. A queue that ends before its tail is ErrDamaged. Queues without a tail are removed.
func Open(o Options, checkpoint []Tail) (*Store, error) { panic("contract") }

// Append adds the unit at the queue's next offset and returns that offset. A new queue starts at 0.
// It blocks only when too many bytes are dirty. Units are readable at once.
func (s *Store) Append(k Key, u Unit) (offset.Queue, error) { panic("contract") }

// Range returns the queue's retained offsets; zero for a queue that never had a unit. Min accounts for Trim.
func (s *Store) Range(k Key) offset.Range { panic("contract") }

// Read appends up to max units from queue offset from on to dst. ErrOutOfRange outside the range; from == Max
// gives no units and no error.
func (s *Store) Read(dst []Unit, k Key, from offset.Queue, max int) ([]Unit, error) { panic("contract") }

// Search returns the first queue offset in the range for which at or after holds, by binary search; Max if none.
// after is called with units in an order of the search's choosing and must be monotone over them.
func (s *Store) Search(k Key, after func(Unit) (bool, error)) (offset.Queue, error) { panic("contract") }

// Trim makes units whose position is below first unreadable in every queue and removes files that hold only such units.
func (s *Store) Trim(first offset.Physical) { panic("contract") }

// Drop removes a queue and its files; a later Append to it starts at 0.
func (s *Store) Drop(k Key) { panic("contract") }

// Reset removes everything and gives each queue in tails an empty range at its Next offset: the state after an image
// was installed.
func (s *Store) Reset(tails []Tail) error { panic("contract") }

// Freeze returns the tails of all queues as they are now, for a checkpoint that the caller then makes durable in this order:
// Flush(tails), then its own commit with the tails in it.
func (s *Store) Freeze() []Tail { panic("contract") }

// Flush writes and fsyncs every unit below the given tails. It may run beside Append.
func (s *Store) Flush(tails []Tail) error { panic("contract") }

// Close closes the files without flushing.
func (s *Store) Close() error { panic("contract") }
