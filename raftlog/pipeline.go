package raftlog

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const pipelineDepth = 4 // requests sent and not answered; more brings nothing on loopback and holds memory

// pipeline is a raft.AppendPipeline over one append connection.
//
// hashicorp/raft's own pipeline wedges for ever after a failed answer: its reader waits for a consumer that has left, its
// writer waits for the reader (raft issue 612). Here nobody waits without also waiting for closed, and the pipeline closes
// itself once it has handed over a failed answer.
type pipeline struct {
	t    *transport
	peer *peer
	link *link

	sent    chan *appendFuture // to the reader, in order; its capacity is the depth
	results chan raft.AppendFuture
	closed  chan struct{}
	once    sync.Once
}

// AppendEntriesPipeline implements raft.Transport.
func (t *transport) AppendEntriesPipeline(id raft.ServerID, _ raft.ServerAddress) (raft.AppendPipeline, error) {
	p := t.net.peer(ServerID(id))
	l, _, err := t.take(p, purposeAppend)
	if err != nil {
		t.reached(p, err)
		return nil, err
	}
	pl := &pipeline{
		t: t, peer: p, link: l,
		sent: make(chan *appendFuture, pipelineDepth), results: make(chan raft.AppendFuture, pipelineDepth), closed: make(chan struct{}),
	}
	t.net.wg.Go(pl.read)
	return pl, nil
}

// AppendEntries implements raft.AppendPipeline. Only one goroutine calls it. It waits while the pipeline is full.
func (p *pipeline) AppendEntries(a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	f := &appendFuture{start: time.Now(), request: a, response: r, parts: sliceAppend(a), done: make(chan struct{})}
	select {
	case <-p.closed:
		return nil, raft.ErrPipelineShutdown
	default:
	}
	select {
	case p.sent <- f:
	case <-p.closed:
		return nil, raft.ErrPipelineShutdown
	}
	for _, part := range f.parts {
		if err := sendAppend(p.link, part); err != nil {
			p.Close()
			return nil, err
		}
	}
	return f, nil
}

// read takes the answers in order until one fails.
func (p *pipeline) read() {
	defer p.Close()
	stop := context.AfterFunc(p.t.ctx, func() { p.Close() })
	defer stop()
	for {
		select {
		case f := <-p.sent:
			if !p.finish(f) {
				return
			}
		case <-p.closed:
			return
		}
	}
}

// finish reads the answers of one request and hands it over. False ends the pipeline. A request without an answer is not
// handed over: raft would take it for contact with the peer. An acknowledgement is handed over when this leader's copy is durable, too.
func (p *pipeline) finish(f *appendFuture) bool {
	for _, part := range f.parts {
		p.link.SetReadDeadline(time.Now().Add(progressTimeout))
		if err := readAppendAnswer(p.link, f.response); err != nil {
			if errors.Is(err, errUnavailable) {
				p.t.reached(p.peer, err)
			}
			f.end(err)
			return false
		}
		p.t.note(p.peer, part, f.response, f.start)
		if !f.response.Success {
			break
		}
	}
	if f.response.Success {
		if err := p.t.acknowledge(f.request, p.closed); err != nil {
			f.end(err)
			return false
		}
	}
	f.end(nil)
	select {
	case p.results <- f:
		return f.response.Success
	case <-p.closed:
		return false
	}
}

// Consumer implements raft.AppendPipeline.
func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.results }

// Close implements raft.AppendPipeline. It may be called more than once and from any goroutine.
func (p *pipeline) Close() error {
	p.once.Do(func() {
		close(p.closed)
		p.link.Close()
	})
	return nil
}

// appendFuture is a raft.AppendFuture.
type appendFuture struct {
	start    time.Time
	request  *raft.AppendEntriesRequest
	response *raft.AppendEntriesResponse
	parts    []*raft.AppendEntriesRequest
	done     chan struct{}
	err      error // set before done is closed
}

func (f *appendFuture) end(err error) {
	f.err = err
	close(f.done)
}

func (f *appendFuture) Error() error                          { <-f.done; return f.err }
func (f *appendFuture) Start() time.Time                      { return f.start }
func (f *appendFuture) Request() *raft.AppendEntriesRequest   { return f.request }
func (f *appendFuture) Response() *raft.AppendEntriesResponse { return f.response }
