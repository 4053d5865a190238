package raftlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
)

// transport is the raft.Transport of one raft instance over the network of the Node (design D8).
type transport struct {
	net      *network
	self     ServerID
	consumer chan raft.RPC
	onBeat   atomic.Pointer[func(raft.RPC)]
	ctx      context.Context // ends when the instance does
	cancel   context.CancelFunc

	// onConstructed is called when raft is about to start its goroutines.
	onConstructed func()
	// beat returns the leader's heartbeat to a follower.
	beat func(term uint64, to ServerID) heartbeat
	// leads reports whether this member still leads in term with id in its configuration: parking ends otherwise.
	leads func(term uint64, id ServerID) bool
	// durable waits until an entry is durable on this member.
	durable func(index offset.Index, done <-chan struct{}) error
	// answered is called when a peer has accepted a request of this leader.
	answered func(term uint64)
	// sendImage streams an image to a peer.
	sendImage func(ctx context.Context, l *link, a *raft.InstallSnapshotRequest, r *raft.InstallSnapshotResponse, data io.Reader) error
}

var (
	_ raft.Transport   = (*transport)(nil)
	_ raft.WithPreVote = (*transport)(nil)
)

const parkCheck = time.Second // how often a parked request looks whether it still has a reason to wait

func newTransport(n *network, self ServerID) *transport {
	t := &transport{net: n, self: self, consumer: make(chan raft.RPC)}
	t.ctx, t.cancel = context.WithCancel(n.ctx)
	return t
}

// Consumer implements raft.Transport.
func (t *transport) Consumer() <-chan raft.RPC { return t.consumer }

// LocalAddr implements raft.Transport: the id, since an address is never an identity.
func (t *transport) LocalAddr() raft.ServerAddress { return raft.ServerAddress(t.self) }

// EncodePeer implements raft.Transport.
func (t *transport) EncodePeer(id raft.ServerID, _ raft.ServerAddress) []byte { return []byte(id) }

// DecodePeer implements raft.Transport.
func (t *transport) DecodePeer(b []byte) raft.ServerAddress { return raft.ServerAddress(b) }

// SetHeartbeatHandler implements raft.Transport.
func (t *transport) SetHeartbeatHandler(f func(raft.RPC)) {
	if f == nil {
		t.onBeat.Store(nil)
		return
	}
	t.onBeat.Store(&f)
	t.onConstructed()
}

// deliver hands a request to raft's main loop and returns the channel of its answer.
func (t *transport) deliver(command any, reader io.Reader) (<-chan raft.RPCResponse, error) {
	answer := make(chan raft.RPCResponse, 1)
	select {
	case t.consumer <- raft.RPC{Command: command, Reader: reader, RespChan: answer}:
		return answer, nil
	case <-t.ctx.Done():
		return nil, errUnavailable
	}
}

// await waits for an answer, or for the end of the instance.
func (t *transport) await(answer <-chan raft.RPCResponse) (raft.RPCResponse, error) {
	select {
	case r := <-answer:
		return r, nil
	case <-t.ctx.Done():
		return raft.RPCResponse{}, errUnavailable
	}
}

// take returns a connection to a peer; fresh is false if it was idle and may have gone stale.
func (t *transport) take(p *peer, pur purpose) (l *link, fresh bool, err error) {
	if l := p.takeIdle(pur); l != nil {
		return l, false, nil
	}
	l, err = t.net.dial(t.ctx, p.id, pur)
	return l, true, err
}

// call makes one request on a connection of its purpose. A stale connection is replaced once: every request may be repeated.
func (t *transport) call(p *peer, pur purpose, timeout time.Duration, exchange func(l *link) error) (dialled bool, err error) {
	for {
		l, fresh, err := t.take(p, pur)
		if err != nil {
			return false, err
		}
		l.SetReadDeadline(time.Now().Add(timeout))
		stop := context.AfterFunc(t.ctx, func() { l.Close() })
		err = exchange(l)
		if !stop() && err == nil {
			err = errUnavailable
		}
		if err == nil {
			l.SetReadDeadline(time.Time{})
			p.put(l)
			return true, nil
		}
		l.Close()
		if fresh || timedOut(err) || errors.Is(err, errRemote) || t.ctx.Err() != nil {
			return true, err
		}
	}
}

