package raftlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// proposer gathers concurrent proposals into entries (design D7). While one entry is being written the next one fills; no timer
// ever holds one back. A proposal costs one copy under one lock; its completion is called from the goroutine that waits for
// the entry.
type proposer struct {
	opts *Options
	// apply hands an entry to raft, which keeps data for ever.
	apply func(data []byte) raft.ApplyFuture

	mu       sync.Mutex
	cond     sync.Cond // work for run, room in flight, or the end
	leading  bool
	refusing bool   // the member is stopping
	stalled  bool   // storage does not return
	full     string // why the disk counts as full, "" if it does not
	stopped  bool

	open     *batch   // being filled
	sealed   []*batch // full, oldest first
	queued   int64    // bytes in open and sealed
	inFlight []*batch // handed to raft, oldest first
	wallTime int64    // of the last batch: it never goes back under one leader
	slab     []byte   // what the last batch left of the memory it was cut from, length 0; nil while a batch is open
}

// batch is one entry on its way.
type batch struct {
	data      []byte // the envelope's place, then sub-records
	count     uint32
	proposals []proposal
	answered  bool // proposer.mu
}

type proposal struct {
	done  Completion
	count int
}

const (
	proposalsMax = 1 << 16 // sub-records of one entry
	slabEntries  = 2       // the memory for batches is allocated for so many of the largest entries at a time
)

func newProposer(o *Options, apply func([]byte) raft.ApplyFuture) *proposer {
	p := &proposer{opts: o, apply: apply}
	p.cond.L = &p.mu
	return p
}

// Propose adds sub-records (count of them, encoded back to back in subs) to the batch that is being gathered. subs is copied before
// Propose returns. done is called once unless an error is returned; every error wraps ErrNotAppended. It does not block.
func (n *Node) Propose(subs []byte, count int, done Completion) error {
	return n.proposer.propose(subs, count, done, false)
}

// ProposeReserved is Propose for what must go on when the disk is nearly full (offsets, LeaderStart, Boundary).
func (n *Node) ProposeReserved(subs []byte, count int, done Completion) error {
	return n.proposer.propose(subs, count, done, true)
}

// apply hands an entry to the running raft instance.
func (n *Node) apply(data []byte) raft.ApplyFuture {
	in := n.running()
	if in == nil {
		return refusedFuture{}
	}
	return in.raft.Apply(data, 0)
}

// refusedFuture answers what no raft instance was there to take.
type refusedFuture struct{ raft.ApplyFuture }

func (refusedFuture) Error() error { return raft.ErrNotLeader }

func (p *proposer) propose(subs []byte, count int, done Completion, reserved bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refusalLocked(len(subs), count, reserved); err != nil {
		return err
	}
	if b := p.open; b != nil && !p.fits(b, len(subs), count) {
		p.sealed = append(p.sealed, p.cutLocked())
	}
	if p.open == nil {
		p.open = p.newBatchLocked(len(subs))
		p.cond.Signal()
	}
	b := p.open
	b.data = append(b.data, subs...)
	b.count += uint32(count)
	b.proposals = append(b.proposals, proposal{done, count})
	p.queued += int64(len(subs))
	return nil
}

// refusalLocked is the reason why a proposal is not taken.
func (p *proposer) refusalLocked(size, count int, reserved bool) error {
	switch {
	case count <= 0 || count > proposalsMax || size < count*commitlog.SubRecordHeaderSize || size > commitlog.DataBytesMax-commitlog.BatchHeaderSize:
		return fmt.Errorf("BUG: %d sub-records in %d bytes: %w", count, size, ErrNotAppended)
	case p.stalled:
		return ErrStalled
	case !p.leading || p.refusing || p.stopped:
		return ErrNotLeader
	case p.full != "" && !reserved:
		return fmt.Errorf("%w: %s", ErrDiskFull, p.full)
	case p.queued > 0 && p.queued+int64(size) > p.opts.QueueBytesMax:
		return ErrBusy
	}
	return nil
}

// fits reports whether an open batch takes more without its buffer being copied or a limit passed.
func (p *proposer) fits(b *batch, size, count int) bool {
	return len(b.data)+size <= min(cap(b.data), commitlog.BatchHeaderSize+p.opts.EntryBytesMax) && int(b.count)+count <= proposalsMax
}

// newBatchLocked begins a batch for at least size bytes in what is left of the slab, or in a new one. Batches lie one behind the
// other in a slab, so none is ever copied to grow or to shrink. raft and the log's cache keep a batch for as long as they want; the
// garbage collector takes the slab when the last of its batches is gone.
func (p *proposer) newBatchLocked(size int) *batch {
	need := commitlog.BatchHeaderSize + size
	if cap(p.slab) < need {
		p.slab = make([]byte, 0, max(need, slabEntries*p.opts.EntryBytesMax))
	}
	b := &batch{data: p.slab[:commitlog.BatchHeaderSize]}
	p.slab = nil
	return b
}

// cutLocked ends the open batch: nobody adds to it any more, and the next one begins behind it.
func (p *proposer) cutLocked() *batch {
	b, n := p.open, len(p.open.data)
	p.slab, b.data = b.data[n:n], b.data[:n:n]
	p.open = nil
	return b
}

