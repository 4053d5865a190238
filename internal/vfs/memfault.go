package vfs

import (
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
)

// OpKind is the kind of a file operation.
type OpKind uint8

const (
	OpCreate OpKind = iota
	OpOpen
	OpOpenReadWrite
	OpRename
	OpRemove
	OpRemoveAll
	OpLink
	OpMkdirAll
	OpList
	OpStat
	OpSyncDir
	OpLock
	OpUsage
	OpRead
	OpWrite
	OpSync
	OpTruncate
	OpPreallocate
	OpSize
	OpClose
)

var opNames = [...]string{"create", "open", "openrw", "rename", "remove", "removeall", "link", "mkdir", "list",
	"stat", "syncdir", "lock", "usage", "read", "write", "sync", "truncate", "preallocate", "size", "close"}

func (k OpKind) String() string { return opNames[k] }

// Op is one file operation, as a hook sees it before it happens.
type Op struct {
	Kind   OpKind
	Path   string // as the caller named it; of a rename or link, the old name
	Offset int64  // of a read or write; the size of a truncation or preallocation
	Length int    // bytes of a read or write
	// Short is set by a hook that fails a write: so many bytes are written nevertheless.
	Short int
}

// Changes reports whether the operation changes files, names, or what of them is durable.
func (o Op) Changes() bool {
	switch o.Kind {
	case OpCreate, OpRename, OpRemove, OpRemoveAll, OpLink, OpMkdirAll, OpSyncDir, OpWrite, OpSync, OpTruncate, OpPreallocate:
		return true
	}
	return false
}

// Hook runs before an operation, on the goroutine that does it and outside every lock of the Mem. An error
// fails the operation, which then has no effect (but see Op.Short; and a failed Sync loses its pages). A hook
// may block or sleep to make a slow or hung disk.
type Hook func(*Op) error

// hooks is the list of hooks of a Mem.
type hooks struct {
	mu    sync.Mutex
	list  atomic.Pointer[[]*Hook]
	count atomic.Int64
}

func (h *hooks) run(op *Op) error {
	h.count.Add(1)
	list := h.list.Load()
	if list == nil {
		return nil
	}
	for _, f := range *list {
		if err := (*f)(op); err != nil {
			return err
		}
	}
	return nil
}

func (h *hooks) change(f func([]*Hook) []*Hook) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var old []*Hook
	if p := h.list.Load(); p != nil {
		old = *p
	}
	list := f(slices.Clone(old))
	h.list.Store(&list)
}

// AddHook adds a hook after the ones there are, and returns how to remove it. Clones start without hooks.
func (m *Mem) AddHook(f Hook) (remove func()) {
	m.hooks.change(func(l []*Hook) []*Hook { return append(l, &f) })
	return func() {
		m.hooks.change(func(l []*Hook) []*Hook {
			return slices.DeleteFunc(l, func(h *Hook) bool { return h == &f })
		})
	}
}

// Operations is how many operations were begun so far.
func (m *Mem) Operations() int64 { return m.hooks.count.Load() }

// FailNth makes the n-th operation (from 0) for which match holds fail with err. fired reports whether it did.
func (m *Mem) FailNth(n int64, match func(Op) bool, err error) (fired func() bool, remove func()) {
	var seen atomic.Int64
	remove = m.AddHook(func(op *Op) error {
		if match(*op) && seen.Add(1)-1 == n {
			return err
		}
		return nil
	})
	return func() bool { return seen.Load() > n }, remove
}

// Hang makes operations for which match holds wait until release is called; then they go on. hung receives
// one value as the first of them begins to wait.
func (m *Mem) Hang(match func(Op) bool) (hung <-chan struct{}, release func()) {
	waiting := make(chan struct{}, 1)
	free := make(chan struct{})
	remove := m.AddHook(func(op *Op) error {
		if !match(*op) {
			return nil
		}
		select {
		case waiting <- struct{}{}:
		default:
		}
		<-free
		return nil
	})
	var once sync.Once
	return waiting, func() {
		remove()
		once.Do(func() { close(free) })
	}
}

// FlipBit inverts one bit of a file, durably: bit 0 is the lowest bit of the first byte.
func (m *Mem) FlipBit(name string, bit int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(name)
	if n == nil || n.isDir() || bit < 0 || bit/8 >= n.size {
		return &fs.PathError{Op: "flip", Path: name, Err: fs.ErrInvalid}
	}
	i, at, mask := bit/8/pageSize, bit/8%pageSize, byte(1)<<(bit%8)
	if n.pages[i] == nil && i*pageSize >= n.reserved {
		m.used += pageSize
	}
	flip(n.pages, i, at, mask)
	for _, durable := range []map[int64]*page{n.undo, n.lost} {
		if _, ok := durable[i]; ok {
			flip(durable, i, at, mask)
		}
	}
	return nil
}

// flip changes a copy of page i, since it may be shared.
func flip(pages map[int64]*page, i, at int64, mask byte) {
	fresh := &page{}
	if p := pages[i]; p != nil {
		fresh.data = p.data
	}
	fresh.data[at] ^= mask
	pages[i] = fresh
}
