//go:build linux

package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestGuardsRefuseWhatThisRunDidNotMake(t *testing.T) {
	Require(t, base...)
	run := t.TempDir()
	tmpfs := filepath.Join(run, "tmpfs")
	if err := os.Mkdir(tmpfs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", tmpfs, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(tmpfs, 0)
	ours := testDisk(t, run)
	for _, test := range []struct {
		name, path, run string
		refused         bool
	}{
		{"the root file system", "/", run, true},
		{"the run's own directory, which is on the root file system", run, run, true},
		{"a tmpfs of this run", tmpfs, run, true},
		{"the process file system", "/proc", run, true},
		{"the disk of another run", ours.Path, run + "-of-another", true},
		{"a run without a directory", ours.Path, "", true},
		{"a disk of this run", ours.Path, run, false},
	} {
		dir, err := os.Open(test.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := guardFS(dir, test.run); errors.Is(err, errNotOurs) != test.refused || !test.refused && err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		dir.Close()
	}
}

// TestDangerousCallsAskTheGuard gives a Disk the path of something else, and every call that could hurt must refuse it.
func TestDangerousCallsAskTheGuard(t *testing.T) {
	Require(t, base...)
	dir := t.TempDir()
	d := &Disk{Path: dir, pool: dir, run: filepath.Join(dir, "run"), size: 1 << 20}
	for name, call := range map[string]func() error{
		"shutdown": d.Shutdown,
		"freeze":   func() error { return d.Freeze(time.Second) },
		"unmount":  d.Unmount,
		"fail":     d.Fail,
		"mend":     d.Mend,
	} {
		if err := call(); !errors.Is(err, errNotOurs) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "still"), nil, 0o600); err != nil {
		t.Errorf("the file system does not work any more: %v", err)
	}
}

// testDisk makes a small disk below run.
func testDisk(t *testing.T, run string) *Disk {
	t.Helper()
	d, err := newDisk(run, "n0", "ext4", 32<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestPowerCutKeepsWhatWasSynced(t *testing.T) {
	Require(t, base...)
	d := testDisk(t, t.TempDir())
	synced, lost := filepath.Join(d.Path, "synced"), filepath.Join(d.Path, "lost")
	writeSynced(t, synced, "kept")
	syncDir(t, d.Path)
	if err := os.WriteFile(lost, []byte("never synced"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.Path, "late"), nil, 0o600); err == nil {
		t.Error("a file was made after the power cut")
	}
	if err := errors.Join(d.Unmount(), d.Mount()); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(synced); err != nil || string(text) != "kept" {
		t.Errorf("what was synced: %q, %v", text, err)
	}
	if text, err := os.ReadFile(lost); err == nil && len(text) > 0 {
		t.Errorf("what was not synced is there: %q", text)
	}
}

func TestFailingDiskFailsTheSync(t *testing.T) {
	Require(t, base...)
	d := testDisk(t, t.TempDir())
	if err := d.Fail(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(d.Path, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteAt(make([]byte, 4<<20), 0)
	if err := f.Sync(); err == nil {
		t.Error("a sync succeeded on a disk that takes no writes")
	}
	f.Close()
	if err := errors.Join(d.Mend(), d.Unmount(), d.Mount()); err != nil {
		t.Fatal(err)
	}
	writeSynced(t, filepath.Join(d.Path, "after"), "well again")
}

func TestFrozenDiskIsThawedByItsWatchdog(t *testing.T) {
	Require(t, base...)
	d := testDisk(t, t.TempDir())
	began := time.Now()
	if err := d.Freeze(0); err != nil { // nobody thaws it: the watchdog does, after a second
		t.Fatal(err)
	}
	writeSynced(t, filepath.Join(d.Path, "file"), "it hung meanwhile")
	if hung := time.Since(began); hung < 500*time.Millisecond {
		t.Errorf("a write to a frozen disk took %v", hung)
	}
	if err := os.WriteFile(filepath.Join(d.Path, "again"), nil, 0o600); err != nil {
		t.Error(err)
	}
	d.Thaw() // the watchdog was faster and fsfreeze says so; nothing is left to do
}

func TestLeftoversOfDeadRunsOnlyAreRemoved(t *testing.T) {
	Require(t, "namespaces")
	parent := t.TempDir()
	alive, err := newRunDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := newRunDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	dead.lock.Close()
	others := filepath.Join(parent, "raftmq-cluster-of-somebody")
	if err := os.Mkdir(others, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := removeLeftovers(parent); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{alive.path: true, others: true, dead.path: false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	alive.remove()
}

// TestNothingIsLeftOutside: the mounts of a run are not seen by the machine.
func TestNothingIsLeftOutside(t *testing.T) {
	Require(t, base...)
	d := testDisk(t, t.TempDir())
	inside, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	outside, err := os.ReadFile("/proc/1/mounts")
	if err != nil {
		t.Skipf("the machine's mounts cannot be read: %v", err)
	}
	if !strings.Contains(string(inside), d.Path) {
		t.Errorf("%s is not mounted", d.Path)
	}
	if strings.Contains(string(outside), d.Path) {
		t.Errorf("%s is mounted for the whole machine", d.Path)
	}
}

func writeSynced(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Error(err)
	}
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
}

func syncDir(t *testing.T, path string) {
	t.Helper()
	dir, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		t.Fatal(err)
	}
}