// run hands batches to raft, at most EntriesInFlight at a time, and answers them in order. It returns when ctx ends; what is
// then left was not appended.
func (p *proposer) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		p.stopped = true
		p.cond.Broadcast()
		p.mu.Unlock()
	})
	defer stop()
	flights := make(chan flight, p.opts.EntriesInFlight)
	landed := make(chan struct{})
	go func() {
		defer close(landed)
		for f := range flights {
			p.land(f)
		}
	}()
	for b, wallTime := p.next(); b != nil; b, wallTime = p.next() {
		commitlog.AppendBatchHeader(b.data[:0], b.count, p.opts.GroupTime(), wallTime)
		flights <- flight{b, p.apply(b.data)}
	}
	close(flights)
	<-landed
	p.fail(ErrNotLeader)
}

type flight struct {
	batch  *batch
	future raft.ApplyFuture
}

// next waits for a batch and for room in flight. wallTime is what its envelope says. Nil ends the loop.
func (p *proposer) next() (b *batch, wallTime int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.stopped && (len(p.inFlight) >= p.opts.EntriesInFlight || p.open == nil && len(p.sealed) == 0) {
		p.cond.Wait()
	}
	if p.stopped {
		return nil, 0
	}
	b = p.takeLocked()
	p.inFlight = append(p.inFlight, b)
	p.wallTime = max(p.wallTime, time.Now().UnixMilli())
	return b, p.wallTime
}

func (p *proposer) takeLocked() *batch {
	var b *batch
	if len(p.sealed) > 0 {
		b = p.sealed[0]
		p.sealed[0] = nil
		p.sealed = p.sealed[1:]
	} else {
		b = p.cutLocked()
	}
	p.queued -= int64(len(b.data) - commitlog.BatchHeaderSize)
	return b
}

// land waits for the outcome of a batch and answers its proposals.
func (p *proposer) land(f flight) {
	err := f.future.Error()
	var results []Result
	if err == nil {
		results, _ = f.future.Response().([]Result)
		if len(results) != int(f.batch.count) {
			err = fmt.Errorf("BUG: %d results of %d sub-records", len(results), f.batch.count)
		}
	}
	p.mu.Lock()
	p.inFlight = p.inFlight[1:] // futures are answered in order
	answered := f.batch.answered
	f.batch.answered = true
	p.cond.Broadcast()
	p.mu.Unlock()
	if !answered {
		f.batch.answer(outcomeError(err), results)
	}
}

// answer calls the completions.
func (b *batch) answer(err error, results []Result) {
	for _, p := range b.proposals {
		if err != nil {
			p.done.Done(Outcome{Err: err})
			continue
		}
		p.done.Done(Outcome{Results: results[:p.count:p.count]})
		results = results[p.count:]
	}
}

// outcomeError types an error of raft.Apply (design D7). Whatever is not known to have been refused may yet be committed: a
// failed StoreLogs, a lost leadership, a shutdown.
func outcomeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress), errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("%w (%w)", ErrNotLeader, err)
	}
	return fmt.Errorf("%w: %w", ErrUnknown, err)
}

// fail answers everything that was not yet handed to raft.
func (p *proposer) fail(err error) {
	p.mu.Lock()
	waiting := p.sealed
	if p.open != nil {
		waiting = append(waiting, p.open)
	}
	p.open, p.sealed, p.queued = nil, nil, 0
	p.cond.Broadcast()
	p.mu.Unlock()
	for _, b := range waiting {
		b.answer(err, nil)
	}
}

// lead says whether this member leads. What waits when it no longer does was not appended.
func (p *proposer) lead(leading bool) {
	p.mu.Lock()
	p.leading = leading
	p.mu.Unlock()
	if !leading {
		p.fail(ErrNotLeader)
	}
}

// refuse takes no more proposals; what waits is still handed to raft.
func (p *proposer) refuse() {
	p.mu.Lock()
	p.refusing = true
	p.mu.Unlock()
}

// setFull says why the disk counts as full, "" that it does not.
func (p *proposer) setFull(remark string) {
	p.mu.Lock()
	p.full = remark
	p.mu.Unlock()
}

// stall answers what is in flight "unknown" and what waits "not appended", because storage does not return (design D12). The
// outcome of an entry in flight, when it comes, goes nowhere.
func (p *proposer) stall(stalled bool) {
	p.mu.Lock()
	p.stalled = stalled
	var unknown []*batch
	if stalled {
		for _, b := range p.inFlight {
			if !b.answered {
				b.answered = true
				unknown = append(unknown, b)
			}
		}
	}
	p.mu.Unlock()
	for _, b := range unknown {
		b.answer(fmt.Errorf("%w: storage stalled", ErrUnknown), nil)
	}
	if stalled {
		p.fail(ErrStalled)
	}
}

// drain waits until everything is answered or ctx ends, and reports whether it is.
func (p *proposer) drain(ctx context.Context) bool {
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		p.cond.Broadcast()
		p.mu.Unlock()
	})
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.inFlight) > 0 || p.open != nil || len(p.sealed) > 0 {
		if ctx.Err() != nil {
			return false
		}
		p.cond.Wait()
	}
	return true
}
