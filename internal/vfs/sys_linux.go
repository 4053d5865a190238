package vfs

import "golang.org/x/sys/unix"

func syncData(fd int) error { return unix.Fdatasync(fd) }

func lockFile(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) }

func allocate(fd int, size int64) error { return unix.Fallocate(fd, 0, 0, size) }

func usage(dir string) (total, available int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Blocks) * st.Bsize, int64(st.Bavail) * st.Bsize, nil
}
