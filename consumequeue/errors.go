package consumequeue

import "errors"

var (
	// ErrOutOfRange: the queue offset is outside [Min, Max), or the queue went away during the call. The caller asks
	// for the range again.
	ErrOutOfRange = errors.New("queue offset out of range")
	// ErrDamaged: a file does not fit the checkpoint, or a block its seal. The caller rebuilds the queues from the log.
	ErrDamaged = errors.New("consume queue damaged")
	// ErrFailed: a write or fsync failed earlier, or the store is closed. The process has to end (design D11).
	ErrFailed = errors.New("consume queue store failed")
	// ErrOrder: an append whose position is not beyond the queue's newest unit. A bug of the caller.
	ErrOrder = errors.New("position not beyond the newest unit")
	// ErrDropped: an append to a queue whose drop is not committed yet. A bug of the caller, whose topic ids are never
	// used again.
	ErrDropped = errors.New("queue was dropped")
)
