package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// sendTemplate is the frame of a send, encoded once by package remoting, with holes for what differs between messages. Filling it costs a tenth of
// encoding it, so that the tool takes little of a machine that it shares with the brokers; the bytes are the same (TestTemplateIsTheClientsFrame).
type sendTemplate struct {
	parts [][]byte // the header's bytes between the holes; the first holds no prefix
	holes []hole   // holes[i] is between parts[i] and parts[i+1]
}

// hole is what is filled in. Its value stands in the encoded header until it is cut out.
type hole string

const (
	queueHole  hole = "2147480001"
	bornHole   hole = "2147480002"
	keyHole    hole = "KKKKKKKKKKKK"
	tagHole    hole = "TTTTTTTTTTTT"
	uniqueHole hole = "UUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUU"
	opaqueHole hole = "2147480003"
)

// framePrefix is the length of the two words before a header.
const framePrefix = 8

// newTemplate encodes a send of the run to a broker.
func newTemplate(s *Settings, broker string) (*sendTemplate, error) {
	var p []byte
	if s.PropertyBytes > 0 {
		p = message.AppendProperty(p, "filler", strings.Repeat("x", s.PropertyBytes))
	}
	if s.Keys {
		p = message.AppendProperty(p, message.PropertyKeys, string(keyHole))
	}
	if s.Tags > 0 {
		p = message.AppendProperty(p, message.PropertyTags, string(tagHole))
	}
	p = message.AppendProperty(p, message.PropertyUniqueKey, string(uniqueHole))
	p = message.AppendProperty(p, message.PropertyWait, "true")
	h := protocol.SendMessageHeader{ProducerGroup: "raftmq-bench", Topic: s.Topic, DefaultTopic: message.AutoCreateKey, DefaultTopicQueueNums: 4,
		QueueID: numberOf(queueHole), BornTimestamp: int64(numberOf(bornHole)), Properties: string(p), MaxReconsumeTimes: -1, BrokerName: broker}
	if s.compresses() {
		h.SysFlag = message.FlagCompressed | compressedZlib
	}
	frame, err := remoting.AppendFrame(nil, &remoting.Command{Code: protocol.CodeSendMessageV2, Language: protocol.Go, Version: protocol.Version,
		Opaque: numberOf(opaqueHole), Ext: h.AppendFields(nil)})
	if err != nil {
		return nil, err
	}
	return cut(frame[framePrefix:])
}

// compressedZlib is the kind of compression in a sysFlag.
const compressedZlib = 0x300

func numberOf(h hole) int32 {
	n, _ := strconv.ParseInt(string(h), 10, 32) // a constant
	return int32(n)
}

// cut divides a header at its holes, whatever their order.
func cut(header []byte) (*sendTemplate, error) {
	t := &sendTemplate{}
	for {
		at, next := len(header), hole("")
		for _, h := range []hole{queueHole, bornHole, keyHole, tagHole, uniqueHole, opaqueHole} {
			if i := bytes.Index(header, []byte(h)); i >= 0 && i < at {
				at, next = i, h
			}
		}
		t.parts = append(t.parts, header[:at])
		if next == "" {
			break
		}
		t.holes = append(t.holes, next)
		header = header[at+len(next):]
	}
	if n := len(t.holes); n < 4 || n > 6 {
		return nil, fmt.Errorf("BUG: a header with %d holes", n)
	}
	return t, nil
}

// filling is what a message puts into the holes.
type filling struct {
	queue  int32
	born   int64 // ms since 1970
	number int64 // of the message: its key
	tag    int64
	unique []byte // 32 characters
	opaque int32
}

// appendFrame appends the frame of one message.
func (t *sendTemplate) appendFrame(dst []byte, f *filling, body []byte) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = append(dst, t.parts[0]...)
	for i, h := range t.holes {
		switch h {
		case queueHole:
			dst = strconv.AppendInt(dst, int64(f.queue), 10)
		case bornHole:
			dst = strconv.AppendInt(dst, f.born, 10)
		case keyHole:
			dst = strconv.AppendInt(dst, f.number, 10)
		case tagHole:
			dst = strconv.AppendInt(append(dst, "tag"...), f.tag, 10)
		case uniqueHole:
			dst = append(dst, f.unique...)
		case opaqueHole:
			dst = strconv.AppendInt(dst, int64(f.opaque), 10)
		}
		dst = append(dst, t.parts[i+1]...)
	}
	header := len(dst) - start - framePrefix
	binary.BigEndian.PutUint32(dst[start:], uint32(4+header+len(body)))
	binary.BigEndian.PutUint32(dst[start+4:], uint32(header)) // its top byte 0 says JSON
	return append(dst, body...)
}

// ack is what the answer to a send says.
type ack struct {
	opaque int32
	code   int32
	remark string
	offset int64 // queue offset; -1: not told
}

// readAck reads the answer at the start of b, if it is whole, and its size; 0: it is not. Answers that look as expected are not decoded: three
// fields are picked out. The names of fields cannot stand in a value, where their quotes would be escaped.
func readAck(b []byte) (a ack, size int, err error) {
	if len(b) < framePrefix {
		return ack{}, 0, nil
	}
	length, header := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	if length < 4 || length > answerMax || header&0xffffff > length-4 {
		return ack{}, 0, fmt.Errorf("%w: an answer of %d bytes with a header of %d", remoting.ErrFrame, length, header&0xffffff)
	}
	if int64(len(b)) < 4+length {
		return ack{}, 0, nil
	}
	frame := b[:4+length]
	if header>>24 == 0 {
		text := frame[framePrefix : framePrefix+header]
		code, ok := pick(text, `"code":`, ",}")
		opaque, ok2 := pick(text, `"opaque":`, ",}")
		offset, ok3 := pick(text, `"queueOffset":"`, `"`)
		if ok && ok2 && ok3 && code == 0 {
			return ack{int32(opaque), 0, "", offset}, len(frame), nil
		}
	}
	a, err = decodeAck(frame)
	return a, len(frame), err
}

// answerMax is the largest answer to a send that is believed.
const answerMax = 1 << 20

// decodeAck decodes any answer.
func decodeAck(frame []byte) (ack, error) {
	c, _, err := remoting.DecodeFrame(frame, remoting.Limits{})
	if err != nil {
		return ack{}, err
	}
	a := ack{opaque: c.Opaque, code: c.Code, remark: c.Remark, offset: -1}
	if text, ok := c.Ext.Get("queueOffset"); ok {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			a.offset = n
		}
	}
	return a, nil
}

// pick reads the number after name; it has to end at one of ends.
func pick(text []byte, name, ends string) (int64, bool) {
	at := bytes.Index(text, []byte(name))
	if at < 0 {
		return 0, false
	}
	n := int64(0)
	for i, c := range text[at+len(name):] {
		switch {
		case c >= '0' && c <= '9' && i < 18:
			n = 10*n + int64(c-'0')
		default:
			return n, i > 0 && strings.IndexByte(ends, c) >= 0
		}
	}
	return 0, false
}
