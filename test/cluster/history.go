package cluster

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/raftmq/raftmq/client"
)

// ID names one message: the producer that sent it, and its number there.
type ID struct {
	Producer uint32
	Number   uint32
}

func (id ID) String() string { return fmt.Sprintf("%d/%d", id.Producer, id.Number) }

// Place is where a message is: a queue offset of the topic.
type Place struct {
	Queue  int32
	Offset int64
}

// Send is one attempt to send a message. Times count from the start of the Load.
type Send struct {
	ID      ID
	Start   time.Duration
	End     time.Duration
	Outcome client.Outcome
	Place   Place  // where the broker says that it is; if Sent
	Addr    string // of the broker that answered; if Sent
	Err     string
}

// Seen is one message that somebody read.
type Seen struct {
	At    time.Duration
	By    string // who: a tail, or the replica of a drain
	Place Place
	ID    ID
	Bad   string // why it is not a message that a Load sends; "" if it is
}

// Commit is one offset commit of the Load's group, or one query that succeeded. A commit that did not succeed may take effect at any time
// after its start, also when a process that was stopped reads it from its socket.
type Commit struct {
	Start, End time.Duration
	Queue      int32
	Offset     int64
	Query      bool
	Unknown    bool
}

// History is everything that the clients of a Load did and saw.
type History struct {
	Sends   []Send
	Seen    []Seen
	Commits []Commit
	// Drains are what each replica held at the end: all queues from their first to their last message.
	Drains map[string][]Seen
}

// Acked counts the sends that succeeded.
func (h *History) Acked() int {
	n := 0
	for _, s := range h.Sends {
		if s.Outcome == client.Sent {
			n++
		}
	}
	return n
}

// A body says which message it is, and is filled up to its size with bytes that follow from that:
//
//	 0  u32  producer
//	 4  u32  number
//	 8  ...  filler
//	-4  u32  CRC-32C of all bytes before
const bodyBytesMin = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendBody appends the body of message id, size bytes long.
func appendBody(dst []byte, id ID, size int) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, id.Producer)
	dst = binary.BigEndian.AppendUint32(dst, id.Number)
	x := uint64(id.Producer)<<32 | uint64(id.Number)
	for len(dst)-start < size-4 {
		x = x*6364136223846793005 + 1442695040888963407
		dst = append(dst, byte(x>>56))
	}
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// parseBody is the inverse; the text says what is wrong with a body that no Load sends.
func parseBody(b []byte) (ID, string) {
	if len(b) < bodyBytesMin {
		return ID{}, fmt.Sprintf("%d bytes", len(b))
	}
	id := ID{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
	if crc32.Checksum(b[:len(b)-4], castagnoli) != binary.BigEndian.Uint32(b[len(b)-4:]) {
		return id, "checksum"
	}
	return id, ""
}
