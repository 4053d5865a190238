// Package frame reads RocketMQ remoting frames just far enough to say what they are: code, opaque, flag, version.
// It is deliberately not the broker's own codec, so that a fault there cannot hide itself in the tests that use it.
package frame

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxBytes is the largest frame that Read accepts; RocketMQ's own limit is 16 MiB.
const MaxBytes = 16 << 20

// Frame is one frame as it was on the wire, and what its header says.
type Frame struct {
	Raw []byte // the whole frame, with its 4-byte length
	Header
}

// Header is the part of a command header that identifies a frame.
type Header struct {
	Code      int32             `json:"code"`
	Language  string            `json:"-"`
	Version   int32             `json:"version"`
	Opaque    int32             `json:"opaque"`
	Flag      int32             `json:"flag"`
	Remark    string            `json:"remark"`
	ExtFields map[string]string `json:"extFields"`
	Binary    bool              `json:"-"` // the compact ROCKETMQ header, not JSON
}

// Response tells an answer from a request.
func (h Header) Response() bool { return h.Flag&1 != 0 }

// Oneway tells a request that wants no answer.
func (h Header) Oneway() bool { return h.Flag&2 != 0 }

var errShort = errors.New("frame is shorter than it says")

// Read returns the next frame of r. io.EOF means that the stream ended between two frames.
func Read(r io.Reader) (Frame, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return Frame{}, err
	}
	size := binary.BigEndian.Uint32(length[:])
	if size < 4 || size > MaxBytes {
		return Frame{}, fmt.Errorf("frame of %d bytes, want 4 to %d", size, MaxBytes)
	}
	raw := make([]byte, 4+size)
	copy(raw, length[:])
	if _, err := io.ReadFull(r, raw[4:]); err != nil {
		return Frame{}, fmt.Errorf("frame of %d bytes: %w", size, err)
	}
	return Parse(raw)
}

// Parse reads the header of a whole frame, which it keeps.
func Parse(raw []byte) (Frame, error) {
	if len(raw) < 8 {
		return Frame{}, errShort
	}
	word := binary.BigEndian.Uint32(raw[4:])
	serializer, size := word>>24, int(word&0xFFFFFF)
	if size > len(raw)-8 {
		return Frame{}, errShort
	}
	header, err := parseHeader(serializer, raw[8:8+size])
	return Frame{Raw: raw, Header: header}, err
}

// Body is what follows the header.
func (f Frame) Body() []byte {
	return f.Raw[8+int(binary.BigEndian.Uint32(f.Raw[4:])&0xFFFFFF):]
}

// Encode makes a frame with a JSON header.
func Encode(h Header, body []byte) []byte {
	text, err := json.Marshal(struct {
		Header
		Language string `json:"language"`
	}{h, "OTHER"})
	if err != nil {
		panic(err) // strings and integers only
	}
	raw := binary.BigEndian.AppendUint32(nil, uint32(4+len(text)+len(body)))
	raw = binary.BigEndian.AppendUint32(raw, uint32(len(text)))
	return append(append(raw, text...), body...)
}

func parseHeader(serializer uint32, b []byte) (Header, error) {
	switch serializer {
	case 0:
		return parseJSON(b)
	case 1:
		return parseBinary(b)
	}
	return Header{}, fmt.Errorf("serializer %d is neither JSON nor ROCKETMQ", serializer)
}

func parseJSON(b []byte) (Header, error) {
	var text struct {
		Header
		Language  json.RawMessage            `json:"language"`
		ExtFields map[string]json.RawMessage `json:"extFields"` // some clients send numbers and booleans
	}
	if err := json.Unmarshal(b, &text); err != nil {
		return Header{}, fmt.Errorf("JSON header: %w", err)
	}
	h := text.Header
	h.Language = unquote(text.Language)
	h.ExtFields = make(map[string]string, len(text.ExtFields))
	for key, value := range text.ExtFields {
		h.ExtFields[key] = unquote(value)
	}
	return h, nil
}

func unquote(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return strings.TrimSpace(string(raw))
}

// parseBinary reads code 2, language 1, version 2, opaque 4, flag 4, remark 4+n, fields 4+n of (2+n, 4+n).
func parseBinary(b []byte) (Header, error) {
	if len(b) < 21 {
		return Header{}, errShort
	}
	h := Header{
		Code:     int32(int16(binary.BigEndian.Uint16(b))),
		Language: fmt.Sprint(b[2]),
		Version:  int32(int16(binary.BigEndian.Uint16(b[3:]))),
		Opaque:   int32(binary.BigEndian.Uint32(b[5:])),
		Flag:     int32(binary.BigEndian.Uint32(b[9:])),
		Binary:   true,
	}
	remark, rest, err := cut(b[13:], 4)
	if err != nil {
		return Header{}, err
	}
	fields, _, err := cut(rest, 4)
	if err != nil {
		return Header{}, err
	}
	h.Remark, h.ExtFields = string(remark), map[string]string{}
	for len(fields) > 0 {
		var key, value []byte
		if key, fields, err = cut(fields, 2); err != nil {
			return Header{}, err
		}
		if value, fields, err = cut(fields, 4); err != nil {
			return Header{}, err
		}
		h.ExtFields[string(key)] = string(value)
	}
	return h, nil
}

// cut splits off a byte string behind a length of width bytes.
func cut(b []byte, width int) (head, rest []byte, err error) {
	if len(b) < width {
		return nil, nil, errShort
	}
	size := 0
	for _, c := range b[:width] {
		size = size<<8 | int(c)
	}
	if size > len(b)-width {
		return nil, nil, errShort
	}
	return b[width : width+size], b[width+size:], nil
}
