package vfs

import (
	"io/fs"
	"path"
	"strings"
)

// change is one directory operation that SyncDir has not made durable yet: names set and names removed,
// kept or lost together.
type change struct{ parts []changePart }

type changePart struct {
	dir  *node
	name string
	to   *node // nil removes the name
}

func (c change) touches(dir *node) bool {
	for _, p := range c.parts {
		if p.dir == dir {
			return true
		}
	}
	return false
}

// settle makes the change durable.
func (c change) settle() {
	for _, p := range c.parts {
		if p.to == nil {
			delete(p.dir.durableNames, p.name)
		} else {
			p.dir.durableNames[p.name] = p.to
		}
	}
}

// apply does a directory operation now and remembers that it is not durable.
func (m *Mem) apply(parts ...changePart) {
	for _, p := range parts {
		if old := p.dir.names[p.name]; old != nil {
			m.unlink(old)
			delete(p.dir.names, p.name)
		}
		if p.to != nil {
			p.to.links++
			p.dir.names[p.name] = p.to
		}
	}
	m.changes = append(m.changes, change{parts})
}

// unlink gives the space of a file back when its last name goes, even while it is open.
func (m *Mem) unlink(n *node) {
	n.links--
	if n.links == 0 && !n.isDir() {
		m.used -= n.allocated()
	}
}

// settleDir makes the changes of dir durable, in order.
func (m *Mem) settleDir(dir *node) {
	rest := m.changes[:0]
	for _, c := range m.changes {
		if c.touches(dir) {
			c.settle()
		} else {
			rest = append(rest, c)
		}
	}
	clear(m.changes[len(rest):])
	m.changes = rest
}

// find returns the node at name, nil if there is none.
func (m *Mem) find(name string) *node {
	n := m.root
	for part := range strings.SplitSeq(clean(name), "/") {
		if part == "" || n == nil {
			continue
		}
		n = n.names[part]
	}
	return n
}

// parent returns the directory that holds name, and the last element of name.
func (m *Mem) parent(name string) (*node, string, error) {
	dir, base := path.Split(clean(name))
	n := m.find(dir)
	if n == nil || !n.isDir() {
		return nil, "", fs.ErrNotExist
	}
	if base == "" {
		return nil, "", fs.ErrInvalid
	}
	return n, base, nil
}

func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }
