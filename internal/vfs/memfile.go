package vfs

import (
	"maps"
	"sync/atomic"
	"syscall"
)

const (
	pageSize   = 4096
	sectorSize = 512 // what a disk writes whole
)

// page is part of a file's content. A page that is shared with a clone or with an undo image is copied
// before it is changed.
type page struct {
	shared atomic.Bool
	data   [pageSize]byte
}

// node is a file or a directory of a Mem. Mem.mu protects all of it.
type node struct {
	// A directory: names now, and names that a power cut leaves. Nil for a file.
	names, durableNames map[string]*node
	links               int // names that point here now

	size, durableSize int64
	// reserved is how far Preallocate has taken space, in bytes from the start.
	reserved int64
	// pages holds what was ever written; the rest of the file reads as zeros.
	pages map[int64]*page
	// undo holds, for each page changed since the last Sync, what is durable of it; nil means zeros.
	undo map[int64]*page
	// lost is undo of pages that a failed Sync covered (invariant 3).
	lost map[int64]*page
}

func newFile() *node {
	return &node{pages: map[int64]*page{}, undo: map[int64]*page{}, lost: map[int64]*page{}}
}

func newDir() *node {
	return &node{names: map[string]*node{}, durableNames: map[string]*node{}}
}

func (n *node) isDir() bool { return n.names != nil }

// writable returns the page number i for changing, after keeping what is durable of it.
func (n *node) writable(i int64) *page {
	p := n.pages[i]
	if !n.keepDurable(i, p) && p != nil && !p.shared.Load() {
		return p
	}
	fresh := &page{}
	if p != nil {
		fresh.data = p.data
	}
	n.pages[i] = fresh
	return fresh
}

// keepDurable notes the durable content of page i before its first change since the last Sync, and
// reports whether p itself became that note.
func (n *node) keepDurable(i int64, p *page) (kept bool) {
	if _, ok := n.undo[i]; ok {
		return false
	}
	if old, ok := n.lost[i]; ok {
		delete(n.lost, i)
		n.undo[i] = old
		return false
	}
	n.undo[i] = p
	return p != nil
}

func (n *node) readAt(b []byte, off int64) int {
	if off >= n.size {
		return 0
	}
	b = b[:min(int64(len(b)), n.size-off)]
	for done := 0; done < len(b); {
		at := off + int64(done)
		part := b[done:min(len(b), done+int(pageSize-at%pageSize))]
		if p := n.pages[at/pageSize]; p != nil {
			copy(part, p.data[at%pageSize:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	return len(b)
}

// writeAt writes b and returns how much of it fitted into the space, with ENOSPC if not all did.
func (n *node) writeAt(m *Mem, b []byte, off int64) (int, error) {
	for done := 0; done < len(b); {
		at := off + int64(done)
		if n.pages[at/pageSize] == nil && at >= n.reserved && !m.take(pageSize) {
			return done, syscall.ENOSPC
		}
		done += copy(n.writable(at / pageSize).data[at%pageSize:], b[done:])
		n.size = max(n.size, off+int64(done))
	}
	return len(b), nil
}

func (n *node) truncate(m *Mem, size int64) {
	before := n.allocated()
	for i, p := range n.pages {
		if i*pageSize >= size {
			n.keepDurable(i, p)
			delete(n.pages, i)
		}
	}
	if tail := size % pageSize; tail != 0 && n.pages[size/pageSize] != nil {
		clear(n.writable(size / pageSize).data[tail:])
	}
	n.size = size
	n.reserved = min(n.reserved, roundUp(size))
	m.used -= before - n.allocated()
}

func (n *node) preallocate(m *Mem, size int64) error {
	before := n.allocated()
	old := n.reserved
	n.reserved = max(n.reserved, roundUp(size))
	if !m.take(n.allocated() - before) {
		n.reserved = old
		return syscall.ENOSPC
	}
	n.size = max(n.size, size)
	return nil
}

// allocated is the space that the file takes, in bytes.
func (n *node) allocated() int64 {
	total := n.reserved
	for i := range n.pages {
		if i*pageSize >= n.reserved {
			total += pageSize
		}
	}
	return total
}

func (n *node) sync() {
	clear(n.undo)
	n.durableSize = n.size
}

// failSync is a Sync that returned an error: the pages count as clean but never reached the disk.
func (n *node) failSync() {
	maps.Copy(n.lost, n.undo)
	clear(n.undo)
}

func roundUp(size int64) int64 { return (size + pageSize - 1) / pageSize * pageSize }
