package raftlog

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

const answersPending = 8 // append requests handed to raft and not answered, per connection; then reading stops

// header is that of every request: what the handshake says of the sender.
func (l *link) header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(l.from), Addr: []byte(l.from)}
}

// receiver serves the Raft connections of other members.
type receiver struct {
	net *network
	// term is raft's current term, 0 while no instance runs.
	term func() uint64
	// declines reports whether leadership that is handed to this member is refused.
	declines func() bool
	// beat is called for every heartbeat that raft accepted.
	beat func(from ServerID, h heartbeat)
	// verify checks received entries before raft sees them.
	verify func(a *raft.AppendEntriesRequest) error
	// room waits until the queue for Apply has room (design D7).
	room func(t *transport)
}

// serveHeartbeats answers the heartbeats of the present term without raft's main loop, which may be waiting for the disk.
func (s *receiver) serveHeartbeats(l *link) {
	for {
		body, err := readFrame(l.r, frameHeartbeat, smallFrameMax)
		if err != nil {
			return
		}
		h, err := decodeHeartbeat(body)
		if err != nil {
			return
		}
		r, flags := s.heartbeat(l, h)
		l.head = appendAppendAnswer(l.head[:0], flags, &r)
		if l.send(l.head) != nil {
			return
		}
	}
}

func (s *receiver) heartbeat(l *link, h heartbeat) (r raft.AppendEntriesResponse, flags uint8) {
	t := s.net.current.Load()
	if t == nil || s.net.refuses(l.purpose) {
		return r, answerUnavailable
	}
	command := &raft.AppendEntriesRequest{RPCHeader: l.header(), Term: h.term}
	if h.term == s.term() {
		r, flags = beatNow(t, command)
	} else {
		r, flags = beatInLine(t, command)
	}
	if r.Success {
		s.beat(l.from, h)
	}
	return r, flags
}

// beatNow answers a heartbeat of the present term beside raft's main loop. Raft looks at its term and at its state without a lock: when
// the main loop begins a campaign just between the two, raft would write the old term again. The store refuses that, raft panics on the
// refusal before it changes its own term, and the campaign goes on or ends as if the heartbeat had come a moment earlier.
func beatNow(t *transport, command *raft.AppendEntriesRequest) (r raft.AppendEntriesResponse, flags uint8) {
	handle := t.onBeat.Load()
	if handle == nil {
		return r, answerUnavailable
	}
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); !ok || !strings.Contains(err.Error(), errTermWentBack.Error()) {
				panic(p)
			}
			r, flags = raft.AppendEntriesResponse{}, answerUnavailable
		}
	}()
	answer := make(chan raft.RPCResponse, 1)
	(*handle)(raft.RPC{Command: command, RespChan: answer})
	select {
	case a := <-answer:
		return appendAnswerOf(a)
	default: // raft answers at once, or not at all when it is shut down
		return r, answerUnavailable
	}
}

// beatInLine hands a heartbeat to raft's main loop: one of another term may change the term, which must not happen beside the main loop,
// since that would then write a lower one and end the process.
func beatInLine(t *transport, command *raft.AppendEntriesRequest) (r raft.AppendEntriesResponse, flags uint8) {
	answers, err := t.deliver(command, nil)
	if err != nil {
		return r, answerUnavailable
	}
	a, err := t.await(answers)
	if err != nil {
		return r, answerUnavailable
	}
	return appendAnswerOf(a)
}

func appendAnswerOf(a raft.RPCResponse) (raft.AppendEntriesResponse, uint8) {
	r, ok := a.Response.(*raft.AppendEntriesResponse)
	if !ok || a.Error != nil {
		return raft.AppendEntriesResponse{}, answerError
	}
	var flags uint8
	if r.Success {
		flags |= answerSuccess
	}
	if r.NoRetryBackoff {
		flags |= answerNoBackoff
	}
	return *r, flags
}

