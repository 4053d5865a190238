// Package vfs is the file system as raftmq's stores see it: the real one (OS) and an in-memory one (Mem)
// that can fail any operation, lose what was not synced, and flip bits.
//
// It does not know what the files hold. It is the only package besides config that calls the os file
// functions, so that every store can be run on Mem by its tests.
package vfs
