package state

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Payloads are big-endian. A string is its length as u16 and its bytes.

func appendString(dst []byte, s string) []byte {
	if len(s) > math.MaxUint16 {
		panic(fmt.Sprintf("BUG: a string of %d bytes was not refused before it was proposed", len(s)))
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// appendStrings appends a map in the order of its keys: u16 count, then key and value as strings.
func appendStrings(dst []byte, m map[string]string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		dst = appendString(dst, k)
		dst = appendString(dst, m[k])
	}
	return dst
}

// reader reads a payload. Once it was short, or held what it must not, every later read returns zero and bad stays set.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.src) {
		r.bad, r.src = true, nil
		return nil
	}
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}

func (r *reader) uint8() uint8 {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) int32() int32 { return int32(r.uint32()) }
func (r *reader) int64() int64 { return int64(r.uint64()) }

// bool refuses anything but 0 and 1, so that equal values have equal bytes.
func (r *reader) bool() bool {
	b := r.uint8()
	r.bad = r.bad || b > 1
	return b == 1
}

// name reads a string of 1 to nameBytesMax bytes; the result aliases the payload.
func (r *reader) name() []byte {
	b := r.bytes(int(r.uint16()))
	r.bad = r.bad || len(b) == 0 || len(b) > nameBytesMax
	return b
}

func (r *reader) string() string { return string(r.bytes(int(r.uint16()))) }

// strings reads a map, whose keys must be in order. Nil if it is empty.
func (r *reader) strings() map[string]string {
	n := int(r.uint16())
	if n == 0 || n > len(r.src)/4 { // a key and a value take at least 4 bytes
		r.bad = r.bad || n != 0
		return nil
	}
	m := make(map[string]string, n)
	last := ""
	for i := range n {
		k := r.string()
		r.bad = r.bad || i > 0 && k <= last
		last = k
		m[k] = r.string()
	}
	return m
}

// ok reports whether everything was read and was right.
func (r *reader) ok() bool { return !r.bad && len(r.src) == 0 }
