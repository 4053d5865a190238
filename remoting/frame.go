package remoting

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// A frame, all integers big-endian (remoting.md section 1):
//
//	0  i32  length of what follows: 4 + header + body
//	4  u8   serialize type
//	5  u24  length of the header
//	8       header, then body
const (
	prefixSize      = 8
	headerLengthMax = 1<<24 - 1

	// tlsHandshake is the first byte of a TLS client hello. The first byte of a frame is the top byte of its length,
	// so 0 or 1 below 32 MiB.
	tlsHandshake = 0x16
)

// prefix is the decoded beginning of a frame.
type prefix struct {
	size      int // whole frame, length field included
	header    int
	serialize SerializeType
}

// body returns the length of the body.
func (p prefix) body() int { return p.size - prefixSize - p.header }

// decodePrefix reads and checks the first prefixSize bytes of a frame.
func decodePrefix(b []byte, l *Limits) (prefix, error) {
	length := int64(int32(binary.BigEndian.Uint32(b)))
	word := binary.BigEndian.Uint32(b[4:])
	p := prefix{size: int(length + 4), header: int(word & headerLengthMax), serialize: SerializeType(word >> 24)}
	switch {
	case length < 4 || int64(p.header) > length-4:
		return prefix{}, fmt.Errorf("%w: length %d, header length %d", ErrFrame, length, p.header)
	case p.serialize > RocketMQ:
		return prefix{}, fmt.Errorf("%w: serialize type %d", ErrFrame, p.serialize)
	case length+4 > int64(l.FrameBytes) || p.header > l.HeaderBytes:
		return prefix{}, fmt.Errorf("%w: length %d, header length %d", ErrFrameSize, length, p.header)
	}
	return p, nil
}

// decodeHeader decodes a header into c, whose Ext may bring room. Strings of c share one copy of b.
func decodeHeader(b []byte, serialize SerializeType, c *Command) error {
	c.Serialize = serialize
	if serialize == RocketMQ {
		return decodeBinary(string(b), c)
	}
	return decodeJSON(string(b), c)
}

// DecodeFrame decodes the frame at the start of b and returns its size. The strings of c are copies, its body aliases b.
// A frame that is not complete is io.ErrUnexpectedEOF; else errors wrap ErrFrame or ErrFrameSize.
func DecodeFrame(b []byte, l Limits) (c Command, size int, err error) {
	l = l.withDefaults(serverIdleTimeout)
	if len(b) < prefixSize {
		return Command{}, 0, io.ErrUnexpectedEOF
	}
	p, err := decodePrefix(b, &l)
	if err != nil {
		return Command{}, 0, err
	}
	if len(b) < p.size {
		return Command{}, 0, io.ErrUnexpectedEOF
	}
	if err := decodeHeader(b[prefixSize:prefixSize+p.header], p.serialize, &c); err != nil {
		return Command{}, 0, err
	}
	if p.body() > 0 {
		c.Body = b[prefixSize+p.header : p.size : p.size]
	}
	return c, p.size, nil
}

// AppendFrame appends c as one frame to dst. It returns ErrUnencodable, and dst as it was, when c does not fit: a binary
// header holds a code and a version of 16 bits and keys of 32,767 bytes.
func AppendFrame(dst []byte, c *Command) ([]byte, error) {
	out, err := appendHead(dst, c)
	if err != nil {
		return dst, err
	}
	return append(out, c.Body...), nil
}

// appendHead appends prefix and header of c; the body is counted but left to the caller.
func appendHead(dst []byte, c *Command) ([]byte, error) {
	start := len(dst)
	out := append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	if c.Serialize == RocketMQ {
		var err error
		if out, err = appendBinary(out, c); err != nil {
			return dst, err
		}
	} else {
		out = appendJSON(out, c)
	}
	header := len(out) - start - prefixSize
	length := int64(4+header) + int64(len(c.Body))
	if header > headerLengthMax || length > 1<<31-1 {
		return dst, fmt.Errorf("%w: header of %d bytes, body of %d", ErrUnencodable, header, len(c.Body))
	}
	binary.BigEndian.PutUint32(out[start:], uint32(length))
	binary.BigEndian.PutUint32(out[start+4:], uint32(c.Serialize)<<24|uint32(header))
	return out, nil
}

// extFieldsMax bounds the fields of one header.
const extFieldsMax = 256

// extBuilder gathers the extFields of one header and refuses a key that comes twice.
type extBuilder struct {
	fields protocol.Fields
	single [2]uint64 // set of the keys of one ASCII character, which are most in a send
}

func (e *extBuilder) add(key, value string) error {
	if len(e.fields) == extFieldsMax {
		return fmt.Errorf("%w: more than %d extFields", ErrFrame, extFieldsMax)
	}
	if e.seen(key) {
		return fmt.Errorf("%w: extField %.64q twice", ErrFrame, key)
	}
	e.fields = append(e.fields, protocol.Field{Key: key, Value: value})
	return nil
}

func (e *extBuilder) seen(key string) bool {
	if len(key) == 1 && key[0] < 128 {
		word, bit := &e.single[key[0]>>6], uint64(1)<<(key[0]&63)
		was := *word&bit != 0
		*word |= bit
		return was
	}
	_, was := e.fields.Get(key)
	return was
}
