package message

import (
	"encoding/binary"
	"fmt"
)

// A client batch (code 320) is a sequence of records, all integers big-endian:
//
//	0  i32  size of the record, this field included
//	4  i32  magic, 0
//	8  i32  body CRC, 0
//	12 i32  flag
//	16 i32  body length, body
//	   i16  properties length, properties
//
// Magic and CRC are written 0 by every client and ignored by RocketMQ. Source: MessageDecoder#encodeMessage.
const batchFixedSize = 22

// BatchPart is one message of a client batch (code 320).
type BatchPart struct {
	Flag       int32
	Properties string
	Body       []byte
}

// DecodeBatch decodes the body of a batch send. Bodies of parts alias body. At most max parts; more are ErrTooMany. An empty body
// has no parts. ErrTruncated and ErrMalformed name the part, counted from 0.
func DecodeBatch(body []byte, max int) ([]BatchPart, error) {
	var parts []BatchPart
	for rest := body; len(rest) > 0; {
		if len(parts) == max {
			return nil, fmt.Errorf("%w: more than %d", ErrTooMany, max)
		}
		p, size, err := decodePart(rest)
		if err != nil {
			return nil, fmt.Errorf("batch message %d: %w", len(parts), err)
		}
		if parts == nil {
			parts = make([]BatchPart, 0, min(len(body)/size+1, max, 1024))
		}
		parts, rest = append(parts, p), rest[size:]
	}
	return parts, nil
}

func decodePart(b []byte) (p BatchPart, size int, err error) {
	r := reader{src: b}
	total := r.int32()
	switch {
	case r.err != nil || int64(total) > int64(len(b)):
		return p, 0, ErrTruncated
	case total < batchFixedSize:
		return p, 0, ErrMalformed
	}
	r.src = b[:total]
	r.take(8)
	p.Flag = r.int32()
	p.Body = r.take(int(r.int32()))
	p.Properties = r.text(int(int16(r.uint16())))
	if r.err != nil || r.pos != len(r.src) {
		return BatchPart{}, 0, ErrMalformed
	}
	return p, int(total), nil
}

// AppendBatchPart appends one message to the body of a batch send. Properties longer than PropertiesMax panic.
func AppendBatchPart(dst []byte, p BatchPart) []byte {
	if len(p.Properties) > PropertiesMax {
		panic(fmt.Sprintf("BUG: batch message with %d bytes of properties", len(p.Properties)))
	}
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(batchFixedSize+len(p.Body)+len(p.Properties)))
	dst = be.AppendUint64(dst, 0)
	dst = be.AppendUint32(dst, uint32(p.Flag))
	dst = be.AppendUint32(dst, uint32(len(p.Body)))
	dst = append(dst, p.Body...)
	dst = be.AppendUint16(dst, uint16(len(p.Properties)))
	return append(dst, p.Properties...)
}
