package protocol

// GroupHeader is the header of code 352.
type GroupHeader struct {
	Group string
}

func (h *GroupHeader) visit(v *visitor) {
	v.needText("group", &h.Group)
}
func (h *GroupHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *GroupHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// DeleteGroupHeader is the header of code 207. Source: DeleteSubscriptionGroupRequestHeader.
type DeleteGroupHeader struct {
	GroupName   string
	CleanOffset bool
}

func (h *DeleteGroupHeader) visit(v *visitor) {
	v.needText("groupName", &h.GroupName)
	v.bool("cleanOffset", &h.CleanOffset, false)
}
func (h *DeleteGroupHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *DeleteGroupHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// AllGroupConfigResponseHeader is the header of the answer to code 201.
type AllGroupConfigResponseHeader struct {
	TotalGroupNum int32
}

func (h *AllGroupConfigResponseHeader) visit(v *visitor) {
	v.needInt32("totalGroupNum", &h.TotalGroupNum)
}
func (h *AllGroupConfigResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *AllGroupConfigResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// ConsumeStatsHeader is the header of code 208. Source: GetConsumeStatsRequestHeader.
type ConsumeStatsHeader struct {
	ConsumerGroup string
	Topic         string // all topics of the group if empty
	TopicList     string // separated by semicolons
}

func (h *ConsumeStatsHeader) visit(v *visitor) {
	v.needText("consumerGroup", &h.ConsumerGroup)
	v.text("topic", &h.Topic)
	v.text("topicList", &h.TopicList)
}
func (h *ConsumeStatsHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *ConsumeStatsHeader) Decode(f Fields) error          { return decodeFields(h, f) }
