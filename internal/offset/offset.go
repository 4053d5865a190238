package offset

import "fmt"

// Index is a place in the Raft log, from 1. Zero is "before the first entry".
type Index uint64

// Term is a Raft term, from 1.
type Term uint64

// Physical is the byte position of a record or of a stored message in the CommitLog, from 0. It is the sum
// of the sizes of all records before it and equal on all members of a group (design D2).
type Physical int64

// Queue is the ordinal of a message within one topic and queue id, from 0.
type Queue int64

// String prints the 20 digits that name segment files.
func (p Physical) String() string { return fmt.Sprintf("%020d", int64(p)) }

// Range is the half-open range of queue offsets [Min, Max): Min is the oldest retained message, Max the
// offset that the next message gets.
type Range struct{ Min, Max Queue }
