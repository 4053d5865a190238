package protocol

import "strings"

// QueryConsumerOffsetHeader is the header of code 14. Source: QueryConsumerOffsetRequestHeader.
type QueryConsumerOffsetHeader struct {
	ConsumerGroup     string
	Topic             string
	QueueID           int32
	SetZeroIfNotFound bool // true unless the request says otherwise
}

func (h *QueryConsumerOffsetHeader) visit(v *visitor) {
	v.needText("consumerGroup", &h.ConsumerGroup)
	v.needText("topic", &h.Topic)
	v.needInt32("queueId", &h.QueueID)
	v.bool("setZeroIfNotFound", &h.SetZeroIfNotFound, true)
}
func (h *QueryConsumerOffsetHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *QueryConsumerOffsetHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// UpdateConsumerOffsetHeader is the header of code 15. Source: UpdateConsumerOffsetRequestHeader.
type UpdateConsumerOffsetHeader struct {
	ConsumerGroup string
	Topic         string
	QueueID       int32
	CommitOffset  int64
}

func (h *UpdateConsumerOffsetHeader) visit(v *visitor) {
	v.needText("consumerGroup", &h.ConsumerGroup)
	v.needText("topic", &h.Topic)
	v.needInt32("queueId", &h.QueueID)
	v.needInt64("commitOffset", &h.CommitOffset)
}
func (h *UpdateConsumerOffsetHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *UpdateConsumerOffsetHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// OffsetResponseHeader is the header of the answers to codes 14, 29, 30 and 31.
type OffsetResponseHeader struct {
	Offset int64
}

func (h *OffsetResponseHeader) visit(v *visitor) {
	v.needInt64("offset", &h.Offset)
}
func (h *OffsetResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *OffsetResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// SearchOffsetHeader is the header of code 29. Source: SearchOffsetRequestHeader.
type SearchOffsetHeader struct {
	Topic        string
	QueueID      int32
	Timestamp    int64  // ms
	BoundaryType string // see Upper
}

func (h *SearchOffsetHeader) visit(v *visitor) {
	v.needText("topic", &h.Topic)
	v.needInt32("queueId", &h.QueueID)
	v.needInt64("timestamp", &h.Timestamp)
	v.text("boundaryType", &h.BoundaryType)
}
func (h *SearchOffsetHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *SearchOffsetHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// Upper reports whether the last message at or before the time is wanted, rather than the first at or after it.
func (h *SearchOffsetHeader) Upper() bool { return strings.EqualFold(h.BoundaryType, "upper") }

// MaxOffsetHeader is the header of code 30. Source: GetMaxOffsetRequestHeader.
type MaxOffsetHeader struct {
	Topic     string
	QueueID   int32
	Committed bool
}

func (h *MaxOffsetHeader) visit(v *visitor) {
	v.needText("topic", &h.Topic)
	v.needInt32("queueId", &h.QueueID)
	v.bool("committed", &h.Committed, true)
}
func (h *MaxOffsetHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *MaxOffsetHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// TopicQueueHeader is the header of codes 31 and 32.
type TopicQueueHeader struct {
	Topic   string
	QueueID int32
}

func (h *TopicQueueHeader) visit(v *visitor) {
	v.needText("topic", &h.Topic)
	v.needInt32("queueId", &h.QueueID)
}
func (h *TopicQueueHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *TopicQueueHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// TimestampResponseHeader is the header of the answer to code 32; -1 says that there is no message.
type TimestampResponseHeader struct {
	Timestamp int64 // ms
}

func (h *TimestampResponseHeader) visit(v *visitor) {
	v.needInt64("timestamp", &h.Timestamp)
}
func (h *TimestampResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *TimestampResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }
