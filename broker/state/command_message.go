package state

import (
	"encoding/binary"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting/message"
)

// Message, kind 1: the dispatch prefix, which is all that Apply looks at, and the stored message.
//
//	 0  u32  topic id
//	 4  i32  queue id
//	 8  i64  tags code; of SCHEDULE_TOPIC_XXXX the due time, ms
//	16  i64  store time, ms since 1970
//	24  u16  n, count of key hashes
//	26  u16  flags, 0
//	28  n × u32  key hashes, for the key index
//	         stored message (RocketMQ's layout v1 or v2), its two offsets 0
const (
	messageAtTopic     = 0
	messageAtQueue     = 4
	messageAtTags      = 8
	messageAtStoreTime = 16
	messageAtKeyCount  = 24
	messageAtFlags     = 26
	messagePrefix      = 28
)

// AppendMessage appends the command to store m in topic and queue. tagsCode is the tag's hash, or the due time in ms for
// SCHEDULE_TOPIC_XXXX. keyHashes are for the key index, at most 65,535. m is encoded with AppendStored; its offsets are ignored, they are
// assigned by Apply (design D4). Precondition: the topic id exists and queue is within its queues.
// Result: Queue and Position of the stored message.
func AppendMessage(dst []byte, topicID uint32, tagsCode int64, keyHashes []uint32, m *message.Message) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindMessage), kindVersion, 0)
	dst = binary.BigEndian.AppendUint32(dst, topicID)
	dst = binary.BigEndian.AppendUint32(dst, uint32(m.QueueID))
	dst = binary.BigEndian.AppendUint64(dst, uint64(tagsCode))
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.StoreTimestamp))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(keyHashes)))
	dst = binary.BigEndian.AppendUint16(dst, 0)
	for _, h := range keyHashes {
		dst = binary.BigEndian.AppendUint32(dst, h)
	}
	stored := len(dst)
	dst = message.AppendStored(dst, m)
	message.StampOffsets(dst[stored:], 0, 0)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

// messagePayload is a decoded message sub-record. stored aliases the payload.
type messagePayload struct {
	key       consumequeue.Key
	tagsCode  int64
	storeTime int64
	keyHashes []byte // n × u32
	stored    []byte
}

func decodeMessage(b []byte) (p messagePayload, ok bool) {
	if len(b) < messagePrefix {
		return p, false
	}
	hashes := 4 * int(binary.BigEndian.Uint16(b[messageAtKeyCount:]))
	if binary.BigEndian.Uint16(b[messageAtFlags:]) != 0 || messagePrefix+hashes > len(b) {
		return p, false
	}
	p.key = consumequeue.Key{
		Topic: binary.BigEndian.Uint32(b[messageAtTopic:]),
		Queue: int32(binary.BigEndian.Uint32(b[messageAtQueue:])),
	}
	p.tagsCode = int64(binary.BigEndian.Uint64(b[messageAtTags:]))
	p.storeTime = int64(binary.BigEndian.Uint64(b[messageAtStoreTime:]))
	p.keyHashes = b[messagePrefix : messagePrefix+hashes]
	p.stored = b[messagePrefix+hashes:]
	return p, true
}
