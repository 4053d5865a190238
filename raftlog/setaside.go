package raftlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/raftmq/raftmq/internal/vfs"
)

// SetAside moves the directory of a stopped member to to, whole and durably; nothing in it is changed or deleted. A member that
// is started over the now missing directory is a new instance (design D14). It wraps vfs.ErrLocked if the member runs, and
// fs.ErrNotExist if there is no such directory. Both names must be on one file system, and nothing may be at to.
func SetAside(fsys vfs.FS, dir, to string) error {
	if _, err := fsys.Stat(dir); err != nil {
		return err
	}
	if _, err := fsys.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s: %w", to, fs.ErrExist), err)
	}
	lock, err := fsys.Lock(path.Join(dir, lockFile))
	if err != nil {
		return fmt.Errorf("directory %s is in use: %w", dir, err)
	}
	defer lock.Close()
	// 1. A home for the old directory. 2. The move. 3. Both sides of it made durable, the new name first.
	if err := mkdirDurably(fsys, path.Dir(to)); err != nil {
		return err
	}
	if err := fsys.Rename(dir, to); err != nil {
		return err
	}
	if err := fsys.SyncDir(path.Dir(to)); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(dir))
}
