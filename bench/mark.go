package bench

import (
	"encoding/binary"
	"time"
)

// mark is what a checked message carries in the first markBytes bytes of its body, big-endian:
//
//	| run 8 | number 8 | intended 8, nanoseconds since the start of the run |
type mark struct {
	run      uint64
	number   int64
	intended time.Duration
}

// put writes the mark over the start of body, which has room for it.
func (m mark) put(body []byte) {
	binary.BigEndian.PutUint64(body, m.run)
	binary.BigEndian.PutUint64(body[8:], uint64(m.number))
	binary.BigEndian.PutUint64(body[16:], uint64(m.intended))
}

// readMark returns the mark of a body; ok is false if it is not of the run.
func readMark(body []byte, run uint64) (m mark, ok bool) {
	if len(body) < markBytes || binary.BigEndian.Uint64(body) != run {
		return mark{}, false
	}
	return mark{run, int64(binary.BigEndian.Uint64(body[8:])), time.Duration(binary.BigEndian.Uint64(body[16:]))}, true
}
