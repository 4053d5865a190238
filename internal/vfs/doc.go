// Package vfs is the file system as raftmq's stores see it: the real one (OS) and an in-memory one (Mem)
// that can fail any operation, lose what was not synced, and flip bits.
//
// # What it is not
//
// It does not know what the files hold. It is no general file system: only what the stores need. It is the
// only package besides config that calls the os file functions, so that every store can be run on Mem by its
// tests.
//
// # Flow
//
// os.go passes calls to the kernel, sys_*.go holds what differs between systems. mem.go is the directory
// tree of Mem, memfile.go the content of one file in pages, memhandle.go an open file, memtree.go the
// directory operations that await SyncDir, memcrash.go the state after a power cut or a kill, memfault.go
// the hooks that fail, delay and hang operations.
//
// # Invariants
//
//  1. What a successful Sync covered is in every later CrashClone, whatever its random source.
//  2. A name is in every later CrashClone only after SyncDir of its directory; a rename is kept or lost whole.
//  3. Pages that a failed Sync covered are not made durable by a later Sync, only by writing them again: this
//     is what Linux does, and why stores latch (design D11).
//  4. Preallocated zeros take no memory but count as used space.
//
// # Concurrency
//
// All methods of FS and File may be called from any goroutine, except that two writes to overlapping ranges
// need an order of the caller's. A Mem has one lock; hooks run outside it and may block.
package vfs
