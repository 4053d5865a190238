package vfs

import (
	"io"
	"io/fs"
)

// File is an open file. Offsets and sizes are bytes. ReadAt and WriteAt may be called concurrently on
// ranges that do not overlap.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes written data and the size durable (fdatasync). An error is final for the file: the page
	// cache may have lost what it held, so callers latch and never retry (design D11).
	Sync() error
	Truncate(size int64) error
	// Preallocate reserves disk space for the first size bytes and extends the file to it with zeros. It
	// writes no byte of user data, so ENOSPC here is not a failed write (design D10).
	Preallocate(size int64) error
	Size() (int64, error)
}

// FS is a directory tree. Paths are slash-separated and absolute or relative to the process. Missing files
// yield an error for which errors.Is(err, fs.ErrNotExist) holds.
type FS interface {
	// Create makes a new file open for reading and writing; it fails if the name exists.
	Create(name string) (File, error)
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing.
	OpenReadWrite(name string) (File, error)
	Rename(oldName, newName string) error
	Remove(name string) error
	RemoveAll(name string) error
	// Link makes newName a hard link to oldName.
	Link(oldName, newName string) error
	MkdirAll(dir string) error
	// List returns the names (not paths) in dir, sorted.
	List(dir string) ([]string, error)
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes creations, renames and removals in dir durable.
	SyncDir(dir string) error
	// Lock takes an exclusive lock on name, creating it; it fails at once if another process or FS user
	// holds it. Closing the result releases it.
	Lock(name string) (io.Closer, error)
	// Usage returns the total and the available bytes of the file system that holds dir.
	Usage(dir string) (total, available int64, err error)
}
