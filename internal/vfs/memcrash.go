package vfs

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
)

// CrashClone returns the file system as it may be found after a power cut at this moment: what was synced, and
// of the rest a part that rng chooses: for each changed page all, nothing or some of its sectors; for each file
// size the old, the new or one between; any subset of the directory operations, in their order. A nil rng keeps
// only what was synced. Locks are free and hooks gone. The original goes on unharmed, for the goroutines of the
// dead. It may be called from a hook.
func (m *Mem) CrashClone(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := cloner{rng: rng, from: m, to: NewMem(), nodes: map[*node]*node{}}
	c.crash()
	return c.to
}

// KillClone returns the file system as it is found after the process was killed: everything written is there,
// and what was not synced still is not durable. Locks are free and hooks gone.
func (m *Mem) KillClone() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := cloner{from: m, to: NewMem(), nodes: map[*node]*node{}}
	c.kill()
	return c.to
}

// cloner copies the nodes of one Mem to another; pages are shared until one side writes.
type cloner struct {
	rng      *rand.Rand
	from, to *Mem
	nodes    map[*node]*node
}

func (c *cloner) kill() {
	c.to.capacity, c.to.used = c.from.capacity, c.from.used
	c.to.root = c.copyNode(c.from.root)
	for _, ch := range c.from.changes {
		parts := make([]changePart, len(ch.parts))
		for i, p := range ch.parts {
			parts[i] = changePart{c.copyNode(p.dir), p.name, c.copyNode(p.to)}
		}
		c.to.changes = append(c.to.changes, change{parts})
	}
}

// copyNode copies a node and what it names, with everything that is known of durability.
func (c *cloner) copyNode(n *node) *node {
	if n == nil {
		return nil
	}
	if done := c.nodes[n]; done != nil {
		return done
	}
	out := &node{}
	c.nodes[n] = out
	*out = node{links: n.links, size: n.size, durableSize: n.durableSize, reserved: n.reserved}
	if n.isDir() {
		out.names = c.copyNames(n.names)
		out.durableNames = c.copyNames(n.durableNames)
		return out
	}
	out.pages, out.undo, out.lost = share(n.pages), share(n.undo), share(n.lost)
	return out
}

func (c *cloner) copyNames(names map[string]*node) map[string]*node {
	out := make(map[string]*node, len(names))
	for name, n := range names {
		out[name] = c.copyNode(n)
	}
	return out
}

func share(pages map[int64]*page) map[int64]*page {
	for _, p := range pages {
		if p != nil {
			p.shared.Store(true)
		}
	}
	return maps.Clone(pages)
}

// crash settles a random subset of the pending directory operations on a copy, then cuts every file back.
func (c *cloner) crash() {
	c.kill()
	for _, ch := range c.to.changes {
		if c.chance() {
			ch.settle()
		}
	}
	c.to.changes = nil
	c.to.used = 0
	seen := map[*node]bool{}
	c.settleTree(c.to.root, seen)
}

// settleTree makes the durable state of dir and below it the present one. Names are visited in order, so that
// rng decides the same for the same history.
func (c *cloner) settleTree(dir *node, seen map[*node]bool) {
	dir.names = maps.Clone(dir.durableNames)
	for _, name := range slices.Sorted(maps.Keys(dir.names)) {
		n := dir.names[name]
		if !seen[n] {
			seen[n] = true
			n.links = 0
			if n.isDir() {
				c.settleTree(n, seen)
			} else {
				c.cutBack(n)
				c.to.used += n.allocated()
			}
		}
		n.links++
	}
}

// cutBack leaves of a file what is durable and a random part of the rest.
func (c *cloner) cutBack(n *node) {
	for _, undo := range []map[int64]*page{n.lost, n.undo} {
		for _, i := range slices.SortedFunc(maps.Keys(undo), cmp.Compare) {
			c.mix(n, i, undo[i])
		}
		clear(undo)
	}
	n.size = c.between(n.durableSize, n.size)
	n.durableSize = n.size
	if n.reserved > n.size {
		n.reserved = roundUp(n.size)
	}
	c.dropBeyond(n)
}

// dropBeyond removes what a file holds beyond its size.
func (c *cloner) dropBeyond(n *node) {
	for i, p := range n.pages {
		switch start := i * pageSize; {
		case start >= n.size:
			delete(n.pages, i)
		case start+pageSize > n.size:
			fresh := &page{data: p.data}
			clear(fresh.data[n.size-start:])
			n.pages[i] = fresh
		}
	}
}

// mix decides what of page i reached the disk: what is there now, what was durable, or some sectors of each.
func (c *cloner) mix(n *node, i int64, durable *page) {
	kind := 0
	if c.rng != nil {
		kind = c.rng.IntN(3)
	}
	switch kind {
	case 0:
		setPage(n.pages, i, durable)
	case 1: // all of it reached the disk
	case 2:
		fresh := &page{}
		if durable != nil {
			fresh.data = durable.data
		}
		now := n.pages[i]
		if now == nil {
			now = &page{}
		}
		for at := 0; at < pageSize; at += sectorSize {
			if c.chance() {
				copy(fresh.data[at:at+sectorSize], now.data[at:])
			}
		}
		n.pages[i] = fresh
	}
}

func setPage(pages map[int64]*page, i int64, p *page) {
	if p == nil {
		delete(pages, i)
	} else {
		pages[i] = p
	}
}

func (c *cloner) chance() bool { return c.rng != nil && c.rng.IntN(2) == 0 }

// between returns a, b or something between them.
func (c *cloner) between(a, b int64) int64 {
	if c.rng == nil || a == b {
		return a
	}
	switch c.rng.IntN(3) {
	case 0:
		return a
	case 1:
		return b
	}
	return min(a, b) + c.rng.Int64N(max(a, b)-min(a, b)+1)
}
