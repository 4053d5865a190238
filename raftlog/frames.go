package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
)

// After the handshake a connection carries frames. All integers are big-endian.
//
//	0  u32  length of the body
//	4  u8   kind
//	5       body
//
// Requests are answered in order on the connection they came by. Who speaks is known from the handshake and not repeated in
// a frame: a member can only speak for itself.
type frameKind uint8

const (
	frameAppend frameKind = iota + 1
	frameAppendAnswer
	frameHeartbeat
	frameVote
	framePreVote
	frameVoteAnswer // also of pre-votes
	frameTimeoutNow
	frameTimeoutNowAnswer
	frameInstall
	frameInstallAnswer
	frameChunk
	frameProbe
	frameProbeAnswer
	frameAssign
	frameAssignAnswer
)

const (
	frameHeaderBytes = 5
	smallFrameMax    = 4 << 10 // every kind but append, install and chunk
	// appendBytesMax bounds the log data of one append frame (design D7); a single larger entry travels alone.
	appendBytesMax = 8 << 20
	// appendFrameMax is what a receiver accepts: one entry may be larger than appendBytesMax, but not without limit.
	appendFrameMax = 64 << 20
	entriesMax     = 4096
)

var errFrame = errors.New("malformed frame")

// appendFrameHeader appends a header with room for the length, which endFrame fills in.
func appendFrameHeader(b []byte, kind frameKind) []byte {
	return append(b, 0, 0, 0, 0, byte(kind))
}

// endFrame sets the length of the frame that b is; extra bytes of body follow b on the wire.
func endFrame(b []byte, extra int) []byte {
	binary.BigEndian.PutUint32(b, uint32(len(b)-frameHeaderBytes+extra))
	return b
}

// readFrameHeader returns kind and body length of the next frame; the length is at most max.
func readFrameHeader(r io.Reader, max int) (frameKind, int, error) {
	var h [frameHeaderBytes]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, 0, err
	}
	n := binary.BigEndian.Uint32(h[:])
	if uint64(n) > uint64(max) {
		return 0, 0, fmt.Errorf("%w: kind %d of %d bytes, at most %d", errFrame, h[4], n, max)
	}
	return frameKind(h[4]), int(n), nil
}

// readFrame reads a whole frame of the wanted kind. The body is the caller's to keep.
func readFrame(r io.Reader, want frameKind, max int) ([]byte, error) {
	kind, n, err := readFrameHeader(r, max)
	if err != nil {
		return nil, err
	}
	if kind != want {
		return nil, fmt.Errorf("%w: kind %d instead of %d", errFrame, kind, want)
	}
	body := make([]byte, n)
	_, err = io.ReadFull(r, body)
	return body, err
}

// scanner reads fields from a body. Once short, every later read returns zero and err stays set.
type scanner struct {
	src []byte
	err error
}

func (s *scanner) bytes(n int) []byte {
	if s.err != nil || n < 0 || n > len(s.src) {
		s.err = errFrame
		return nil
	}
	b := s.src[:n:n]
	s.src = s.src[n:]
	return b
}

