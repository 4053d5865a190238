package bench

import (
	"sync"
	"time"
)

// Ledger remembers every message of a run and says what became of it. All times are of one clock. It holds 64 bytes for each message.
// Its methods may be called from any goroutine; Found must see the messages of one queue in the order of their offsets.
//
// Order is judged without assuming how a client or a broker orders messages that are in flight together: a message is out of order if it
// was acknowledged before another was first sent to the same queue, and yet lies behind it.
type Ledger struct {
	mu      sync.Mutex
	entries [][]entry             // by number, in chunks of chunkEntries
	newest  map[int]time.Duration // queue → latest time of a first sending among the messages found so far

	sent, acked, found int64
	extra              int64 // copies beyond the first
	disordered         int64
	foreign            int64
}

const chunkEntries = 1 << 14

type entry struct {
	sent, acked time.Duration // +1, so that 0 is "not"
	queue       int32         // of the acknowledgement
	copies      int32
	offset      int64 // of the acknowledgement; -1 unknown
	first, last int64 // offsets of copies found
	firstQueue  int32
	lastQueue   int32
	atAcked     bool // a copy lies where the acknowledgement said
}

// Checks is the verdict of a Ledger.
type Checks struct {
	Sent  int64 `json:"sent"`
	Acked int64 `json:"acked"`
	Found int64 `json:"found"` // different messages
	// Lost were acknowledged and are not there. Unread were acknowledged and have not been found, but the queues could not be read to their
	// ends, so that nothing is known of them. Misplaced are there, but not at the queue offset of their acknowledgement.
	Lost      int64 `json:"lost"`
	Unread    int64 `json:"unread,omitempty"`
	Misplaced int64 `json:"misplaced"`
	// Duplicates are copies beyond the first: of attempts whose answer was lost. Unacked messages that were found are StoredUnacked.
	Duplicates    int64 `json:"duplicates"`
	StoredUnacked int64 `json:"stored_unacked"`
	OutOfOrder    int64 `json:"out_of_order"`
	// Foreign messages in the topic are not of this run, or damaged.
	Foreign int64 `json:"foreign"`
}

// Broken reports whether a guarantee was broken: something that was acknowledged is lost, elsewhere or out of order.
func (c *Checks) Broken() bool { return c.Lost > 0 || c.Misplaced > 0 || c.OutOfOrder > 0 }

func NewLedger() *Ledger { return &Ledger{newest: map[int]time.Duration{}} }

func (l *Ledger) entryLocked(number int64) *entry {
	chunk := int(number / chunkEntries)
	for len(l.entries) <= chunk {
		l.entries = append(l.entries, make([]entry, chunkEntries))
	}
	return &l.entries[chunk][number%chunkEntries]
}

// Sent says that the message with the number is sent for the first time.
func (l *Ledger) Sent(number int64, at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entryLocked(number).sent = at + 1
	l.sent++
}

// Acked says that it was acknowledged, and where it is; offset -1: unknown.
func (l *Ledger) Acked(number int64, at time.Duration, queue int, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entryLocked(number)
	if e.acked == 0 {
		l.acked++
	}
	e.acked, e.queue, e.offset = at+1, int32(queue), offset
	// A copy may have been found before. With three or more copies it is not known where all of them lie.
	e.atAcked = offset < 0 || e.copies > 0 && (e.at(e.first, e.firstQueue) || e.at(e.last, e.lastQueue)) || e.copies > 2
}

func (e *entry) at(offset int64, queue int32) bool { return e.offset == offset && e.queue == queue }

// Found says that a copy lies in a queue at an offset; first is true for the first copy.
func (l *Ledger) Found(number int64, queue int, offset int64) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if number < 0 || number >= int64(len(l.entries))*chunkEntries || l.entryLocked(number).sent == 0 {
		l.foreign++
		return false
	}
	e := l.entryLocked(number)
	e.copies++
	e.last, e.lastQueue = offset, int32(queue)
	if e.acked != 0 && e.at(offset, int32(queue)) {
		e.atAcked = true
	}
	if e.copies > 1 {
		l.extra++
		return false
	}
	e.first, e.firstQueue = offset, int32(queue)
	l.found++
	if e.acked != 0 && e.acked < l.newest[queue] {
		l.disordered++
	}
	l.newest[queue] = max(l.newest[queue], e.sent)
	return true
}

// Foreign counts a message that is not of this run.
func (l *Ledger) Foreign() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.foreign++
}

// Missing is the number of messages that are acknowledged and not found so far.
func (l *Ledger) Missing() int64 { return l.Checks().Lost }

// Checks returns the verdict on what was said so far.
func (l *Ledger) Checks() Checks {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := Checks{Sent: l.sent, Acked: l.acked, Found: l.found, Duplicates: l.extra, OutOfOrder: l.disordered, Foreign: l.foreign}
	for _, chunk := range l.entries {
		for i := range chunk {
			switch e := &chunk[i]; {
			case e.acked != 0 && e.copies == 0:
				c.Lost++
			case e.acked != 0 && !e.atAcked:
				c.Misplaced++
			case e.acked == 0 && e.copies > 0:
				c.StoredUnacked++
			}
		}
	}
	return c
}
