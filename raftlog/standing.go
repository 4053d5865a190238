package raftlog

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// standing is what a process says of itself in a handshake. It lets the others see what no member can see of itself: that its directory
// is an old copy (R-P5), or that another process lives under the same identity (R-P2).
type standing struct {
	run    uint64       // random, of this process
	held   offset.Index // the last entry of the log when this process opened it
	term   uint64       // Raft's term then
	commit offset.Index // what it knows to be committed now
}

func appendStanding(b []byte, s standing) []byte {
	for _, v := range [...]uint64{s.run, uint64(s.held), s.term, uint64(s.commit)} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

func decodeStanding(s *scanner) standing {
	return standing{run: s.uint64(), held: offset.Index(s.uint64()), term: s.uint64(), commit: offset.Index(s.uint64())}
}

// Why a process is not talked to.
var (
	// errForgot: it lacks what its instance had promised to keep.
	errForgot = errors.New("the directory is an older copy of what this instance had")
	// errTwin: another process of the same instance lives at the instance's address.
	errTwin = errors.New("another process uses the same identity")
)

// twinWait bounds the question whether the process that was known still lives.
const twinWait = 300 * time.Millisecond

// standing is what this process says of itself now.
func (n *Node) standing() standing {
	s := standing{run: n.run}
	if n.isOpen() {
		s.held, s.term = n.store.heldAtOpen, n.store.termAtOpen
	}
	if in := n.running(); in != nil && n.isOpen() {
		s.commit = offset.Index(in.raft.CommitIndex())
	}
	return s
}

// newRun is never 0, which stands for no process.
func newRun() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:]) | 1
}

// promises is what is known of an instance over all its processes. peer.mu protects it.
type promises struct {
	run       uint64       // of the process that was met last; 0: none was
	held      offset.Index // entries up to here were committed, and it had them durably
	term      uint64       // it has been in this term
	told      hearsay      // by the leader; apart, because only what is of one process and from one source goes together
	complaint error        // that was logged last
}

// meet compares what another process says of itself with what its instance had promised. relaxed: it need not keep what was not fsynced
// (FlushAsync), so only its term counts. A process that is new is to be checked by the caller and then adopted.
func (p *peer) meet(s standing, relaxed bool) (isNew bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := &p.promised
	switch {
	case k.told.run != 0 && k.told.run != s.run && s.run != k.run && s.held < k.told.held && !relaxed:
		return false, fmt.Errorf("%w: %s had all entries up to %d, says the leader, and comes back with %d", errForgot, p.id, k.told.held, s.held)
	case k.run == s.run || k.run == 0:
	case s.held < k.held && !relaxed:
		return false, fmt.Errorf("%w: %s had all entries up to %d and comes back with %d", errForgot, p.id, k.held, s.held)
	case s.term < k.term:
		return false, fmt.Errorf("%w: %s was in term %d and comes back in term %d", errForgot, p.id, k.term, s.term)
	default:
		return true, nil
	}
	p.adoptLocked(s)
	return false, nil
}

func (p *peer) adopt(s standing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.adoptLocked(s)
}

func (p *peer) adoptLocked(s standing) {
	k := &p.promised
	k.run, k.complaint = s.run, nil
	k.held, k.term = max(k.held, s.commit), max(k.term, s.term)
}

// hearsay is what the leader knows of another member: a follower hardly talks to other followers, and must know a directory that is an
// old copy also when the leader is dead, or it would elect, with the vote of the copy, a leader without what the two of them had acked.
type hearsay struct {
	id   ServerID
	run  uint64
	held offset.Index
	term uint64
}

// hearsayMax bounds the members that one heartbeat tells of.
const hearsayMax = 32

// tell returns what this member knows of the other members of a configuration, for a heartbeat to one of them.
func (n *network) tell(to ServerID, servers []raft.Server) (told []hearsay) {
	for _, s := range servers {
		id := ServerID(s.ID)
		if id == to || id == n.selfID() || len(told) == hearsayMax {
			continue
		}
		p := n.peer(id)
		p.mu.Lock()
		if k := p.promised; k.run != 0 {
			told = append(told, hearsay{id: id, run: k.run, held: k.held, term: k.term})
		}
		p.mu.Unlock()
	}
	return told
}

// hear takes note of what a leader said in a heartbeat that raft accepted: of itself, since it holds what it has committed, and of others.
func (n *network) hear(leader ServerID, h heartbeat) {
	p := n.peer(leader)
	p.mu.Lock()
	p.promised.held, p.promised.term = max(p.promised.held, h.commit), max(p.promised.term, h.term)
	p.mu.Unlock()
	for _, o := range h.others {
		if o.id == n.selfID() {
			continue
		}
		p := n.peer(o.id)
		p.mu.Lock()
		p.promised.told = o
		p.mu.Unlock()
	}
}

// complain reports whether err is news, so that it is logged once and not at every attempt.
func (p *peer) complain(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	news := p.promised.complaint == nil || p.promised.complaint.Error() != err.Error()
	p.promised.complaint = err
	return news
}

// complaintNow is what is held against an instance, nil if nothing.
func (p *peer) complaintNow() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.promised.complaint
}

// acquaint decides whether to talk to a process that has proved that it knows the secret. calls: it has dialled us.
func (n *network) acquaint(id ServerID, s standing, calls bool) error {
	p := n.peer(id)
	isNew, err := p.meet(s, n.opts.Flush == commitlog.FlushAsync)
	if err == nil && isNew && calls {
		err = n.twin(p, s)
	}
	if err == nil {
		if isNew {
			n.closeLinks(func(l *link) bool { return l.from == id && l.run != s.run })
			p.adopt(s)
		}
		return nil
	}
	if p.complain(err) {
		n.logger.Error("member refused", "member", id, "reason", err)
	}
	return err
}

// twin is an error if the process that was known before still answers at the member's address: then the new one is a copy of it. A
// process that was killed does not answer, or the new one does in its place.
func (n *network) twin(p *peer, s standing) error {
	ctx, cancel := context.WithTimeout(n.ctx, twinWait)
	defer cancel()
	for _, addr := range n.book.candidates(p.id, p.address()) {
		run, err := n.runAt(ctx, addr, p.id)
		if err == nil && run != s.run {
			return fmt.Errorf("%w: %s runs at %s", errTwin, p.id, addr)
		}
		if err == nil {
			return nil
		}
	}
	return nil
}

// runAt asks which process of an instance answers at addr.
func (n *network) runAt(ctx context.Context, addr string, id ServerID) (uint64, error) {
	conn, err := n.opts.Dial(ctx, addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	c, err := greet(conn, n.opts.Secret, n.helloTo(id, purposeVote))
	switch {
	case c.id == id: // whatever it thinks of us
		return c.run, nil
	case err == nil:
		err = errWrongMember
	}
	return 0, err
}
