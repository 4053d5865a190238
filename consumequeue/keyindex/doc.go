// Package keyindex finds messages by a hash of their keys: it keeps, for every key of every message, where the message lies and when it was
// stored.
//
// # What it is not
//
// It does not know messages, topics or keys, only hashes; whoever asks reads the messages and compares. It is no part of the replicated
// state: it is derived from the log, may be behind it, and may be thrown away at any time (design D18).
//
// # Flow
//
//	store.go   Add keeps entries in memory; enough of them become a run; Find looks through memory and runs, newest first
//	run.go     a run: a file of entries sorted by hash, written once
//	page.go    the bytes of a run
//
// There is no checkpoint: a run's header says which log entry follows those that it covers, and after a start the caller adds from there
// on again what was in memory only.
//
// # Invariants
//
//  1. Runs cover ranges of log indexes that follow each other; a gap between two is a range that held no log any more when it was to be added.
//  2. A file with a run's name is whole: it is written under another name, synced and renamed.
//  3. What Find returns was added. Bytes that do not fit their checksum are never interpreted.
//
// # Concurrency
//
// One goroutine at a time calls Add, Trim and Reset. Find may be called by any number at any time.
package keyindex
