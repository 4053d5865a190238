package message

import (
	"encoding/binary"
	"net/netip"
)

// reader reads big-endian fields and remembers the first failure: once short, every later read returns zero.
type reader struct {
	src []byte
	pos int
	err error
}

// take returns the next n bytes, capped so that an append cannot reach what follows.
func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.src)-r.pos {
		r.fail(ErrTruncated)
		return nil
	}
	b := r.src[r.pos : r.pos+n : r.pos+n]
	r.pos += n
	return b
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) uint8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// text returns the next n bytes as a string.
func (r *reader) text(n int) string { return string(r.take(n)) }

// host reads an address of 4 or 16 bytes and a 32-bit port.
func (r *reader) host(v6 bool) netip.AddrPort {
	size := 4
	if v6 {
		size = 16
	}
	addr, ok := netip.AddrFromSlice(r.take(size))
	port := r.int32()
	if !ok || r.err != nil {
		return netip.AddrPort{}
	}
	if port < 0 || port > 0xFFFF {
		r.fail(ErrMalformed)
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, uint16(port))
}
