//go:build linux

package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The ioctls of a whole file system, which package unix does not have.
const (
	ioctlShutdown   = 0x8004587d // FS_IOC_SHUTDOWN
	shutdownNoFlush = 2          // nothing more reaches the device, not even the journal
	ioctlFreeze     = 0xc0045877 // FIFREEZE
	ioctlThaw       = 0xc0045878 // FITHAW
)

// Disk is the disk of one node: a tmpfs of limited size, an image in it, a loop device, and a file system mounted at Path.
type Disk struct {
	Path string
	run  string // directory of the run
	pool string // where the tmpfs is mounted
	kind string // ext4 or xfs
	size int64

	watchdog io.Closer // thaws a frozen file system when it is closed
	thawed   chan error
}

// newDisk makes and mounts a disk of size bytes below the run's directory.
func newDisk(run, name, kind string, size int64) (*Disk, error) {
	d := &Disk{Path: filepath.Join(run, name, "disk"), run: run, pool: filepath.Join(run, name, "pool"), kind: kind, size: size}
	for _, dir := range []string{d.Path, d.pool} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := unix.Mount("tmpfs", d.pool, "tmpfs", 0, "size="+strconv.FormatInt(d.size+d.size/8, 10)); err != nil {
		return nil, fmt.Errorf("tmpfs of disk %s: %w", name, err)
	}
	if err := os.WriteFile(d.image(), nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.Truncate(d.image(), size); err != nil {
		return nil, err
	}
	args := []string{"-q", d.image()}
	if kind == "ext4" {
		args = []string{"-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=1", d.image()}
	}
	if out, err := exec.Command("mkfs."+kind, args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mkfs.%s: %w: %s", kind, err, out)
	}
	return d, d.Mount()
}

func (d *Disk) image() string { return filepath.Join(d.pool, "image") }

// Mount attaches the image and mounts it; after a power cut that replays the file system's journal.
func (d *Disk) Mount() error {
	loop, err := attachLoop(d.image())
	if err != nil {
		return fmt.Errorf("loop device of %s: %w", d.image(), err)
	}
	defer loop.Close() // the mount keeps the device; when it goes, so does the device
	if err := unix.Mount(loop.Name(), d.Path, d.kind, 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", d.Path, err)
	}
	return nil
}

// Unmount unmounts the file system; nobody may use it any more.
func (d *Disk) Unmount() error {
	if err := guardPath(d.Path, d.run); err != nil {
		return err
	}
	if err := unix.Unmount(d.Path, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", d.Path, err)
	}
	return nil
}

// Close thaws and unmounts everything. It is safe to call at any time.
func (d *Disk) Close() {
	d.Thaw()
	unix.Unmount(d.Path, unix.MNT_DETACH)
	unix.Unmount(d.pool, unix.MNT_DETACH)
}

// attachLoop gives image a loop device that vanishes with its last user.
func attachLoop(image string) (*os.File, error) {
	backing, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for range 64 {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, err
		}
		loop, err := os.OpenFile("/dev/loop"+strconv.Itoa(n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		err = unix.IoctlLoopConfigure(int(loop.Fd()), &unix.LoopConfig{Fd: uint32(backing.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}})
		if err == nil {
			return loop, nil
		}
		loop.Close()
		if !errors.Is(err, unix.EBUSY) {
			return nil, err // EBUSY: somebody else was faster
		}
	}
	return nil, unix.EBUSY
}

// control opens the mounted file system for an ioctl, if it is ours.
func (d *Disk) control() (*os.File, error) {
	dir, err := os.Open(d.Path)
	if err != nil {
		return nil, err
	}
	if err := guardFS(dir, d.run); err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// Shutdown is the moment of a power cut: what was not fsynced is gone, and nothing is written any more. End the processes, then
// Unmount and Mount.
func (d *Disk) Shutdown() error {
	dir, err := d.control()
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.IoctlSetPointerInt(int(dir.Fd()), ioctlShutdown, shutdownNoFlush)
}

// Freeze makes every write hang until Thaw, at most for limit: then, or when this process dies, a watchdog process thaws.
func (d *Disk) Freeze(limit time.Duration) error {
	dir, err := d.control()
	if err != nil {
		return err
	}
	defer dir.Close()
	watchdog := exec.Command("sh", "-c", `timeout "$1" cat >/dev/null; fsfreeze -u "$2"`, "thaw", strconv.Itoa(int(limit.Seconds())+1), d.Path)
	pipe, err := watchdog.StdinPipe()
	if err != nil {
		return err
	}
	if err := watchdog.Start(); err != nil {
		return err
	}
	d.watchdog, d.thawed = pipe, make(chan error, 1)
	go func() { d.thawed <- watchdog.Wait() }()
	return unix.IoctlSetInt(int(dir.Fd()), ioctlFreeze, 0)
}

// Thaw lets writes go on.
func (d *Disk) Thaw() error {
	if d.watchdog == nil {
		return nil
	}
	d.watchdog.Close()
	d.watchdog = nil
	return <-d.thawed
}

func (d *Disk) filler() string { return filepath.Join(d.Path, "filler") }

// Fill leaves about free bytes on the file system; with 0 what is asked for next is refused.
func (d *Disk) Fill(free int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(d.Path, &st); err != nil {
		return err
	}
	f, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	left, end := int64(st.Bavail)*st.Bsize-free, int64(0)
	for step := left; left >= st.Bsize && step >= st.Bsize; {
		switch err := unix.Fallocate(int(f.Fd()), 0, end, min(step, left)); {
		case errors.Is(err, unix.ENOSPC):
			step /= 2 // the file system needs some of it for itself
		case err != nil:
			return err
		default:
			end, left = end+min(step, left), left-min(step, left)
		}
	}
	return nil
}

// Empty undoes Fill.
func (d *Disk) Empty() error { return os.Remove(d.filler()) }

// Fail makes the device fail writes to places that were never written, until Mend: the tmpfs below has no room left. The error reaches the
// process from fsync.
func (d *Disk) Fail() error {
	var st unix.Statfs_t
	if err := unix.Statfs(d.pool, &st); err != nil {
		return err
	}
	return d.resize(int64(st.Blocks-st.Bfree) * st.Bsize)
}

// Mend ends Fail. The file system has gone read-only meanwhile: Unmount and Mount it.
func (d *Disk) Mend() error { return d.resize(d.size + d.size/8) }

func (d *Disk) resize(bytes int64) error {
	if err := guardPath(d.pool, d.run); err != nil {
		return err
	}
	return unix.Mount("tmpfs", d.pool, "tmpfs", unix.MS_REMOUNT, "size="+strconv.FormatInt(bytes, 10))
}
