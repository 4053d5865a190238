package consumequeue

import (
	"container/list"
	"errors"
	"sync"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// fileID names a queue file.
type fileID struct {
	key   Key
	first offset.Queue
}

// openFile is a counted open file. f and err may be read once opened is closed.
type openFile struct {
	id     fileID
	opened chan struct{}
	f      vfs.File
	err    error

	// Guarded by fileCache.mu.
	users int
	where *list.Element // in recent; nil once it was forgotten
}

// fileCache keeps the files used last open. Files in use are not counted against the bound, so it is passed by at most the number of
// readers at work.
type fileCache struct {
	fs   vfs.FS
	max  int
	path func(fileID) string
	view bool // files are opened for reading only

	mu     sync.Mutex
	open   map[fileID]*openFile
	recent *list.List // of *openFile, most recent first
}

func (c *fileCache) init(fs vfs.FS, max int, path func(fileID) string) {
	c.fs, c.max, c.path = fs, max, path
	c.open = map[fileID]*openFile{}
	c.recent = list.New()
}

// use calls fn with the file, opening it if need be. With create a missing file is made.
func (c *fileCache) use(id fileID, create bool, fn func(vfs.File) error) error {
	o, mine := c.take(id)
	if mine {
		o.f, o.err = c.openPath(c.path(id), create)
		close(o.opened)
	}
	<-o.opened
	defer c.done(o)
	if o.err != nil {
		return o.err
	}
	return fn(o.f)
}

func (c *fileCache) openPath(name string, create bool) (vfs.File, error) {
	if create {
		return c.fs.Create(name)
	}
	if c.view {
		return c.fs.Open(name)
	}
	return c.fs.OpenReadWrite(name)
}

// take counts a user; mine says that the caller has to open the file.
func (c *fileCache) take(id fileID) (o *openFile, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o = c.open[id]; o != nil {
		o.users++
		c.recent.MoveToFront(o.where)
		return o, false
	}
	o = &openFile{id: id, opened: make(chan struct{}), users: 1}
	o.where = c.recent.PushFront(o)
	c.open[id] = o
	return o, true
}

// done ends a use and closes what is over the bound or was forgotten.
func (c *fileCache) done(o *openFile) {
	c.mu.Lock()
	o.users--
	if o.err != nil {
		c.forgetLocked(o)
	}
	var idle []*openFile
	if o.where == nil && o.users == 0 {
		idle = append(idle, o)
	}
	for e := c.recent.Back(); e != nil && c.recent.Len() > c.max; {
		old, prev := e.Value.(*openFile), e.Prev()
		if old.users == 0 {
			c.forgetLocked(old)
			idle = append(idle, old)
		}
		e = prev
	}
	c.mu.Unlock()
	for _, old := range idle {
		old.close()
	}
}

func (c *fileCache) forgetLocked(o *openFile) {
	if o.where == nil {
		return
	}
	c.recent.Remove(o.where)
	o.where = nil
	delete(c.open, o.id)
}

// forget drops the files for which gone holds; those in use are closed by their last user.
func (c *fileCache) forget(gone func(fileID) bool) {
	c.mu.Lock()
	var idle []*openFile
	for id, o := range c.open {
		if !gone(id) {
			continue
		}
		c.forgetLocked(o)
		if o.users == 0 {
			idle = append(idle, o)
		}
	}
	c.mu.Unlock()
	for _, o := range idle {
		o.close()
	}
}

func (c *fileCache) closeAll() error {
	c.mu.Lock()
	var idle []*openFile
	for _, o := range c.open {
		c.forgetLocked(o)
		if o.users == 0 {
			idle = append(idle, o)
		}
	}
	c.mu.Unlock()
	var errs []error
	for _, o := range idle {
		errs = append(errs, o.close())
	}
	return errors.Join(errs...)
}

func (o *openFile) close() error {
	if o.f == nil {
		return nil
	}
	return o.f.Close()
}
