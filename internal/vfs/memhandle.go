package vfs

import (
	"io"
	"io/fs"
	"sync/atomic"
)

// memHandle is an open file of a Mem. It outlives the removal of its name.
type memHandle struct {
	mem      *Mem
	node     *node
	name     string
	writable bool
	closed   atomic.Bool
}

func (h *memHandle) ReadAt(b []byte, off int64) (int, error) {
	op := Op{Kind: OpRead, Path: h.name, Offset: off, Length: len(b)}
	if err := h.begin(&op); err != nil {
		return 0, h.wrap(op, err)
	}
	if off < 0 {
		return 0, h.wrap(op, fs.ErrInvalid)
	}
	h.mem.mu.RLock()
	n := h.node.readAt(b, off)
	h.mem.mu.RUnlock()
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes nothing when a hook fails it, or the first Op.Short bytes if the hook says so.
func (h *memHandle) WriteAt(b []byte, off int64) (int, error) {
	op := Op{Kind: OpWrite, Path: h.name, Offset: off, Length: len(b)}
	err := h.begin(&op)
	if err == nil && (!h.writable || off < 0) {
		return 0, h.wrap(op, fs.ErrInvalid)
	}
	if err != nil {
		b = b[:min(max(op.Short, 0), len(b))]
	}
	h.mem.mu.Lock()
	n, spaceErr := h.node.writeAt(h.mem, b, off)
	h.mem.mu.Unlock()
	if err == nil {
		err = spaceErr
	}
	return n, h.wrap(op, err)
}

func (h *memHandle) Sync() error {
	op := Op{Kind: OpSync, Path: h.name}
	err := h.begin(&op)
	h.mem.mu.Lock()
	defer h.mem.mu.Unlock()
	if err != nil {
		h.node.failSync()
		return h.wrap(op, err)
	}
	h.node.sync()
	return nil
}

func (h *memHandle) Truncate(size int64) error {
	return h.change(Op{Kind: OpTruncate, Path: h.name, Offset: size}, func() error {
		h.node.truncate(h.mem, size)
		return nil
	})
}

func (h *memHandle) Preallocate(size int64) error {
	return h.change(Op{Kind: OpPreallocate, Path: h.name, Offset: size}, func() error {
		return h.node.preallocate(h.mem, size)
	})
}

func (h *memHandle) change(op Op, f func() error) error {
	if err := h.begin(&op); err != nil {
		return h.wrap(op, err)
	}
	if !h.writable || op.Offset < 0 {
		return h.wrap(op, fs.ErrInvalid)
	}
	h.mem.mu.Lock()
	defer h.mem.mu.Unlock()
	return h.wrap(op, f())
}

func (h *memHandle) Size() (int64, error) {
	op := Op{Kind: OpSize, Path: h.name}
	if err := h.begin(&op); err != nil {
		return 0, h.wrap(op, err)
	}
	h.mem.mu.RLock()
	defer h.mem.mu.RUnlock()
	return h.node.size, nil
}

func (h *memHandle) Close() error {
	if h.closed.Swap(true) {
		return h.wrap(Op{Kind: OpClose, Path: h.name}, fs.ErrClosed)
	}
	return nil
}

// begin runs the hooks of an operation on an open file.
func (h *memHandle) begin(op *Op) error {
	if h.closed.Load() {
		return fs.ErrClosed
	}
	return h.mem.hooks.run(op)
}

func (h *memHandle) wrap(op Op, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op.Kind.String(), Path: op.Path, Err: err}
}
