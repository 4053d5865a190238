package message

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/netip"

	"github.com/raftmq/raftmq/internal/offset"
)

// Magic codes of stored messages.
const (
	MagicV1 uint32 = 0xDAA320A7 // one byte of topic length
	MagicV2 uint32 = 0xDAA320AB // two bytes
)

// Byte offsets of the fixed fields. Those after bornHost are for IPv4 hosts: an IPv6 host adds 12. The whole table is
// in docs/format/message.md.
const (
	atTotalSize      = 0
	atMagic          = 4
	atBodyCRC        = 8
	atQueueID        = 12
	atFlag           = 16
	atQueueOffset    = 20
	atPhysicalOffset = 28
	atSysFlag        = 36
	atBornTimestamp  = 40
	atBornHost       = 48
	atStoreTimestamp = 56

	hostSizeV4 = 8
	hostSizeV6 = 20

	// fixedSize is the size of a v1 message with IPv4 hosts and nothing in body, topic and properties.
	fixedSize = 91
)

// StoredSize returns the number of bytes AppendStored appends.
func StoredSize(m *Message) int {
	n := fixedSize + len(m.Body) + len(m.Topic) + len(m.Properties)
	if len(m.Topic) > TopicMax {
		n++
	}
	if isV6(m.BornHost) {
		n += hostSizeV6 - hostSizeV4
	}
	if isV6(m.StoreHost) {
		n += hostSizeV6 - hostSizeV4
	}
	return n
}

// AppendStored appends m in RocketMQ's stored layout v1, or v2 when the topic is longer than 127 bytes
// (messages.md section 1). It sets the IPv6 bits of sysFlag from the hosts and computes the body CRC. IPv4-mapped
// addresses are stored as IPv4, an address that is not valid as 0.0.0.0. Limits are the caller's to check; a topic or
// property string beyond the layout's 32,767 bytes panics. Source: MessageDecoder#encode, MessageExtEncoder.
func AppendStored(dst []byte, m *Message) []byte {
	if len(m.Properties) > PropertiesMax || len(m.Topic) > PropertiesMax {
		panic(fmt.Sprintf("BUG: message with %d bytes of topic and %d of properties", len(m.Topic), len(m.Properties)))
	}
	magic := MagicV1
	if len(m.Topic) > TopicMax {
		magic = MagicV2
	}
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(StoredSize(m)))
	dst = be.AppendUint32(dst, magic)
	dst = be.AppendUint32(dst, bodyCRC(m.Body))
	dst = be.AppendUint32(dst, uint32(m.QueueID))
	dst = be.AppendUint32(dst, uint32(m.Flag))
	dst = be.AppendUint64(dst, uint64(m.QueueOffset))
	dst = be.AppendUint64(dst, uint64(m.PhysicalOffset))
	dst = be.AppendUint32(dst, uint32(storedSysFlag(m)))
	dst = be.AppendUint64(dst, uint64(m.BornTimestamp))
	dst = appendHost(dst, m.BornHost)
	dst = be.AppendUint64(dst, uint64(m.StoreTimestamp))
	dst = appendHost(dst, m.StoreHost)
	dst = be.AppendUint32(dst, uint32(m.ReconsumeTimes))
	dst = be.AppendUint64(dst, uint64(m.PreparedTransactionOffset))
	dst = be.AppendUint32(dst, uint32(len(m.Body)))
	dst = append(dst, m.Body...)
	if magic == MagicV2 {
		dst = be.AppendUint16(dst, uint16(len(m.Topic)))
	} else {
		dst = append(dst, byte(len(m.Topic)))
	}
	dst = append(dst, m.Topic...)
	dst = be.AppendUint16(dst, uint16(len(m.Properties)))
	return append(dst, m.Properties...)
}

