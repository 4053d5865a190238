package sim

import (
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/raftmq/raftmq/internal/vfs"
)

// syncTime is how long an fsync of the log takes. It is not zero, so that a kill or power cut can fall between a write, its fsync
// and the answer.
const syncTime = 200 * time.Microsecond

// disk gives the files of one process a latency and the faults of a bad disk. It is gone with the process.
type disk struct {
	mem *vfs.Mem

	mu      sync.Mutex
	sync    time.Duration
	write   time.Duration
	failing vfs.OpKind // operations of this kind fail …
	fails   bool       // … if set
	stalled chan struct{}
	trap    *trap
	held    *trap // has an operation
}

// trap holds the n-th operation that matches, until it is released: the process is to die there.
type trap struct {
	match func(vfs.Op) bool
	left  int
	hit   chan struct{}
	free  chan struct{}
}

func newDisk(mem *vfs.Mem) *disk {
	d := &disk{mem: mem, sync: syncTime}
	mem.AddHook(d.hook)
	return d
}

// ofLog tells the files whose calls raftlog watches and issues without a lock that others wait for.
func ofLog(op vfs.Op) bool { return strings.Contains(op.Path, "/commitlog/") }

func (d *disk) hook(op *vfs.Op) error {
	d.mu.Lock()
	stalled, pause, failing, t := d.stalled, d.pauseLocked(op), d.fails && op.Kind == d.failing, d.trapLocked(op)
	d.mu.Unlock()
	if t != nil {
		close(t.hit)
		<-t.free
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

func (d *disk) trapLocked(op *vfs.Op) *trap {
	t := d.trap
	if t == nil || !t.match(*op) {
		return nil
	}
	if t.left--; t.left >= 0 {
		return nil
	}
	d.trap, d.held = nil, t
	return t
}

// setTrap makes the n-th operation (from 0) that matches wait; hit is closed when it does.
func (d *disk) setTrap(n int, match func(vfs.Op) bool) (hit <-chan struct{}) {
	t := &trap{match: match, left: n, hit: make(chan struct{}), free: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trap = t
	return t.hit
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
	d.sync, d.write, d.fails = syncTime, 0, false
	if d.stalled != nil {
		close(d.stalled)
		d.stalled = nil
	}
	if d.trap = nil; d.held != nil {
		close(d.held.free)
		d.held = nil
	}
	d.mem.SetCapacity(capacity)
}
