package record

import (
	"sync"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

// bytesMax is the largest frame worth keeping as a golden file; larger ones differ only in their bodies.
const bytesMax = 8 << 10

// Kind names what makes two frames equal for our purpose.
type Kind struct {
	Request      int32 // code of the request
	Response     bool
	ResponseCode int32 // 0 for a request
	FromServer   bool  // who sent this frame
}

// Book keeps the first frame of every kind.
type Book struct {
	mu     sync.Mutex
	frames map[Kind]frame.Frame
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{frames: map[Kind]frame.Frame{}} }

// Frames returns the kept frames by kind.
func (b *Book) Frames() map[Kind]frame.Frame {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := make(map[Kind]frame.Frame, len(b.frames))
	for kind, f := range b.frames {
		kept[kind] = f
	}
	return kept
}

func (b *Book) keep(kind Kind, f frame.Frame) {
	if len(f.Raw) > bytesMax {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.frames[kind]; !ok {
		b.frames[kind] = f
	}
}

// conversation is one relayed connection: the requests of both sides that wait for their responses.
type conversation struct {
	book *Book
	mu   sync.Mutex
	open map[question]int32 // invariant: requests that were seen and not yet answered
}

type question struct {
	fromServer bool
	opaque     int32
}

func (b *Book) converse() *conversation {
	return &conversation{book: b, open: map[question]int32{}}
}

// note files one frame. Frames must come in the order in which they were read from their side.
func (c *conversation) note(fromServer bool, f frame.Frame) {
	if !f.Response() {
		if !f.Oneway() {
			c.mu.Lock()
			c.open[question{fromServer, f.Opaque}] = f.Code
			c.mu.Unlock()
		}
		c.book.keep(Kind{Request: f.Code, FromServer: fromServer}, f)
		return
	}
	key := question{!fromServer, f.Opaque}
	c.mu.Lock()
	code, ok := c.open[key]
	delete(c.open, key)
	c.mu.Unlock()
	if ok {
		c.book.keep(Kind{Request: code, Response: true, ResponseCode: f.Code, FromServer: fromServer}, f)
	}
}
