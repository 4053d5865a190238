package protocol

import (
	"strconv"
	"strings"
)

// SendMessageHeader is the header of a send: codes 10 and 324 with the long names (V1), 310, 320 and 325 with letters (V2).
// Source: SendMessageRequestHeader, SendMessageRequestHeaderV2.
type SendMessageHeader struct {
	ProducerGroup         string // a
	Topic                 string // b, required
	DefaultTopic          string // c: template of a topic to be created
	DefaultTopicQueueNums int32  // d
	QueueID               int32  // e, required; negative: the broker picks one
	SysFlag               int32  // f
	BornTimestamp         int64  // g, ms
	Flag                  int32  // h
	Properties            string // i
	ReconsumeTimes        int32  // j
	UnitMode              bool   // k
	MaxReconsumeTimes     int32  // l; -1 if absent
	Batch                 bool   // m: the body is a batch, whatever the code
	BrokerName            string // n
}

// Decode reads either set of names. Errors are *FieldError.
func (h *SendMessageHeader) Decode(f Fields) error {
	*h = SendMessageHeader{MaxReconsumeTimes: -1}
	var queueID bool
	var err *FieldError
	for i := range f {
		if f[i].Value == "" {
			continue
		}
		key, value := f[i].Key, f[i].Value
		ok, want := true, "an integer of 32 bits"
		switch key {
		case "a", "producerGroup":
			h.ProducerGroup = value
		case "b", "topic":
			h.Topic = value
		case "c", "defaultTopic":
			h.DefaultTopic = value
		case "d", "defaultTopicQueueNums":
			h.DefaultTopicQueueNums, ok = parseInt32(value)
		case "e", "queueId":
			h.QueueID, ok = parseInt32(value)
			queueID = true
		case "f", "sysFlag":
			h.SysFlag, ok = parseInt32(value)
		case "g", "bornTimestamp":
			h.BornTimestamp, ok = parseInt64(value)
			want = "an integer of 64 bits"
		case "h", "flag":
			h.Flag, ok = parseInt32(value)
		case "i", "properties":
			h.Properties = value
		case "j", "reconsumeTimes":
			h.ReconsumeTimes, ok = parseInt32(value)
		case "k", "unitMode":
			h.UnitMode = strings.EqualFold(value, "true")
		case "l", "maxReconsumeTimes":
			h.MaxReconsumeTimes, ok = parseInt32(value)
		case "m", "batch":
			h.Batch = strings.EqualFold(value, "true")
		case "n", "bname":
			h.BrokerName = value
		}
		if !ok && err == nil {
			err = &FieldError{Name: key, Value: value, Want: want}
		}
	}
	switch {
	case err != nil:
		return err
	case h.Topic == "":
		return &FieldError{Name: "topic", Want: "a text"}
	case !queueID:
		return &FieldError{Name: "queueId", Want: "an integer of 32 bits"}
	}
	return nil
}

// AppendFields appends the letters of codes 310, 320 and 325.
func (h *SendMessageHeader) AppendFields(dst Fields) Fields { return h.append(dst, &sendNamesV2) }

// AppendFieldsV1 appends the long names of codes 10 and 324.
func (h *SendMessageHeader) AppendFieldsV1(dst Fields) Fields { return h.append(dst, &sendNamesV1) }

type sendNames [14]string

var (
	sendNamesV1 = sendNames{"producerGroup", "topic", "defaultTopic", "defaultTopicQueueNums", "queueId", "sysFlag", "bornTimestamp",
		"flag", "properties", "reconsumeTimes", "unitMode", "maxReconsumeTimes", "batch", "bname"}
	sendNamesV2 = sendNames{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"}
)

func (h *SendMessageHeader) append(dst Fields, n *sendNames) Fields {
	v := visitor{out: dst, writing: true}
	v.needText(n[0], &h.ProducerGroup)
	v.needText(n[1], &h.Topic)
	v.needText(n[2], &h.DefaultTopic)
	v.needInt32(n[3], &h.DefaultTopicQueueNums)
	v.needInt32(n[4], &h.QueueID)
	v.needInt32(n[5], &h.SysFlag)
	v.needInt64(n[6], &h.BornTimestamp)
	v.needInt32(n[7], &h.Flag)
	v.text(n[8], &h.Properties)
	v.int32(n[9], &h.ReconsumeTimes, 0)
	v.bool(n[10], &h.UnitMode, false)
	v.int32(n[11], &h.MaxReconsumeTimes, -1)
	v.bool(n[12], &h.Batch, false)
	v.text(n[13], &h.BrokerName)
	return v.out
}

// SendMessageResponseHeader is the header of the answer to a send. Region and TraceOn are also in answers that are errors.
// Source: SendMessageResponseHeader.
type SendMessageResponseHeader struct {
	MsgID         string // offset message id; ids of a batch are joined by commas
	QueueID       int32
	QueueOffset   int64
	TransactionID string // UNIQ_KEY of the message
	Region        string
	TraceOn       bool
}

// AppendFields allocates once, for both numbers.
func (h *SendMessageResponseHeader) AppendFields(dst Fields) Fields {
	var room [40]byte
	b := strconv.AppendInt(room[:0], int64(h.QueueID), 10)
	cut := len(b)
	numbers := string(strconv.AppendInt(b, h.QueueOffset, 10))
	dst = append(dst, Field{"msgId", h.MsgID}, Field{"queueId", numbers[:cut]}, Field{"queueOffset", numbers[cut:]})
	if h.TransactionID != "" {
		dst = append(dst, Field{"transactionId", h.TransactionID})
	}
	return append(dst, Field{"MSG_REGION", h.Region}, Field{"TRACE_ON", strconv.FormatBool(h.TraceOn)})
}

// Decode is for clients.
func (h *SendMessageResponseHeader) Decode(f Fields) error {
	v := visitor{in: f}
	v.needText("msgId", &h.MsgID)
	v.needInt32("queueId", &h.QueueID)
	v.needInt64("queueOffset", &h.QueueOffset)
	v.text("transactionId", &h.TransactionID)
	v.text("MSG_REGION", &h.Region)
	v.bool("TRACE_ON", &h.TraceOn, false)
	if v.err != nil {
		return v.err
	}
	return nil
}

func parseInt32(s string) (int32, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	return int32(n), err == nil
}

func parseInt64(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// SendBackHeader is the header of code 36: a consumer asks to have a message again later.
// Source: ConsumerSendMsgBackRequestHeader.
type SendBackHeader struct {
	Offset            int64 // physical offset of the message on this broker
	Group             string
	DelayLevel        int32 // -1 dead letters, 0 the broker decides
	OriginMsgID       string
	OriginTopic       string
	UnitMode          bool
	MaxReconsumeTimes int32 // -1 if absent; honoured from VersionReconsumeTimes on
}

func (h *SendBackHeader) visit(v *visitor) {
	v.needInt64("offset", &h.Offset)
	v.needText("group", &h.Group)
	v.needInt32("delayLevel", &h.DelayLevel)
	v.text("originMsgId", &h.OriginMsgID)
	v.text("originTopic", &h.OriginTopic)
	v.bool("unitMode", &h.UnitMode, false)
	v.int32("maxReconsumeTimes", &h.MaxReconsumeTimes, -1)
}
func (h *SendBackHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *SendBackHeader) Decode(f Fields) error          { return decodeFields(h, f) }