// AppendEntries implements raft.Transport: heartbeats on their own connection, everything else on the append connection.
func (t *transport) AppendEntries(id raft.ServerID, _ raft.ServerAddress, a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) error {
	p := t.net.peer(ServerID(id))
	if a.PrevLogEntry == 0 && a.LeaderCommitIndex == 0 && len(a.Entries) == 0 {
		return t.heartbeat(p, a, r)
	}
	for {
		dialled, err := t.call(p, purposeAppend, progressTimeout, func(l *link) error { return t.exchangeAppend(p, l, a, r) })
		if err == nil {
			t.pace(a, r)
			return nil
		}
		if dialled && !errors.Is(err, errUnavailable) {
			return err
		}
		// Nobody answers. Returning would make raft back off, up to ten seconds; waiting for the peer's next heartbeat does not.
		t.reached(p, err)
		if !t.park(p, a.Term) {
			return err
		}
	}
}

// refusedPause is how long a request waits that the peer could not store, for instance because its disk is full.
const refusedPause = 250 * time.Millisecond

// pace waits a moment after an answer that raft would back off on, and lets raft not do so: its back-off grows to ten seconds,
// for which the peer would stay behind after it has healed.
func (t *transport) pace(a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) {
	if r.Success || r.NoRetryBackoff || r.Term != a.Term {
		return
	}
	r.NoRetryBackoff = true
	select {
	case <-time.After(refusedPause):
	case <-t.ctx.Done():
	}
}

// park waits until the peer is reachable again. False means that there is nothing left to wait for.
func (t *transport) park(p *peer, term uint64) bool {
	back := p.unreachable()
	if back == nil {
		return t.ctx.Err() == nil
	}
	check := time.NewTicker(parkCheck)
	defer check.Stop()
	for {
		select {
		case <-back:
			return true
		case <-t.ctx.Done():
			return false
		case <-check.C:
			if !t.leads(term, p.id) {
				return false
			}
		}
	}
}

func (t *transport) heartbeat(p *peer, a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) error {
	beat := t.beat(a.Term, p.id)
	var sent time.Time
	_, err := t.call(p, purposeHeartbeat, t.net.opts.HeartbeatTimeout, func(l *link) error {
		sent = time.Now()
		l.head = appendHeartbeat(l.head[:0], beat)
		if err := l.send(l.head); err != nil {
			return err
		}
		return readAppendAnswer(l, r)
	})
	t.reached(p, err)
	if err != nil {
		t.net.breakAppends(p.id)
		return err
	}
	t.note(p, a, r, sent)
	return nil
}

// reached records whether a peer answers, and says so when that changes: raft would say it at every attempt.
func (t *transport) reached(p *peer, err error) {
	switch news := p.setReachable(err == nil); {
	case !news || t.ctx.Err() != nil:
	case err == nil:
		t.net.logger.Info("member can be reached again", "member", p.id)
	default:
		t.net.logger.Warn("member cannot be reached", "member", p.id, "error", err)
	}
}

// note records an answer and tells the lease of it.
func (t *transport) note(p *peer, a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse, sent time.Time) {
	p.record(a, r, sent)
	if r.Success && r.Term == a.Term {
		t.answered(a.Term)
	}
}

// exchangeAppend sends a request in parts of bounded size and waits for the answer of each.
func (t *transport) exchangeAppend(p *peer, l *link, a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) error {
	for _, part := range sliceAppend(a) {
		sent := time.Now()
		if err := sendAppend(l, part); err != nil {
			return err
		}
		l.SetReadDeadline(time.Now().Add(progressTimeout))
		if err := readAppendAnswer(l, r); err != nil {
			return err
		}
		t.note(p, part, r, sent)
		if !r.Success {
			return nil
		}
	}
	return t.acknowledge(a, t.ctx.Done())
}

// acknowledge waits until what a follower acknowledges is durable on this leader as well: raft takes the leader's copy for durable as soon
// as it is written (logStore.append). Heartbeats do not come here, so a slow disk costs no contact.
func (t *transport) acknowledge(a *raft.AppendEntriesRequest, done <-chan struct{}) error {
	if len(a.Entries) == 0 {
		return nil // it moves no match index
	}
	return t.durable(offset.Index(a.Entries[len(a.Entries)-1].Index), done)
}

