package remoting

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// The ROCKETMQ header, all integers big-endian (remoting.md section 2.4):
//
//	0   i16  code
//	2   u8   language
//	3   i16  version
//	5   i32  opaque
//	9   i32  flag
//	13  i32  length of the remark, remark
//	    i32  length of the extFields, then entries: i16 key length, key, i32 value length, value
//
// Source: RocketMQSerializable.
const binaryFixedSize = 21

// decodeBinary decodes a ROCKETMQ header. The strings of c are parts of s.
func decodeBinary(s string, c *Command) error {
	r := binaryReader{s: s}
	c.Code = int32(r.int16())
	c.Language = protocol.Language(r.uint8())
	c.Version = int32(r.int16())
	c.Opaque = r.int32()
	c.Flag = r.int32()
	c.Remark = r.text(r.int32())
	entries := binaryReader{s: r.text(r.int32()), bad: r.bad}
	if r.bad || len(r.s) != 0 {
		return fmt.Errorf("%w: lengths in the binary header", ErrFrame)
	}
	ext := extBuilder{fields: c.Ext}
	for len(entries.s) > 0 {
		key := entries.text(int32(entries.int16()))
		value := entries.text(entries.int32())
		if entries.bad {
			return fmt.Errorf("%w: lengths in the extFields", ErrFrame)
		}
		if err := ext.add(key, value); err != nil {
			return err
		}
	}
	c.Ext = ext.fields
	return nil
}

// appendBinary appends a ROCKETMQ header.
func appendBinary(dst []byte, c *Command) ([]byte, error) {
	if !fits16(c.Code) || !fits16(c.Version) {
		return dst, fmt.Errorf("%w: code %d, version %d in 16 bits", ErrUnencodable, c.Code, c.Version)
	}
	be := binary.BigEndian
	out := be.AppendUint16(dst, uint16(c.Code))
	out = append(out, byte(c.Language))
	out = be.AppendUint16(out, uint16(c.Version))
	out = be.AppendUint32(out, uint32(c.Opaque))
	out = be.AppendUint32(out, uint32(c.Flag))
	out = be.AppendUint32(out, uint32(len(c.Remark)))
	out = append(out, c.Remark...)
	at := len(out)
	out = append(out, 0, 0, 0, 0)
	for _, f := range c.Ext {
		if len(f.Key) > math.MaxInt16 {
			return dst, fmt.Errorf("%w: extField key of %d bytes", ErrUnencodable, len(f.Key))
		}
		out = be.AppendUint16(out, uint16(len(f.Key)))
		out = append(out, f.Key...)
		out = be.AppendUint32(out, uint32(len(f.Value)))
		out = append(out, f.Value...)
	}
	be.PutUint32(out[at:], uint32(len(out)-at-4))
	return out, nil
}

func fits16(v int32) bool { return v >= math.MinInt16 && v <= math.MaxInt16 }

// binaryReader reads fields off the front of s; once short, every later read returns zero and bad stays set.
type binaryReader struct {
	s   string
	bad bool
}

func (r *binaryReader) text(n int32) string {
	if r.bad || n < 0 || int64(n) > int64(len(r.s)) {
		r.bad = true
		return ""
	}
	t := r.s[:n]
	r.s = r.s[n:]
	return t
}

func (r *binaryReader) uint8() uint8 { return uint8(r.number(1)) }
func (r *binaryReader) int16() int16 { return int16(r.number(2)) }
func (r *binaryReader) int32() int32 { return int32(r.number(4)) }

// number reads an unsigned integer of n bytes.
func (r *binaryReader) number(n int32) (v uint32) {
	t := r.text(n)
	for i := range len(t) {
		v = v<<8 | uint32(t[i])
	}
	return v
}
