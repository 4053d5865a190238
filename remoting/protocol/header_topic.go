package protocol

// TopicHeader is the header of codes 202, 215, 217, 300 and 351.
type TopicHeader struct {
	Topic string
}

func (h *TopicHeader) visit(v *visitor) {
	v.needText("topic", &h.Topic)
}
func (h *TopicHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *TopicHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// CreateTopicHeader is the header of code 17. Source: CreateTopicRequestHeader.
type CreateTopicHeader struct {
	Topic           string
	DefaultTopic    string
	ReadQueueNums   int32
	WriteQueueNums  int32
	Perm            int32
	TopicFilterType string // SINGLE_TAG or MULTI_TAG
	TopicSysFlag    int32
	Order           bool
	Attributes      string // "+key=value,-key"
	Force           bool
}

func (h *CreateTopicHeader) visit(v *visitor) {
	v.needText("topic", &h.Topic)
	v.text("defaultTopic", &h.DefaultTopic)
	v.needInt32("readQueueNums", &h.ReadQueueNums)
	v.needInt32("writeQueueNums", &h.WriteQueueNums)
	v.needInt32("perm", &h.Perm)
	v.text("topicFilterType", &h.TopicFilterType)
	v.int32("topicSysFlag", &h.TopicSysFlag, 0)
	v.bool("order", &h.Order, false)
	v.text("attributes", &h.Attributes)
	v.bool("force", &h.Force, false)
}
func (h *CreateTopicHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *CreateTopicHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// DeleteTopicInNamesrvHeader is the header of code 216.
type DeleteTopicInNamesrvHeader struct {
	Topic       string
	ClusterName string
}

func (h *DeleteTopicInNamesrvHeader) visit(v *visitor) {
	v.needText("topic", &h.Topic)
	v.text("clusterName", &h.ClusterName)
}
func (h *DeleteTopicInNamesrvHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *DeleteTopicInNamesrvHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// AllTopicConfigResponseHeader is the header of the answer to code 21.
type AllTopicConfigResponseHeader struct {
	TotalTopicNum int32
}

func (h *AllTopicConfigResponseHeader) visit(v *visitor) {
	v.needInt32("totalTopicNum", &h.TotalTopicNum)
}
func (h *AllTopicConfigResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *AllTopicConfigResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// ConfigResponseHeader is the header of the answer to code 26.
type ConfigResponseHeader struct {
	Version string // DataVersion as JSON
}

func (h *ConfigResponseHeader) visit(v *visitor) {
	v.needText("version", &h.Version)
}
func (h *ConfigResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *ConfigResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }
