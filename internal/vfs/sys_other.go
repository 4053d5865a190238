//go:build darwin || freebsd

package vfs

import (
	"errors"

	"golang.org/x/sys/unix"
)

func syncData(fd int) error { return unix.Fsync(fd) }

func lockFile(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) }

func allocate(int, int64) error { return errors.ErrUnsupported }

func usage(dir string) (total, available int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Blocks) * int64(st.Bsize), int64(st.Bavail) * int64(st.Bsize), nil
}