func sendAppend(l *link, a *raft.AppendEntriesRequest) error {
	head, size := appendAppend(l.head[:0], a)
	pieces := make(net.Buffers, 0, len(a.Entries))
	for _, e := range a.Entries {
		if len(e.Extensions) > 0 {
			return fmt.Errorf("entry %d: %w", e.Index, errExtensions)
		}
		if len(e.Data) > 0 {
			pieces = append(pieces, e.Data)
		}
	}
	return l.sendWithData(head, pieces, size)
}

func readAppendAnswer(l *link, r *raft.AppendEntriesResponse) error {
	body, err := readFrame(l.r, frameAppendAnswer, appendAnswerBytes)
	if err != nil {
		return err
	}
	return decodeAppendAnswer(body, r)
}

// RequestVote implements raft.Transport.
func (t *transport) RequestVote(id raft.ServerID, _ raft.ServerAddress, a *raft.RequestVoteRequest, r *raft.RequestVoteResponse) error {
	granted, term, err := t.askVote(ServerID(id), frameVote, vote{a.Term, a.LastLogIndex, a.LastLogTerm, a.LeadershipTransfer})
	r.Granted, r.Term = granted, term
	return err
}

// RequestPreVote implements raft.WithPreVote.
func (t *transport) RequestPreVote(id raft.ServerID, _ raft.ServerAddress, a *raft.RequestPreVoteRequest, r *raft.RequestPreVoteResponse) error {
	granted, term, err := t.askVote(ServerID(id), framePreVote, vote{a.Term, a.LastLogIndex, a.LastLogTerm, false})
	r.Granted, r.Term = granted, term
	return err
}

func (t *transport) askVote(id ServerID, kind frameKind, v vote) (granted bool, term uint64, err error) {
	var flags uint8
	_, err = t.call(t.net.peer(id), purposeVote, t.net.opts.ElectionTimeout, func(l *link) error {
		l.head = appendVote(l.head[:0], kind, v)
		if err := l.send(l.head); err != nil {
			return err
		}
		body, err := readFrame(l.r, frameVoteAnswer, smallFrameMax)
		if err != nil {
			return err
		}
		if flags, term, err = decodeVoteAnswer(body); err != nil {
			return err
		}
		return flagsError(flags)
	})
	return flags&answerSuccess != 0, term, err
}

func flagsError(flags uint8) error {
	switch {
	case flags&answerUnavailable != 0:
		return errUnavailable
	case flags&answerError != 0:
		return errRemote
	}
	return nil
}

// TimeoutNow implements raft.Transport.
func (t *transport) TimeoutNow(id raft.ServerID, _ raft.ServerAddress, _ *raft.TimeoutNowRequest, _ *raft.TimeoutNowResponse) error {
	_, err := t.call(t.net.peer(ServerID(id)), purposeVote, t.net.opts.ElectionTimeout, func(l *link) error {
		l.head = endFrame(appendFrameHeader(l.head[:0], frameTimeoutNow), 0)
		if err := l.send(l.head); err != nil {
			return err
		}
		body, err := readFrame(l.r, frameTimeoutNowAnswer, smallFrameMax)
		if err != nil {
			return err
		}
		s := scanner{src: body}
		return errors.Join(flagsError(s.uint8()), s.end())
	})
	return err
}

// InstallSnapshot implements raft.Transport. It returns when the peer has switched to the image.
func (t *transport) InstallSnapshot(id raft.ServerID, _ raft.ServerAddress, a *raft.InstallSnapshotRequest, r *raft.InstallSnapshotResponse, data io.Reader) error {
	p := t.net.peer(ServerID(id))
	l, err := t.net.dial(t.ctx, p.id, purposeInstall)
	if err != nil {
		return err
	}
	defer l.Close()
	stop := context.AfterFunc(t.ctx, func() { l.Close() })
	defer stop()
	if err := t.sendImage(t.ctx, l, a, r, data); err != nil {
		return err
	}
	if r.Success {
		p.installed(a.Term, offset.Index(a.LastLogIndex))
	}
	return nil
}

// warm makes sure that a vote connection to a member is open, so that an election need not wait for a handshake.
func (t *transport) warm(id ServerID) {
	p := t.net.peer(id)
	if l, fresh, err := t.take(p, purposeVote); err == nil {
		if !fresh {
			l.SetReadDeadline(time.Time{})
		}
		p.put(l)
	}
}