func (s *scanner) uint8() uint8 {
	if b := s.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (s *scanner) uint16() uint16 {
	if b := s.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (s *scanner) uint32() uint32 {
	if b := s.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (s *scanner) uint64() uint64 {
	if b := s.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// string reads a u8 length and as many bytes.
func (s *scanner) string() string { return string(s.bytes(int(s.uint8()))) }

// end reports the first failure, or bytes that are left over.
func (s *scanner) end() error {
	if s.err == nil && len(s.src) > 0 {
		s.err = fmt.Errorf("%w: %d bytes left over", errFrame, len(s.src))
	}
	return s.err
}

func appendString(b []byte, s string) []byte {
	if len(s) > 255 {
		panic(fmt.Sprintf("BUG: string of %d bytes in a frame", len(s)))
	}
	return append(append(b, byte(len(s))), s...)
}

// An append request. The entries' headers come first, then their data back to back.
//
//	u64 term, u64 previous index, u64 previous term, u64 leader's commit index, u32 count of entries
//	count × (u64 index, u64 term, i64 appendedAt ns since 1970 or 0, u8 type, u32 length of data)
//	data
const entryHeaderBytes = 29

// appendAppend appends all of an append frame but the entries' data, whose size is returned.
func appendAppend(b []byte, a *raft.AppendEntriesRequest) (frame []byte, dataBytes int) {
	b = appendFrameHeader(b, frameAppend)
	b = binary.BigEndian.AppendUint64(b, a.Term)
	b = binary.BigEndian.AppendUint64(b, a.PrevLogEntry)
	b = binary.BigEndian.AppendUint64(b, a.PrevLogTerm)
	b = binary.BigEndian.AppendUint64(b, a.LeaderCommitIndex)
	b = binary.BigEndian.AppendUint32(b, uint32(len(a.Entries)))
	for _, e := range a.Entries {
		b = binary.BigEndian.AppendUint64(b, e.Index)
		b = binary.BigEndian.AppendUint64(b, e.Term)
		b = binary.BigEndian.AppendUint64(b, uint64(nanosOf(e.AppendedAt)))
		b = append(b, byte(e.Type))
		b = binary.BigEndian.AppendUint32(b, uint32(len(e.Data)))
		dataBytes += len(e.Data)
	}
	return endFrame(b, dataBytes), dataBytes
}

// decodeAppend decodes the body of an append frame. The entries' data aliases body.
func decodeAppend(body []byte) (*raft.AppendEntriesRequest, error) {
	s := scanner{src: body}
	a := &raft.AppendEntriesRequest{Term: s.uint64(), PrevLogEntry: s.uint64(), PrevLogTerm: s.uint64(), LeaderCommitIndex: s.uint64()}
	count := int(s.uint32())
	if s.err != nil || count > entriesMax || count*entryHeaderBytes > len(s.src) {
		return nil, errFrame
	}
	if count == 0 {
		return a, s.end()
	}
	entries := make([]raft.Log, count)
	a.Entries = make([]*raft.Log, count)
	headers := scanner{src: s.bytes(count * entryHeaderBytes)}
	for i := range entries {
		e := &entries[i]
		e.Index, e.Term = headers.uint64(), headers.uint64()
		e.AppendedAt = timeOf(int64(headers.uint64()))
		e.Type = raft.LogType(headers.uint8())
		e.Data = s.bytes(int(headers.uint32()))
		a.Entries[i] = e
	}
	return a, s.end()
}

// nanosOf is a time as records keep it: 0 if there is none.
func nanosOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func timeOf(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos)
}

// Flags of an append answer.
const (
	answerSuccess = 1 << iota
	answerNoBackoff
	answerError       // raft refused to answer
	answerUnavailable // no raft instance runs, its storage is stalled, or the member declines
)

// An append answer, also of a heartbeat: u8 flags, u64 term, u64 last index.
const appendAnswerBytes = 17

func appendAppendAnswer(b []byte, flags uint8, r *raft.AppendEntriesResponse) []byte {
	b = appendFrameHeader(b, frameAppendAnswer)
	b = append(b, flags)
	b = binary.BigEndian.AppendUint64(b, r.Term)
	return endFrame(binary.BigEndian.AppendUint64(b, r.LastLog), 0)
}

func decodeAppendAnswer(body []byte, r *raft.AppendEntriesResponse) error {
	s := scanner{src: body}
	flags := s.uint8()
	r.Term, r.LastLog = s.uint64(), s.uint64()
	r.Success, r.NoRetryBackoff = flags&answerSuccess != 0, flags&answerNoBackoff != 0
	if err := s.end(); err != nil {
		return err
	}
	switch {
	case flags&answerUnavailable != 0:
		return errUnavailable
	case flags&answerError != 0:
		return errRemote
	}
	return nil
}

// heartbeat is u64 term, u64 leader's commit index, u64 leader's next position, u8 count of other members, for each of them its id
// (u8+string) and u64 run, held, term of what it has promised (standing.go).
type heartbeat struct {
	term   uint64
	commit offset.Index
	next   offset.Physical
	others []hearsay
}

func appendHeartbeat(b []byte, h heartbeat) []byte {
	b = appendFrameHeader(b, frameHeartbeat)
	b = binary.BigEndian.AppendUint64(b, h.term)
	b = binary.BigEndian.AppendUint64(b, uint64(h.commit))
	b = binary.BigEndian.AppendUint64(b, uint64(h.next))
	b = append(b, byte(len(h.others)))
	for _, o := range h.others {
		b = appendString(b, string(o.id))
		for _, v := range [...]uint64{o.run, uint64(o.held), o.term} {
			b = binary.BigEndian.AppendUint64(b, v)
		}
	}
	return endFrame(b, 0)
}

func decodeHeartbeat(body []byte) (heartbeat, error) {
	s := scanner{src: body}
	h := heartbeat{term: s.uint64(), commit: offset.Index(s.uint64()), next: offset.Physical(s.uint64())}
	for range s.uint8() {
		h.others = append(h.others, hearsay{id: ServerID(s.string()), run: s.uint64(), held: offset.Index(s.uint64()), term: s.uint64()})
	}
	return h, s.end()
}

// vote is a vote or pre-vote request: u64 term, u64 last index, u64 last term, u8 leadership transfer.
type vote struct {
	term, lastIndex, lastTerm uint64
	transfer                  bool
}

func appendVote(b []byte, kind frameKind, v vote) []byte {
	b = appendFrameHeader(b, kind)
	b = binary.BigEndian.AppendUint64(b, v.term)
	b = binary.BigEndian.AppendUint64(b, v.lastIndex)
	b = binary.BigEndian.AppendUint64(b, v.lastTerm)
	return endFrame(append(b, boolByte(v.transfer)), 0)
}

func decodeVote(body []byte) (vote, error) {
	s := scanner{src: body}
	v := vote{term: s.uint64(), lastIndex: s.uint64(), lastTerm: s.uint64(), transfer: s.uint8() != 0}
	return v, s.end()
}

// A vote answer is u8 flags, u64 term. Success means granted.
func appendVoteAnswer(b []byte, flags uint8, term uint64) []byte {
	b = appendFrameHeader(b, frameVoteAnswer)
	return endFrame(binary.BigEndian.AppendUint64(append(b, flags), term), 0)
}

func decodeVoteAnswer(body []byte) (flags uint8, term uint64, err error) {
	s := scanner{src: body}
	flags, term = s.uint8(), s.uint64()
	return flags, term, s.end()
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// sliceAppend cuts a request into parts of at most appendBytesMax bytes of data, each of at least one entry: raft counts
// entries, not bytes.
func sliceAppend(a *raft.AppendEntriesRequest) []*raft.AppendEntriesRequest {
	var parts []*raft.AppendEntriesRequest
	first, size := 0, 0
	for i, e := range a.Entries {
		if i > first && size+len(e.Data) > appendBytesMax {
			parts = append(parts, partOf(a, first, i))
			first, size = i, 0
		}
		size += len(e.Data)
	}
	if first == 0 {
		return append(parts, a)
	}
	return append(parts, partOf(a, first, len(a.Entries)))
}

func partOf(a *raft.AppendEntriesRequest, first, end int) *raft.AppendEntriesRequest {
	p := *a
	p.Entries = a.Entries[first:end]
	if first > 0 {
		p.PrevLogEntry, p.PrevLogTerm = a.Entries[first-1].Index, a.Entries[first-1].Term
	}
	return &p
}
