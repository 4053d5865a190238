package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"syscall"
)

// ErrLocked: another process or another user of the FS holds the lock. Do not go on with the directory.
var ErrLocked = errors.New("locked by another process")

const (
	fileMode = 0o640
	dirMode  = 0o750
)

// OS returns the real file system. Writes and reads are pwrite and pread, Sync is fdatasync.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (osFS) Open(name string) (File, error)          { return openOS(name, os.O_RDONLY) }
func (osFS) OpenReadWrite(name string) (File, error) { return openOS(name, os.O_RDWR) }
func (osFS) Rename(oldName, newName string) error    { return os.Rename(oldName, newName) }
func (osFS) Remove(name string) error                { return os.Remove(name) }
func (osFS) RemoveAll(name string) error             { return os.RemoveAll(name) }
func (osFS) Link(oldName, newName string) error      { return os.Link(oldName, newName) }
func (osFS) MkdirAll(dir string) error               { return os.MkdirAll(dir, dirMode) }
func (osFS) Stat(name string) (fs.FileInfo, error)   { return os.Stat(name) }

func (osFS) List(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	sort.Strings(names)
	return names, err
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := lockFile(int(f.Fd())); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return f, nil
}

func (osFS) Usage(dir string) (total, available int64, err error) { return usage(dir) }

// osFile is an *os.File whose Sync leaves out what reading the data back does not need.
type osFile struct {
	*os.File
	fd int
}

func openOS(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, fileMode)
	if err != nil {
		return nil, err
	}
	return &osFile{File: f, fd: int(f.Fd())}, nil
}

func (f *osFile) Sync() error {
	if err := retryInterrupted(func() error { return syncData(f.fd) }); err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Preallocate uses fallocate and, where the file system does not have it, writes zeros beyond the end, so
// that the space is really reserved.
func (f *osFile) Preallocate(size int64) error {
	err := retryInterrupted(func() error { return allocate(f.fd, size) })
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		err = f.writeZeros(size)
	}
	if err != nil {
		return &fs.PathError{Op: "preallocate", Path: f.Name(), Err: err}
	}
	return nil
}

// writeZeros extends the file to size. After an error the file is cut back, so that the space returns.
func (f *osFile) writeZeros(size int64) error {
	from, err := f.Size()
	if err != nil {
		return err
	}
	zeros := make([]byte, 1<<20)
	for at := from; at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return errors.Join(err, f.Truncate(from))
		}
	}
	return nil
}

func retryInterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
