//go:build linux

package cluster

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// errNotOurs refuses to touch what this run did not make.
var errNotOurs = errors.New("not made by this run, refused")

// loopMajor is the major number of loop devices.
const loopMajor = 7

// guardFS reports whether the file system that dir is on is one that this run may shut down or freeze: it is not the root's, its device is a loop
// device, and that device's image lies in the run's directory. It works on the open descriptor to which the ioctl will go.
func guardFS(dir *os.File, run string) error {
	var st, root unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return err
	}
	if err := unix.Stat("/", &root); err != nil {
		return err
	}
	if st.Dev == root.Dev {
		return fmt.Errorf("%s is on the root file system: %w", dir.Name(), errNotOurs)
	}
	if unix.Major(st.Dev) != loopMajor {
		return fmt.Errorf("%s is on device %d:%d, which is no loop device: %w", dir.Name(), unix.Major(st.Dev), unix.Minor(st.Dev), errNotOurs)
	}
	image, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/loop/backing_file", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err != nil {
		return err
	}
	return guardPath(strings.TrimSpace(string(image)), run)
}

// guardPath reports whether path lies in the run's directory.
func guardPath(path, run string) error {
	if run == "" || !strings.HasPrefix(path, run+"/") || strings.Contains(path, "..") {
		return fmt.Errorf("%s is not below %q: %w", path, run, errNotOurs)
	}
	return nil
}
