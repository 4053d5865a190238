// Package commitlog keeps the replicated log of one member in segment files: append, read by index and by physical
// offset, fsync, recover, truncate, retain, verify (design D1 to D6, D10 to D12).
//
// # What it is not
//
// It knows neither Raft's algorithm nor what a message is. Package raftlog makes it a hashicorp/raft LogStore and
// decides when to truncate, retain and reset; package broker/state gives sub-records their meaning.
//
// # Flow
//
// Append (append.go) checks the sequence of indexes, reserves disk space, draws records (record.go, batch.go) into
// one buffer or writes them from where they are, fsyncs once, and publishes them to the index of the segment
// (segment.go) and the tail cache (cache.go). A full segment is sealed and the preallocated spare becomes the next
// one (roll.go, spare.go). A read (read.go; reader.go for neighbours) takes the tail cache or one pread, and
// verifies. The keeper (keeper.go) preallocates, moves the durable mark in the side file (sidefile.go) and writes the index files of sealed segments
// (indexfile.go). Open (open.go) follows the records (scan.go), decides between torn and damaged (recover.go) and
// acts. Truncation and reset (truncate.go, files.go) and retention (retain.go) change several files; an intent in
// the side file makes the first two atomic. Verify (verify.go) is Open without acting, with every byte read.
// docs/format/commitlog.md has the byte tables.
//
// # Invariants
//
//  1. first <= flushed <= next; in FlushSync flushed == next unless there was an AppendUnsynced since the last Append or Sync.
//  2. A record's position is the sum of the sizes of all records before it.
//  3. The durable mark is at most flushed, written only after the fsync, and at the end of a record. Every sealed
//     segment lies wholly below it.
//  4. At most UnsyncedBytesMax bytes are written but not fsynced, unless one record is longer.
//  5. A segment has its name only after its header is durable, and records only after its name is durable and in the
//     side file.
//  6. What is not merely a higher mark stands in both slots of the side file before a file is removed or appended to.
//  7. A write or fsync that failed latches the log; nothing is retried. No space before the first byte of an append
//     is no failure.
//  8. No bytes from disk are returned unverified.
//
// # Concurrency
//
// One goroutine at a time appends, truncates or resets. Everything else may be called at any time from anywhere.
// Readers look records up under a read lock that is never held over I/O, and hold the segment by a count, so that
// it may be removed under them. Open starts the keeper and the flusher, which fsyncs behind unsynced appends; Close waits for both.
package commitlog