// serveVotes answers votes, pre-votes and TimeoutNow, one at a time.
func (s *receiver) serveVotes(l *link) {
	for {
		kind, n, err := readFrameHeader(l.r, smallFrameMax)
		if err != nil {
			return
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(l.r, body); err != nil {
			return
		}
		if err := s.vote(l, kind, body); err != nil {
			return
		}
	}
}

func (s *receiver) vote(l *link, kind frameKind, body []byte) error {
	command, err := voteCommand(l, kind, body)
	if err != nil {
		return err
	}
	flags, term := uint8(answerUnavailable), uint64(0)
	if kind != frameTimeoutNow || !s.declines() {
		flags, term = s.ask(command)
	}
	if kind == frameTimeoutNow {
		l.head = endFrame(append(appendFrameHeader(l.head[:0], frameTimeoutNowAnswer), flags), 0)
	} else {
		l.head = appendVoteAnswer(l.head[:0], flags, term)
	}
	return l.send(l.head)
}

func voteCommand(l *link, kind frameKind, body []byte) (any, error) {
	if kind == frameTimeoutNow {
		return &raft.TimeoutNowRequest{RPCHeader: l.header()}, nil
	}
	v, err := decodeVote(body)
	if err != nil {
		return nil, err
	}
	switch kind {
	case frameVote:
		return &raft.RequestVoteRequest{RPCHeader: l.header(), Term: v.term, LastLogIndex: v.lastIndex, LastLogTerm: v.lastTerm, LeadershipTransfer: v.transfer}, nil
	case framePreVote:
		return &raft.RequestPreVoteRequest{RPCHeader: l.header(), Term: v.term, LastLogIndex: v.lastIndex, LastLogTerm: v.lastTerm}, nil
	}
	return nil, fmt.Errorf("%w: kind %d on a vote connection", errFrame, kind)
}

// ask hands a command to raft's main loop and waits for the answer.
func (s *receiver) ask(command any) (flags uint8, term uint64) {
	t := s.net.current.Load()
	if t == nil {
		return answerUnavailable, 0
	}
	pending, err := t.deliver(command, nil)
	if err != nil {
		return answerUnavailable, 0
	}
	a, err := t.await(pending)
	if err != nil {
		return answerUnavailable, 0
	}
	if a.Error != nil {
		return answerError, 0
	}
	granted := false
	switch r := a.Response.(type) {
	case *raft.RequestVoteResponse:
		granted, term = r.Granted, r.Term
	case *raft.RequestPreVoteResponse:
		granted, term = r.Granted, r.Term
	case *raft.TimeoutNowResponse:
		granted = true
	}
	if granted {
		flags = answerSuccess
	}
	return flags, term
}

// pendingAnswer is an append request that raft has.
type pendingAnswer struct {
	t       *transport
	answers <-chan raft.RPCResponse // nil: unavailable
	last    offset.Index            // of the entries that a success acknowledges
}

// serveAppends reads append requests and hands them to raft, while a second goroutine writes the answers in order.
func (s *receiver) serveAppends(l *link) {
	pending := make(chan pendingAnswer, answersPending)
	done := make(chan struct{})
	s.net.wg.Go(func() {
		defer close(done)
		s.answerAppends(l, pending)
	})
	s.readAppends(l, pending)
	close(pending)
	<-done
}

func (s *receiver) readAppends(l *link, pending chan<- pendingAnswer) {
	for {
		kind, n, err := readFrameHeader(l.r, appendFrameMax)
		if err != nil || kind != frameAppend {
			return
		}
		if n > linkBuffer {
			l.SetReadDeadline(time.Now().Add(progressTimeout))
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(l.r, body); err != nil {
			return
		}
		if n > linkBuffer {
			l.SetReadDeadline(time.Time{})
		}
		a, err := decodeAppend(body)
		if err == nil {
			err = s.verify(a)
		}
		if err != nil {
			s.net.logger.Error("append request refused", "from", l.from, "error", err)
			l.Close()
			return
		}
		a.RPCHeader = l.header()
		pending <- s.submit(a)
	}
}

func (s *receiver) submit(a *raft.AppendEntriesRequest) pendingAnswer {
	t := s.net.current.Load()
	if t == nil {
		return pendingAnswer{}
	}
	s.room(t)
	answers, err := t.deliver(a, nil)
	if err != nil {
		return pendingAnswer{}
	}
	return pendingAnswer{t, answers, lastOf(a)}
}

// lastOf is the last entry that the receiver has if the request succeeds.
func lastOf(a *raft.AppendEntriesRequest) offset.Index {
	if n := len(a.Entries); n > 0 {
		return offset.Index(a.Entries[n-1].Index)
	}
	return offset.Index(a.PrevLogEntry)
}

// answerAppends writes until pending is closed. After a failure it goes on reading pending, so that the reader never waits.
func (s *receiver) answerAppends(l *link, pending <-chan pendingAnswer) {
	failed := false
	for p := range pending {
		if failed {
			continue
		}
		r, flags := raft.AppendEntriesResponse{}, uint8(answerUnavailable)
		if p.answers != nil {
			if a, err := p.t.await(p.answers); err == nil {
				r, flags = appendAnswerOf(a)
			}
			// A former leader may have entries that are not durable yet, and say that it has them.
			if r.Success && p.t.durable(p.last, p.t.ctx.Done()) != nil {
				r, flags = raft.AppendEntriesResponse{}, answerUnavailable
			}
		}
		l.head = appendAppendAnswer(l.head[:0], flags, &r)
		if l.send(l.head) != nil {
			failed = true
			l.Close()
		}
	}
}

// verifyEntries refuses entries that raft must not see: with a gap, damaged on the way or at the sender, or configurations
// that raft would panic on.
func verifyEntries(a *raft.AppendEntriesRequest) error {
	for i, e := range a.Entries {
		if e.Index != a.PrevLogEntry+1+uint64(i) {
			return fmt.Errorf("%w: entry %d follows entry %d", errFrame, e.Index, a.PrevLogEntry+uint64(i))
		}
		if err := verifyEntry(e); err != nil {
			return fmt.Errorf("entry %d of term %d: %w", e.Index, e.Term, err)
		}
	}
	return nil
}

func verifyEntry(e *raft.Log) error {
	switch e.Type {
	case raft.LogCommand:
		return commitlog.VerifyBatch(e.Data)
	case raft.LogConfiguration:
		_, err := decodeConfiguration(e.Data)
		return err
	case raft.LogNoop, raft.LogBarrier:
		return nil
	}
	return fmt.Errorf("type %d is not used by this program", e.Type)
}

// decodeConfiguration is raft.DecodeConfiguration without its panic.
func decodeConfiguration(b []byte) (c raft.Configuration, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("configuration entry: %v", r)
		}
	}()
	return raft.DecodeConfiguration(b), nil
}
