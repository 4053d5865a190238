package protocol

import "strconv"

// PullMessageHeader is the header of codes 11 and 361. Source: PullMessageRequestHeader.
type PullMessageHeader struct {
	ConsumerGroup        string
	Topic                string
	QueueID              int32
	QueueOffset          int64
	MaxMsgNums           int32
	SysFlag              int32 // PullCommitOffset and the others
	CommitOffset         int64
	SuspendTimeoutMillis int64
	Subscription         string
	SubVersion           int64  // ms
	ExpressionType       string // TAG if absent
}

// pullField is a bit for each field that has to be there.
const (
	pullGroup = 1 << iota
	pullTopic
	pullQueueID
	pullOffset
	pullMax
	pullAll = 1<<iota - 1
)

// Decode returns a *FieldError.
func (h *PullMessageHeader) Decode(f Fields) error {
	*h = PullMessageHeader{}
	seen := 0
	for i := range f {
		key, value := f[i].Key, f[i].Value
		if value == "" {
			continue
		}
		ok, want := true, "an integer of 32 bits"
		switch key {
		case "consumerGroup":
			h.ConsumerGroup = value
			seen |= pullGroup
		case "topic":
			h.Topic = value
			seen |= pullTopic
		case "queueId":
			h.QueueID, ok = parseInt32(value)
			seen |= pullQueueID
		case "queueOffset":
			h.QueueOffset, ok = parseInt64(value)
			want = "an integer of 64 bits"
			seen |= pullOffset
		case "maxMsgNums":
			h.MaxMsgNums, ok = parseInt32(value)
			seen |= pullMax
		case "sysFlag":
			h.SysFlag, ok = parseInt32(value)
		case "commitOffset":
			h.CommitOffset, ok = parseInt64(value)
			want = "an integer of 64 bits"
		case "suspendTimeoutMillis":
			h.SuspendTimeoutMillis, ok = parseInt64(value)
			want = "an integer of 64 bits"
		case "subscription":
			h.Subscription = value
		case "subVersion":
			h.SubVersion, ok = parseInt64(value)
			want = "an integer of 64 bits"
		case "expressionType":
			h.ExpressionType = value
		}
		if !ok {
			return &FieldError{Name: key, Value: value, Want: want}
		}
	}
	return missingPullField(seen)
}

func missingPullField(seen int) error {
	if seen == pullAll {
		return nil
	}
	names := [...]string{"consumerGroup", "topic", "queueId", "queueOffset", "maxMsgNums"}
	wants := [...]string{"a text", "a text", "an integer of 32 bits", "an integer of 64 bits", "an integer of 32 bits"}
	i := 0
	for seen&(1<<i) != 0 {
		i++
	}
	return &FieldError{Name: names[i], Want: wants[i]}
}

// AppendFields is for clients.
func (h *PullMessageHeader) AppendFields(dst Fields) Fields {
	v := visitor{out: dst, writing: true}
	v.needText("consumerGroup", &h.ConsumerGroup)
	v.needText("topic", &h.Topic)
	v.needInt32("queueId", &h.QueueID)
	v.needInt64("queueOffset", &h.QueueOffset)
	v.needInt32("maxMsgNums", &h.MaxMsgNums)
	v.needInt32("sysFlag", &h.SysFlag)
	v.needInt64("commitOffset", &h.CommitOffset)
	v.needInt64("suspendTimeoutMillis", &h.SuspendTimeoutMillis)
	v.text("subscription", &h.Subscription)
	v.needInt64("subVersion", &h.SubVersion)
	v.text("expressionType", &h.ExpressionType)
	return v.out
}

// PullMessageResponseHeader is the header of every answer to a pull, errors too: the Java client reads all four numbers.
// Source: PullMessageResponseHeader.
type PullMessageResponseHeader struct {
	SuggestWhichBrokerID int64
	NextBeginOffset      int64
	MinOffset            int64
	MaxOffset            int64
	TopicSysFlag         int32
	GroupSysFlag         int32
	ForbiddenType        int32 // with code 16; 0 is left out
}

// AppendFields allocates once, for the numbers.
func (h *PullMessageResponseHeader) AppendFields(dst Fields) Fields {
	names := [...]string{"suggestWhichBrokerId", "nextBeginOffset", "minOffset", "maxOffset", "topicSysFlag", "groupSysFlag"}
	values := [...]int64{h.SuggestWhichBrokerID, h.NextBeginOffset, h.MinOffset, h.MaxOffset, int64(h.TopicSysFlag), int64(h.GroupSysFlag)}
	var room [20 * len(values)]byte
	var ends [len(values)]int
	b := room[:0]
	for i, n := range values {
		b = strconv.AppendInt(b, n, 10)
		ends[i] = len(b)
	}
	numbers, start := string(b), 0
	for i, end := range ends {
		dst = append(dst, Field{names[i], numbers[start:end]})
		start = end
	}
	if h.ForbiddenType != 0 {
		dst = append(dst, Field{"forbiddenType", strconv.Itoa(int(h.ForbiddenType))})
	}
	return dst
}

// Decode is for clients.
func (h *PullMessageResponseHeader) Decode(f Fields) error {
	v := visitor{in: f}
	v.needInt64("suggestWhichBrokerId", &h.SuggestWhichBrokerID)
	v.needInt64("nextBeginOffset", &h.NextBeginOffset)
	v.needInt64("minOffset", &h.MinOffset)
	v.needInt64("maxOffset", &h.MaxOffset)
	v.int32("topicSysFlag", &h.TopicSysFlag, 0)
	v.int32("groupSysFlag", &h.GroupSysFlag, 0)
	v.int32("forbiddenType", &h.ForbiddenType, 0)
	if v.err != nil {
		return v.err
	}
	return nil
}
