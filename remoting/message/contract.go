package message

import (
	"net/netip"

	"github.com/raftmq/raftmq/internal/offset"
)

// Message is one message in RocketMQ's terms. Strings and slices may alias the bytes it was decoded from.
type Message struct {
	Topic      string
	QueueID    int32
	Flag       int32
	Properties string // name \x01 value \x02 …, exactly as stored
	Body       []byte

	SysFlag        int32
	BornTimestamp  int64 // ms since 1970
	BornHost       netip.AddrPort
	StoreTimestamp int64 // ms since 1970
	StoreHost      netip.AddrPort
	ReconsumeTimes int32
	// PreparedTransactionOffset is the half message's physical offset, else 0.
	PreparedTransactionOffset int64

	QueueOffset    offset.Queue
	PhysicalOffset offset.Physical
}

// StoredSize returns the number of bytes AppendStored appends.
func StoredSize(m *Message) int { panic("contract") }

// AppendStored appends m in RocketMQ's stored layout v1, or v2 when the topic is longer than 127 bytes
// (messages.md section 1). It sets the IPv6 bits of sysFlag from the hosts and computes the body CRC.
// IPv4-mapped addresses are stored as IPv4. Limits are the caller's to check.
func AppendStored(dst []byte, m *Message) []byte { panic("contract") }

// DecodeStored decodes the message at the start of b and returns its size in bytes. It verifies the magic, all
// inner lengths and the body CRC. The result aliases b.
func DecodeStored(b []byte) (m Message, size int, err error) { panic("contract") }

// StampOffsets writes queue and physical offset into stored bytes, in place.
func StampOffsets(stored []byte, queue offset.Queue, physical offset.Physical) { panic("contract") }

// StoreTimestamp reads the store timestamp (ms) of stored bytes.
func StoreTimestamp(stored []byte) int64 { panic("contract") }

// Property returns the value of name in an encoded property string, without allocating.
func Property(properties, name string) (value string, ok bool) { panic("contract") }

// SetProperty returns properties with name set to value: replaced in place, or appended.
func SetProperty(properties, name, value string) string { panic("contract") }

// RemoveProperty returns properties without name.
func RemoveProperty(properties, name string) string { panic("contract") }

// ParseProperties decodes by the Java client's rules (messages.md section 2).
func ParseProperties(properties string) map[string]string { panic("contract") }

// HashCode is Java's String.hashCode over UTF-16 code units.
func HashCode(s string) int32 { panic("contract") }

// TagsCode is the hash of a tag sign-extended, 0 for no tag.
func TagsCode(tag string) int64 { panic("contract") }

// OffsetID is RocketMQ's offsetMsgId: upper-case hex of host, port and physical offset.
func OffsetID(host netip.AddrPort, p offset.Physical) string { panic("contract") }

// ParseOffsetID reverses OffsetID.
func ParseOffsetID(id string) (netip.AddrPort, offset.Physical, error) { panic("contract") }

// UniqueIDs makes UNIQ_KEY values in the clients' layout.
type UniqueIDs struct{}

// Next returns a new id, unique within the process and practically across hosts. Safe for concurrent use.
func (u *UniqueIDs) Next() string { panic("contract") }

// BatchPart is one message of a client batch (code 320).
type BatchPart struct {
	Flag       int32
	Properties string
	Body       []byte
}

// DecodeBatch decodes the body of a batch send. Parts alias body. At most max parts.
func DecodeBatch(body []byte, max int) ([]BatchPart, error) { panic("contract") }

// AppendBatchPart appends one message to the body of a batch send.
func AppendBatchPart(dst []byte, p BatchPart) []byte { panic("contract") }

// ValidateTopic and ValidateGroup check names (messages.md section 11). The error's text is for the client.
func ValidateTopic(name string) error { panic("contract") }
func ValidateGroup(name string) error { panic("contract") }

// Names of system topics and prefixes.
const (
	RetryPrefix   = "%RETRY%"
	DLQPrefix     = "%DLQ%"
	ScheduleTopic = "SCHEDULE_TOPIC_XXXX"
	AutoCreateKey = "TBW102"
)

// IsSystemTopic reports whether name may not be created or deleted by clients; IsForbiddenTarget whether it may
// not be sent to.
func IsSystemTopic(name string) bool     { panic("contract") }
func IsForbiddenTarget(name string) bool { panic("contract") }

// DelayLevels are the delays of levels 1 to n in ms.
type DelayLevels []int64

// ParseDelayLevels parses "1s 5s 10s …".
func ParseDelayLevels(s string) (DelayLevels, error) { panic("contract") }
