package message

import (
	"net/netip"

	"github.com/raftmq/raftmq/internal/offset"
)

// Message is one message in RocketMQ's terms. Body may alias the bytes it was decoded from.
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

// Bits of SysFlag. Source: MessageSysFlag.
const (
	FlagCompressed  int32 = 0x1
	FlagMultiTags   int32 = 0x2
	FlagPrepared    int32 = 0x4
	FlagCommit      int32 = 0x8
	FlagRollback    int32 = 0xC
	FlagBornHostV6  int32 = 0x10
	FlagStoreHostV6 int32 = 0x20
	FlagNeedUnwrap  int32 = 0x40
	FlagInnerBatch  int32 = 0x80

	// MaskTransaction covers FlagPrepared, FlagCommit and FlagRollback; 0 is not transactional.
	MaskTransaction int32 = 0xC
	// MaskCompression is the kind of compression: 0 or 0x300 zlib, 0x100 LZ4, 0x200 ZSTD.
	MaskCompression int32 = 0x700
)

// Limits of the stored layout. Callers check them before AppendStored; policy limits (a body of 4 MiB) are theirs.
const (
	// TopicMax is the longest topic in bytes that a client may name; retry and dead-letter topics may have TopicMaxRetry.
	TopicMax      = 127
	TopicMaxRetry = 255
	// GroupMax is the longest consumer or producer group in bytes.
	GroupMax = 120
	// PropertiesMax is the longest property string in bytes: its length is a signed 16-bit number.
	PropertiesMax = 32767
)

// Names of properties. Source: MessageConst; messages.md section 2.1.
const (
	PropertyKeys                = "KEYS"
	PropertyTags                = "TAGS"
	PropertyWait                = "WAIT"
	PropertyDelay               = "DELAY"
	PropertyRetryTopic          = "RETRY_TOPIC"
	PropertyRealTopic           = "REAL_TOPIC"
	PropertyRealQueueID         = "REAL_QID"
	PropertyTransaction         = "TRAN_MSG"
	PropertyProducerGroup       = "PGROUP"
	PropertyOriginMessageID     = "ORIGIN_MESSAGE_ID"
	PropertyReconsumeTime       = "RECONSUME_TIME"
	PropertyMaxReconsumeTimes   = "MAX_RECONSUME_TIMES"
	PropertyRegion              = "MSG_REGION"
	PropertyTraceOn             = "TRACE_ON"
	PropertyUniqueKey           = "UNIQ_KEY"
	PropertyCluster             = "CLUSTER"
	PropertyInnerNum            = "INNER_NUM"
	PropertyPopCheckpoint       = "POP_CK"
	PropertyShardingKey         = "__SHARDINGKEY"
	PropertyTimerDelaySec       = "TIMER_DELAY_SEC"
	PropertyTimerDelayMillis    = "TIMER_DELAY_MS"
	PropertyTimerDeliverMillis  = "TIMER_DELIVER_MS"
	PropertyMessageType         = "MSG_TYPE"
	PropertyCorrelationID       = "CORRELATION_ID"
	PropertyReplyToClient       = "REPLY_TO_CLIENT"
	PropertyDLQOriginTopic      = "DLQ_ORIGIN_TOPIC"
	PropertyDLQOriginMessageID  = "DLQ_ORIGIN_MESSAGE_ID"
	PropertyTransactionID       = "__transactionId__"
	PropertyCheckImmunitySecond = "CHECK_IMMUNITY_TIME_IN_SECONDS"
)
