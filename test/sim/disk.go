package sim

import (
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/raftmq/raftmq/internal/vfs"
)

// syncTime is how long an fsync of the log takes on a good disk. It is not zero, so that a kill or power cut can fall between a write,
// its fsync and the answer.
const syncTime = 200 * time.Microsecond

// disk gives the files of one process a latency and the faults of a bad disk. It is gone with the process.
type disk struct {
	mem    *vfs.Mem
	normal time.Duration // of a sync

	mu      sync.Mutex
	sync    time.Duration
	write   time.Duration
	failing vfs.OpKind // operations of this kind fail …
	fails   bool       // … if set
	stalled chan struct{}
	trap    *trap
	// frozen is what the process leaves if it died at a trap: what goes on in it since then reaches no disk.
	frozen *vfs.Mem
}

// trap does something just before the n-th operation that matches.
type trap struct {
	match func(vfs.Op) bool
	left  int
	do    func()
	hit   chan struct{} // closed then
}

func newDisk(mem *vfs.Mem, normal time.Duration) *disk {
	d := &disk{mem: mem, normal: normal, sync: normal}
	mem.AddHook(d.hook)
	return d
}

// ofLog tells the files whose calls raftlog watches, and whose locks let virtual time pass while they wait.
func ofLog(op vfs.Op) bool { return strings.Contains(op.Path, "/commitlog/") }

func (d *disk) hook(op *vfs.Op) error {
	if t := d.springs(op); t != nil {
		t.do()
		close(t.hit)
	}
	d.mu.Lock()
	stalled, pause, failing, dead := d.stalled, d.pauseLocked(op), d.fails && op.Kind == d.failing, d.frozen != nil
	d.mu.Unlock()
	if dead && op.Changes() {
		return syscall.EIO
	}
	if stalled != nil && op.Changes() && ofLog(*op) {
		<-stalled
	}
	if pause > 0 {
		time.Sleep(pause)
	}
	if failing && ofLog(*op) {
		return syscall.EIO
	}
	return nil
}

func (d *disk) pauseLocked(op *vfs.Op) time.Duration {
	switch {
	case !ofLog(*op):
		return 0
	case op.Kind == vfs.OpSync:
		return d.sync
	case op.Kind == vfs.OpWrite:
		return d.write
	}
	return 0
}

func (d *disk) springs(op *vfs.Op) *trap {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.trap
	if t == nil || !t.match(*op) {
		return nil
	}
	if t.left--; t.left >= 0 {
		return nil
	}
	d.trap = nil
	return t
}

// setTrap does something before the n-th operation (from 0) that matches; hit is closed then. do runs on the process's goroutine.
func (d *disk) setTrap(n int, match func(vfs.Op) bool, do func()) (hit <-chan struct{}) {
	t := &trap{match: match, left: n, do: do, hit: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trap = t
	return t.hit
}

// freeze makes this moment the last one that the disk has seen of the process.
func (d *disk) freeze() {
	left := d.mem.KillClone()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frozen = left
}

// left is the disk as the process leaves it when it ends now.
func (d *disk) left() *vfs.Mem {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.frozen != nil {
		return d.frozen
	}
	return d.mem
}

// hang makes every change of the log wait until release.
func (d *disk) hang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stalled == nil {
		d.stalled = make(chan struct{})
	}
}

// fail makes operations of a kind fail with EIO.
func (d *disk) fail(kind vfs.OpKind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing, d.fails = kind, true
}

func (d *disk) slow(sync, write time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sync, d.write = sync, write
}

// fill leaves the disk no more than room bytes.
func (d *disk) fill(room int64) {
	total, free, err := d.mem.Usage("/")
	if err == nil {
		d.mem.SetCapacity(total - free + room)
	}
}

// heal ends every fault.
func (d *disk) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sync, d.write, d.fails = d.normal, 0, false
	if d.stalled != nil {
		close(d.stalled)
		d.stalled = nil
	}
	d.trap = nil
	d.mem.SetCapacity(capacity)
}