// DecodeStored decodes the message at the start of b and returns its size in bytes. It verifies the magic, all
// inner lengths and the body CRC. Body aliases b; the strings are copies. Errors: ErrTruncated when b ends early, ErrMagic, ErrMalformed,
// ErrBodyCRC.
func DecodeStored(b []byte) (m Message, size int, err error) {
	r := reader{src: b}
	total := r.int32()
	magic := uint32(r.int32())
	switch {
	case r.err != nil:
		return Message{}, 0, r.err
	case magic != MagicV1 && magic != MagicV2:
		return Message{}, 0, ErrMagic
	case total < fixedSize:
		return Message{}, 0, ErrMalformed
	case int64(total) > int64(len(b)):
		return Message{}, 0, ErrTruncated
	}
	r.src = b[:total]
	crc := r.decode(&m, magic == MagicV2)
	switch {
	case r.err != nil || r.pos != len(r.src):
		return Message{}, 0, ErrMalformed
	case crc != bodyCRC(m.Body):
		return Message{}, 0, ErrBodyCRC
	}
	return m, int(total), nil
}

// decode reads everything after the magic and returns the CRC that the record gives for its body.
func (r *reader) decode(m *Message, v2 bool) (crc uint32) {
	crc = uint32(r.int32())
	m.QueueID = r.int32()
	m.Flag = r.int32()
	m.QueueOffset = offset.Queue(r.int64())
	m.PhysicalOffset = offset.Physical(r.int64())
	m.SysFlag = r.int32()
	m.BornTimestamp = r.int64()
	m.BornHost = r.host(m.SysFlag&FlagBornHostV6 != 0)
	m.StoreTimestamp = r.int64()
	m.StoreHost = r.host(m.SysFlag&FlagStoreHostV6 != 0)
	m.ReconsumeTimes = r.int32()
	m.PreparedTransactionOffset = r.int64()
	m.Body = r.take(int(r.int32()))
	m.Topic, m.Properties = r.tail(v2)
	return crc
}

// tail reads topic and properties, the last two fields, into one string.
func (r *reader) tail(v2 bool) (topic, properties string) {
	var n int
	if v2 {
		n = int(int16(r.uint16()))
	} else {
		n = int(r.uint8())
	}
	start := r.pos
	r.take(n)
	end := r.pos
	r.take(int(int16(r.uint16())))
	if r.err != nil {
		return "", ""
	}
	text := string(r.src[start:r.pos])
	return text[:end-start], text[end-start+2:]
}

// StampOffsets writes queue and physical offset into stored bytes, in place. Neither is covered by the body CRC.
func StampOffsets(stored []byte, queue offset.Queue, physical offset.Physical) {
	binary.BigEndian.PutUint64(stored[atQueueOffset:], uint64(queue))
	binary.BigEndian.PutUint64(stored[atPhysicalOffset:], uint64(physical))
}

// StoreTimestamp reads the store timestamp (ms) of stored bytes. It panics when they are shorter than the fixed fields.
func StoreTimestamp(stored []byte) int64 {
	at := atStoreTimestamp
	if int32(binary.BigEndian.Uint32(stored[atSysFlag:]))&FlagBornHostV6 != 0 {
		at += hostSizeV6 - hostSizeV4
	}
	return int64(binary.BigEndian.Uint64(stored[at:]))
}

// bodyCRC is RocketMQ's CRC of a body: IEEE CRC-32 without its sign bit. Source: UtilAll#crc32.
func bodyCRC(body []byte) uint32 { return crc32.ChecksumIEEE(body) & 0x7FFFFFFF }

// storedSysFlag is m.SysFlag with the IPv6 bits as the hosts demand.
func storedSysFlag(m *Message) int32 {
	f := m.SysFlag &^ (FlagBornHostV6 | FlagStoreHostV6)
	if isV6(m.BornHost) {
		f |= FlagBornHostV6
	}
	if isV6(m.StoreHost) {
		f |= FlagStoreHostV6
	}
	return f
}

// isV6 reports whether a host takes 16 bytes; a mapped IPv4 address does not.
func isV6(h netip.AddrPort) bool { return h.Addr().Is6() && !h.Addr().Is4In6() }

func appendHost(dst []byte, h netip.AddrPort) []byte {
	switch {
	case isV6(h):
		a := h.Addr().As16()
		dst = append(dst, a[:]...)
	case h.IsValid():
		a := h.Addr().As4()
		dst = append(dst, a[:]...)
	default:
		dst = append(dst, 0, 0, 0, 0)
	}
	return binary.BigEndian.AppendUint32(dst, uint32(h.Port()))
}
