package message

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

// OffsetID is RocketMQ's offsetMsgId: upper-case hex of host, port and physical offset; 32 characters for an IPv4 host,
// 56 for IPv6. Source: MessageDecoder#createMessageId.
func OffsetID(host netip.AddrPort, p offset.Physical) string {
	var raw [hostSizeV6 + 8]byte
	b := appendHost(raw[:0], host)
	b = binary.BigEndian.AppendUint64(b, uint64(p))
	var text [2 * len(raw)]byte
	return string(upperHex(text[:0], b))
}

// ParseOffsetID reverses OffsetID; either case of hex digits is read. It returns ErrID for anything else.
func ParseOffsetID(id string) (netip.AddrPort, offset.Physical, error) {
	if len(id) != 2*(hostSizeV4+8) && len(id) != 2*(hostSizeV6+8) {
		return netip.AddrPort{}, 0, fmt.Errorf("%w of %d characters", ErrID, len(id))
	}
	b, err := hex.DecodeString(id)
	if err != nil {
		return netip.AddrPort{}, 0, fmt.Errorf("%w: no hex digits", ErrID)
	}
	r := reader{src: b}
	host := r.host(len(b) > hostSizeV4+8)
	p := offset.Physical(r.int64())
	if r.err != nil {
		return netip.AddrPort{}, 0, fmt.Errorf("%w: port out of range", ErrID)
	}
	return host, p, nil
}

// UniqueIDs makes UNIQ_KEY values in the clients' layout: ip 4, pid 2, loader hash 4, milliseconds of the month 4,
// counter 2, in upper-case hex. The zero value is ready. Ip and pid are random bytes, as the process may share both with
// others; the month is mixed into the hash, so that ids do not come again a month later. Source: MessageClientIDSetter.
type UniqueIDs struct {
	once   sync.Once
	prefix [10]byte
	last   atomic.Int64 // ms since 1970 << 16 | counter; strictly increasing, whatever the clock does
}

// Next returns a new id, unique within the process and practically across hosts. Safe for concurrent use.
func (u *UniqueIDs) Next() string {
	u.once.Do(func() { rand.Read(u.prefix[:]) })
	tick := u.tick()
	now := time.UnixMilli(tick >> 16).UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)

	var raw [16]byte
	b := append(raw[:0], u.prefix[:]...)
	mixed := binary.BigEndian.Uint32(b[6:]) ^ uint32(now.Year()*12+int(now.Month()))
	binary.BigEndian.PutUint32(b[6:], mixed)
	b = binary.BigEndian.AppendUint32(b, uint32(now.Sub(month).Milliseconds()))
	b = binary.BigEndian.AppendUint16(b, uint16(tick))
	var text [2 * len(raw)]byte
	return string(upperHex(text[:0], b))
}

// tick returns the next value of u.last: the clock when it has moved on, else one more than the last.
func (u *UniqueIDs) tick() int64 {
	for {
		last := u.last.Load()
		next := max(last+1, time.Now().UnixMilli()<<16)
		if u.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

const hexDigits = "0123456789ABCDEF"

func upperHex(dst, src []byte) []byte {
	for _, c := range src {
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}
