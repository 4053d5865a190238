package sim

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// Rot halts a member as kill -9 does and damages one of its files.
func (c *Cluster) Rot(name string, seed uint64) {
	m := c.member(name)
	if m.quarantined != nil || m.replacing {
		return
	}
	if m.proc != nil {
		c.Kill(name)
	}
	r := rand.New(rand.NewPCG(seed, 3))
	all := m.fileNames()
	if len(all) == 0 {
		return
	}
	file := all[r.IntN(len(all))]
	m.damaged = true
	how, err := m.damage(r, file)
	c.History.event("rot %s: %s of %s: %v", name, how, file, err)
}

// fileNames lists what can be damaged: the simulated files, then the real ones.
func (m *Member) fileNames() []string {
	var all []string
	var walk func(dir string)
	walk = func(dir string) {
		names, err := m.files.mem.List(dir)
		if err != nil {
			return
		}
		for _, name := range names {
			full := path.Join(dir, name)
			if info, err := m.files.mem.Stat(full); err == nil && info.IsDir() {
				walk(full)
			} else if err == nil && info.Size() > 0 {
				all = append(all, full)
			}
		}
	}
	walk(dataDir)
	return append(all, "state.db", "stable.db")
}

func (m *Member) damage(r *rand.Rand, file string) (how string, err error) {
	content, err := m.files.read(file)
	if err != nil || len(content) == 0 {
		return "nothing", err
	}
	at := r.IntN(len(content))
	switch r.IntN(6) {
	case 0:
		content[at] ^= 1 << r.IntN(8)
		return fmt.Sprintf("bit flipped at %d of %d", at, len(content)), m.write(file, content)
	case 1:
		page := content[at/4096*4096 : min(len(content), at/4096*4096+4096)]
		clear(page)
		return fmt.Sprintf("page zeroed at %d of %d", at/4096*4096, len(content)), m.write(file, content)
	case 2:
		page := content[at/4096*4096 : min(len(content), at/4096*4096+4096)]
		for i := range page {
			page[i] = byte(r.Uint32())
		}
		return fmt.Sprintf("garbage at %d of %d", at/4096*4096, len(content)), m.write(file, content)
	case 3:
		return fmt.Sprintf("cut at %d of %d", at, len(content)), m.write(file, content[:at])
	case 4:
		if stale, err := m.older.read(file); err == nil {
			return fmt.Sprintf("old copy of %d bytes for %d", len(stale), len(content)), m.write(file, stale)
		}
	}
	return "removed", m.remove(file)
}

// read reads a file of the simulated disk, or a database.
func (d files) read(file string) ([]byte, error) {
	if d.mem == nil {
		return nil, fs.ErrNotExist
	}
	if !path.IsAbs(file) {
		return os.ReadFile(filepath.Join(d.real, file))
	}
	f, err := d.mem.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	_, err = f.ReadAt(b, 0)
	return b, err
}

func (m *Member) write(file string, content []byte) error {
	if !path.IsAbs(file) {
		return os.WriteFile(filepath.Join(m.files.real, file), content, 0o600)
	}
	f, err := m.files.mem.OpenReadWrite(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(int64(len(content))); err != nil {
		return err
	}
	if len(content) > 0 {
		if _, err := f.WriteAt(content, 0); err != nil {
			return err
		}
	}
	return f.Sync()
}

func (m *Member) remove(file string) error {
	if !path.IsAbs(file) {
		return os.Remove(filepath.Join(m.files.real, file))
	}
	if err := m.files.mem.Remove(file); err != nil {
		return err
	}
	return m.files.mem.SyncDir(path.Dir(file))
}

// Replace wipes a member's disk and has the group take the new instance in the place of the old one.
func (c *Cluster) Replace(name string) {
	m := c.member(name)
	if m.replacing || m.stopping {
		return
	}
	if m.proc != nil {
		c.Kill(name)
	}
	c.History.event("replace %s", name)
	m.files, m.quarantined, m.damaged, m.replacing = files{newMem(), c.tempDir()}, nil, false, true
	m.start()
	c.After(time.Second, func() { c.admit(m) })
}

// admit asks the leader to add the empty instance and to remove the old one, until that is done.
func (c *Cluster) admit(m *Member) {
	leader := c.member(c.Leader())
	if m.proc == nil && !m.down {
		m.start()
	}
	if leader == nil || leader == m || m.proc == nil || m.node() == nil {
		c.After(time.Second, func() { c.admit(m) })
		return
	}
	node, self := leader.node(), m.node().ID()
	done := make(chan error, 1)
	c.aside.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err := node.AddMember(ctx, m.name, m.RaftAddr(), true)
		for _, s := range node.Status().Members {
			if err == nil && s.ID.Name() == m.name && s.ID != self {
				err = node.RemoveMember(ctx, string(s.ID))
			}
		}
		done <- err
	})
	var look func()
	look = func() {
		select {
		case err := <-done:
			c.History.event("%s admitted: %v", m.name, err)
			if err == nil {
				m.replacing = false
				return
			}
			c.After(time.Second, func() { c.admit(m) })
		default:
			c.After(tick, look)
		}
	}
	look()
}

// replacing lists members that wait to be taken in.
func (c *Cluster) replacing() bool {
	return slices.ContainsFunc(c.members, func(m *Member) bool { return m.replacing })
}
