package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Mem is a file system in memory that knows what of it is durable. Its root exists; relative and absolute
// paths mean the same.
type Mem struct {
	mu       sync.RWMutex
	root     *node
	changes  []change // not durable yet, oldest first
	locks    map[string]bool
	capacity int64
	used     int64

	hooks hooks
}

// NewMem returns an empty Mem of unlimited capacity.
func NewMem() *Mem {
	return &Mem{root: newDir(), locks: map[string]bool{}, capacity: math.MaxInt64 / 2}
}

// SetCapacity bounds the space: files may take so many bytes altogether, in pages, preallocated space
// included. What is over the bound already stays.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// take reserves n bytes of space.
func (m *Mem) take(n int64) bool {
	if n > 0 && m.used+n > m.capacity {
		return false
	}
	m.used += n
	return true
}

func (m *Mem) Create(name string) (f File, err error) {
	err = m.do(Op{Kind: OpCreate, Path: name}, func() error {
		dir, base, err := m.parent(name)
		if err != nil {
			return err
		}
		if dir.names[base] != nil {
			return fs.ErrExist
		}
		n := newFile()
		m.apply(changePart{dir, base, n})
		f = &memHandle{mem: m, node: n, name: name, writable: true}
		return nil
	})
	return f, err
}

func (m *Mem) Open(name string) (File, error) { return m.open(OpOpen, name, false) }

func (m *Mem) OpenReadWrite(name string) (File, error) { return m.open(OpOpenReadWrite, name, true) }

func (m *Mem) open(kind OpKind, name string, writable bool) (f File, err error) {
	err = m.do(Op{Kind: kind, Path: name}, func() error {
		n := m.find(name)
		if n == nil {
			return fs.ErrNotExist
		}
		if n.isDir() {
			return fs.ErrInvalid
		}
		f = &memHandle{mem: m, node: n, name: name, writable: writable}
		return nil
	})
	return f, err
}

func (m *Mem) Rename(oldName, newName string) error {
	return m.do(Op{Kind: OpRename, Path: oldName}, func() error {
		from, fromBase, err := m.parent(oldName)
		if err != nil {
			return err
		}
		to, toBase, err := m.parent(newName)
		if err != nil {
			return err
		}
		n := from.names[fromBase]
		if n == nil {
			return fs.ErrNotExist
		}
		target := to.names[toBase]
		if target == n {
			return nil
		}
		if target != nil && target.isDir() && len(target.names) > 0 {
			return fs.ErrExist
		}
		n.links++ // keeps its space while it has no name for a moment
		m.apply(changePart{from, fromBase, nil}, changePart{to, toBase, n})
		n.links--
		return nil
	})
}

func (m *Mem) Remove(name string) error {
	return m.do(Op{Kind: OpRemove, Path: name}, func() error {
		dir, base, err := m.parent(name)
		if err != nil {
			return err
		}
		n := dir.names[base]
		if n == nil {
			return fs.ErrNotExist
		}
		if n.isDir() && len(n.names) > 0 {
			return fs.ErrInvalid
		}
		m.apply(changePart{dir, base, nil})
		return nil
	})
}

func (m *Mem) RemoveAll(name string) error {
	return m.do(Op{Kind: OpRemoveAll, Path: name}, func() error {
		dir, base, err := m.parent(name)
		if err == nil && dir.names[base] != nil {
			m.removeTree(dir, base)
		}
		return nil
	})
}

// removeTree removes depth first, one change for each name: a power cut may leave any part.
func (m *Mem) removeTree(dir *node, base string) {
	n := dir.names[base]
	for _, child := range slices.Sorted(maps.Keys(n.names)) {
		m.removeTree(n, child)
	}
	m.apply(changePart{dir, base, nil})
}

func (m *Mem) Link(oldName, newName string) error {
	return m.do(Op{Kind: OpLink, Path: oldName}, func() error {
		n := m.find(oldName)
		if n == nil {
			return fs.ErrNotExist
		}
		dir, base, err := m.parent(newName)
		if err != nil {
			return err
		}
		if n.isDir() || dir.names[base] != nil {
			return fs.ErrExist
		}
		m.apply(changePart{dir, base, n})
		return nil
	})
}

func (m *Mem) MkdirAll(dir string) error {
	return m.do(Op{Kind: OpMkdirAll, Path: dir}, func() error {
		n := m.root
		for part := range strings.SplitSeq(clean(dir), "/") {
			if part == "" {
				continue
			}
			if n.names[part] == nil {
				m.apply(changePart{n, part, newDir()})
			}
			if n = n.names[part]; !n.isDir() {
				return fs.ErrExist
			}
		}
		return nil
	})
}

func (m *Mem) List(dir string) (names []string, err error) {
	err = m.do(Op{Kind: OpList, Path: dir}, func() error {
		n := m.find(dir)
		if n == nil || !n.isDir() {
			return fs.ErrNotExist
		}
		names = slices.Sorted(maps.Keys(n.names))
		return nil
	})
	return names, err
}

func (m *Mem) Stat(name string) (info fs.FileInfo, err error) {
	err = m.do(Op{Kind: OpStat, Path: name}, func() error {
		n := m.find(name)
		if n == nil {
			return fs.ErrNotExist
		}
		info = memInfo{name: path.Base(clean(name)), size: n.size, dir: n.isDir()}
		return nil
	})
	return info, err
}

func (m *Mem) SyncDir(dir string) error {
	return m.do(Op{Kind: OpSyncDir, Path: dir}, func() error {
		n := m.find(dir)
		if n == nil || !n.isDir() {
			return fs.ErrNotExist
		}
		m.settleDir(n)
		return nil
	})
}

func (m *Mem) Lock(name string) (c io.Closer, err error) {
	err = m.do(Op{Kind: OpLock, Path: name}, func() error {
		dir, base, err := m.parent(name)
		if err != nil {
			return err
		}
		if m.locks[clean(name)] {
			return ErrLocked
		}
		if dir.names[base] == nil {
			m.apply(changePart{dir, base, newFile()})
		}
		m.locks[clean(name)] = true
		c = &memLock{mem: m, name: clean(name)}
		return nil
	})
	return c, err
}

// Usage returns the capacity and what is left of it.
func (m *Mem) Usage(dir string) (total, available int64, err error) {
	err = m.do(Op{Kind: OpUsage, Path: dir}, func() error {
		total, available = m.capacity, max(0, m.capacity-m.used)
		return nil
	})
	return total, available, err
}

// do runs the hooks, then f under the lock.
func (m *Mem) do(op Op, f func() error) error {
	err := m.hooks.run(&op)
	if err == nil {
		m.mu.Lock()
		err = f()
		m.mu.Unlock()
	}
	if err != nil {
		return &fs.PathError{Op: op.Kind.String(), Path: op.Path, Err: err}
	}
	return nil
}

// memLock releases a lock once.
type memLock struct {
	mem  *Mem
	name string
	once sync.Once
}

func (l *memLock) Close() error {
	l.once.Do(func() {
		l.mem.mu.Lock()
		defer l.mem.mu.Unlock()
		delete(l.mem.locks, l.name)
	})
	return nil
}

// memInfo is what Stat tells. Mem keeps no times.
type memInfo struct {
	name string
	size int64
	dir  bool
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return time.Time{} }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return nil }
func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | dirMode
	}
	return fileMode
}

func (i memInfo) String() string { return fmt.Sprintf("%s (%d bytes)", i.name, i.size) }
