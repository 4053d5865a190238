// Package consumequeue keeps the derived index that answers "which message is at offset n of this queue": one 20-byte
// unit per message and queue, readable as soon as it is appended.
//
// # What it is not
//
// It does not know what a message is, does not read the log, and is never the truth: everything in it can be made again
// by applying the log (design D17). It has no checkpoint of its own; its caller commits the tails that Freeze and Flush
// give it. It assigns queue offsets only by counting.
//
// # Flow
//
//	Append ──► tail of the queue, in memory ──► whole blocks in a file ──► fsync ──► the caller's commit ──► Committed
//	(queue.go)                   (flusher.go: by size; checkpoint.go: at a checkpoint)                 (old files go)
//
// A unit lives in exactly one place: in the tail in memory or in a sealed block of a file (block.go). Only whole blocks
// of 50 units are ever written, each once, behind the last one; the units after the last block ride in the caller's
// checkpoint (Tail.Units). So a queue of a few messages has no file at all, a checkpoint of ten thousand slow queues is one
// commit and not ten thousand fsyncs, and no block is ever written over. store.go holds the queues, read.go reads and searches,
// trim.go removes, open.go fits the files to the checkpoint, files.go bounds the descriptors.
//
// # Files
//
// Dir/<topic id>/<queue id>/<offset of the first unit, 20 digits>. A file is a row of blocks and nothing else: 50 units and a
// seal of 20 bytes, which holds the CRC-32C of the block and says whose it is and where it begins. Unit i of a file is at byte
// 20·(i + i/50). A file ends after UnitsPerFile units; the next is named by where it begins, so the bound may change at any
// time. Every read from a file verifies the seals of the blocks it touches; what does not fit is ErrDamaged, and the caller
// rebuilds the queues from the log. The tables are in docs/format/state.md.
//
// # Invariants
//
//  1. first <= next, and stored <= next: the tail holds the units [stored, next).
//  2. Files hold the units [first of the oldest file, stored) without a gap, in whole blocks.
//  3. Positions grow strictly within a queue. An append that does not is refused: it would be an entry applied twice.
//  4. A checkpoint names as stored only blocks that are fsynced, and a file is removed only when a committed
//     checkpoint no longer needs it. So after a crash the files always cover the checkpoint; where they do not, they are damaged.
//  5. After a failed write or fsync the store accepts nothing more (design D11).
//
// # Concurrency
//
// One goroutine at a time (the Apply goroutine, or whoever holds its lock) calls Append, Trim, Drop, Reset and Freeze. One other
// at a time calls Flush and Committed. Reads come from anywhere. The store has one goroutine of its own, the flusher, which
// Close waits for. Lock order: write → store, drops or flusher → queue; the file cache's lock is a leaf. No lock but write is held over I/O.
package consumequeue
