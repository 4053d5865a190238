package record

import (
	"context"
	"io"
	"net"
	"sync"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

// Relay listens at one address and passes what arrives on to another.
type Relay struct {
	Listener net.Listener
	Target   string
	Book     *Book
}

// Run accepts connections until ctx ends; it returns after all of them are closed.
func (r *Relay) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { r.Listener.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	for {
		client, err := r.Listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		open.Go(func() { r.pass(ctx, client) })
	}
}

// pass relays one connection until either side closes it.
func (r *Relay) pass(ctx context.Context, client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.Target)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { client.Close(); server.Close() })
	defer stop()

	talk := r.Book.converse()
	var both sync.WaitGroup
	both.Go(func() {
		copyFrames(server, client, func(f frame.Frame) { talk.note(false, f) })
		server.Close()
	})
	copyFrames(client, server, func(f frame.Frame) { talk.note(true, f) })
	client.Close()
	both.Wait()
}

// copyFrames copies src to dst and hands each frame to note before its last byte is passed on, so that a request is
// always noted before its response. After the first byte that is no frame (TLS, a probe) it only copies.
func copyFrames(dst io.Writer, src io.Reader, note func(frame.Frame)) {
	var seen tail
	tee := io.TeeReader(src, &seen)
	for {
		seen.bytes = seen.bytes[:0]
		f, err := frame.Read(tee)
		if err == nil {
			note(f)
		}
		if _, werr := dst.Write(seen.bytes); werr != nil {
			return
		}
		if err != nil {
			io.Copy(dst, src) // ends at once if the stream has ended
			return
		}
	}
}

// tail collects what was read for the current frame.
type tail struct{ bytes []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.bytes = append(t.bytes, p...)
	return len(p), nil
}
