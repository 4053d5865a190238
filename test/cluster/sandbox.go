//go:build linux

package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	// insideVariable marks the run within the namespaces; its value is the run's directory.
	insideVariable = "RAFTMQ_CLUSTER_INSIDE"
	// requireVariable lists capabilities, separated by commas, whose absence fails a test instead of skipping it; "all" is every one.
	requireVariable = "RAFTMQ_REQUIRE"
	// binaryVariable names a raftmq binary to test instead of one that is built from the tree.
	binaryVariable = "RAFTMQ_CLUSTER_BINARY"
	runPrefix      = "raftmq-cluster-"
)

// Main runs the tests of a package in a mount and a network namespace of their own and returns the exit code. Where the kernel
// refuses, the tests run here, find the capability "namespaces" missing, and skip.
func Main(m *testing.M) int {
	if os.Getenv(insideVariable) != "" {
		return m.Run()
	}
	if err := removeLeftovers(os.TempDir()); err != nil {
		fmt.Fprintln(os.Stderr, "leftovers of a dead run:", err)
		return 1
	}
	run, err := newRunDir(os.TempDir())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer run.remove()
	code, err := inside(run)
	if errors.Is(err, os.ErrPermission) {
		return m.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// inside runs this program again in new namespaces. It dies with us, and everything in the namespaces dies with it.
func inside(run *runDir) (int, error) {
	runtime.LockOSThread() // the death signal is tied to the thread that starts the process
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"="+run.path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Unsharing the mount namespace also makes all mounts in it private.
	cmd.SysProcAttr = &unix.SysProcAttr{Unshareflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	if err := cmd.Wait(); cmd.ProcessState == nil {
		return 0, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

// runDir is the directory of a run. Its owner holds a lock on a file in it, which the kernel releases when the owner dies.
type runDir struct {
	path string
	lock *os.File
}

func newRunDir(parent string) (*runDir, error) {
	path, err := os.MkdirTemp(parent, runPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &runDir{path, lock}, unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

func (r *runDir) remove() {
	os.RemoveAll(r.path)
	r.lock.Close()
}

// removeLeftovers removes the directories of runs whose owner is dead. A mount of theirs cannot be in the way: it died with them.
func removeLeftovers(parent string) error {
	dirs, err := filepath.Glob(filepath.Join(parent, runPrefix+"[0-9]*-*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
		if err != nil {
			continue // not ours, or being made
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			err = os.RemoveAll(dir)
		}
		lock.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// capabilities are what the tests need of the machine; each function says what is missing.
var capabilities = map[string]func() error{
	"namespaces": func() error {
		if os.Getenv(insideVariable) == "" {
			return errors.New("the kernel refuses new mount and network namespaces to this user")
		}
		return nil
	},
	"tun":    func() error { return unix.Access("/dev/net/tun", unix.R_OK|unix.W_OK) },
	"ip":     func() error { return command("ip") },
	"loop":   func() error { return unix.Access("/dev/loop-control", unix.R_OK|unix.W_OK) },
	"ext4":   func() error { return command("mkfs.ext4") },
	"xfs":    func() error { return command("mkfs.xfs") },
	"thaw":   func() error { return errors.Join(command("fsfreeze"), command("timeout")) },
	"strace": func() error { return command("strace") },
}

func command(name string) error {
	_, err := exec.LookPath(name)
	return err
}

// Require skips the test unless the machine has all capabilities, and fails it if RAFTMQ_REQUIRE lists one that is missing.
func Require(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		missing := capabilities[name]()
		if missing == nil {
			continue
		}
		for _, required := range strings.Split(os.Getenv(requireVariable), ",") {
			if required == name || required == "all" {
				t.Fatalf("capability %q is missing (%v), and %s lists it", name, missing, requireVariable)
			}
		}
		t.Skipf("capability %q is missing: %v", name, missing)
	}
}

// base is what every cluster needs.
var base = []string{"namespaces", "tun", "ip", "loop", "ext4", "thaw"}

// built is the raftmq binary under test, built once.
var built = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(binaryVariable); path != "" {
		return path, nil
	}
	path := filepath.Join(os.Getenv(insideVariable), "raftmq")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "github.com/raftmq/raftmq/cmd/raftmq")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})
