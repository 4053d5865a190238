package sim

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Outcome is what a client knows about a call that changes something.
type Outcome string

const (
	OK      Outcome = "ok"      // it had its effect
	Fail    Outcome = "fail"    // certainly no effect
	Unknown Outcome = "unknown" // all else
)

// Span is when a call was under way. Begin and End are places in the order of all begins and ends of the history, from 1; End is 0
// while it is not known that the call has ended.
type Span struct {
	Begin, End     int64
	BeginAt, EndAt time.Duration `json:",omitempty"` // virtual time, for people
}

// Send is one message that a client tried to send.
type Send struct {
	Span
	Value    string // unique
	Client   string
	Seq      int           // rising within the client
	Ordered  bool          // the client has one call in flight, all to one queue
	Queue    int32         // of the answer, or asked for; -1 if neither
	Offset   int64         // of the answer; -1 without
	Attempts int           // requests that may have been executed
	Delay    time.Duration // until it is due; 0: at once
	Outcome  Outcome
	Error    string `json:",omitempty"`
}

// Seen is one message that somebody read.
type Seen struct {
	Queue  int32
	Offset int64
	Value  string
}

// Read is an answer to a pull.
type Read struct {
	Span
	Client string
	Node   string // who answered
	Group  string // of a consumer group's delivery; "" for readers without one
	Topic  string
	Seen   []Seen
}

// OffsetOp is a commit or a query of a group's offset, or a query of a queue's max offset (Group is "").
type OffsetOp struct {
	Span
	Kind    string // commit, query, rewind, max
	Group   string
	Queue   int32
	Offset  int64 // of a query: the answer, -1 for none
	Outcome Outcome
}

// Problem is what a checker found.
type Problem struct{ Checker, Text string }

func (p Problem) String() string { return p.Checker + ": " + p.Text }

// History is everything that clients did and saw, and what the harness did. Recording may be done from any goroutine.
type History struct {
	began time.Time
	order atomic.Int64

	mu       sync.Mutex
	Sends    []*Send
	Reads    []*Read
	Offsets  []*OffsetOp
	Events   []string
	Problems []Problem
	Counts   Counts
}

// Counts is what a history did. A power cut counts once, however many machines it took.
type Counts struct {
	Histories, Faults, PowerCuts, Acked, Elections, Quarantines int
	Virtual                                                     time.Duration
}

func (h *History) count(do func(*Counts)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do(&h.Counts)
}

func newHistory() *History { return &History{began: time.Now()} }

func (h *History) now() time.Duration { return time.Since(h.began) }

func (h *History) begin() Span { return Span{Begin: h.order.Add(1), BeginAt: h.now()} }

func (h *History) end(s *Span) { s.End, s.EndAt = h.order.Add(1), h.now() }

func (h *History) send(s *Send) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Sends = append(h.Sends, s)
}

func (h *History) read(r *Read) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Reads = append(h.Reads, r)
}

func (h *History) offset(o *OffsetOp) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Offsets = append(h.Offsets, o)
}

func (h *History) event(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Events = append(h.Events, fmt.Sprintf("%v %s", h.now(), fmt.Sprintf(format, args...)))
}

const problemsMax = 50

func (h *History) fail(checker, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.Problems) < problemsMax {
		h.Problems = append(h.Problems, Problem{checker, text})
	}
}

// acked is how many sends were answered with success so far.
func (h *History) acked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, s := range h.Sends {
		if s.Outcome == OK {
			n++
		}
	}
	return n
}

// write writes the history as lines of JSON.
func (h *History) write(w io.Writer) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := json.NewEncoder(w)
	for _, s := range h.Sends {
		if err := e.Encode(map[string]any{"send": s}); err != nil {
			return err
		}
	}
	for _, r := range h.Reads {
		if err := e.Encode(map[string]any{"read": r}); err != nil {
			return err
		}
	}
	for _, o := range h.Offsets {
		if err := e.Encode(map[string]any{"offset": o}); err != nil {
			return err
		}
	}
	for _, ev := range h.Events {
		if err := e.Encode(map[string]any{"event": ev}); err != nil {
			return err
		}
	}
	return nil
}

// A body is "value|length|crc32|padding", the checksum over value and padding: a reader proves that it got what was sent.

func body(value string, size int) []byte {
	padding := strings.Repeat("x", size)
	return fmt.Appendf(nil, "%s|%d|%08x|%s", value, size, crc32.ChecksumIEEE([]byte(value+padding)), padding)
}

// valueOf returns the value of a body, or what is wrong with it, as a value that nobody sent.
func valueOf(b []byte) string {
	parts := strings.SplitN(string(b), "|", 4)
	if len(parts) != 4 {
		return fmt.Sprintf("not a body: %.40q", b)
	}
	size, err := strconv.Atoi(parts[1])
	sum := fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(parts[0]+parts[3])))
	if err != nil || size != len(parts[3]) || sum != parts[2] {
		return fmt.Sprintf("damaged body: %.60q", b)
	}
	return parts[0]
}
