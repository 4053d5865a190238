package protocol

// UnregisterClientHeader is the header of code 35. Source: UnregisterClientRequestHeader.
type UnregisterClientHeader struct {
	ClientID      string
	ProducerGroup string
	ConsumerGroup string
}

func (h *UnregisterClientHeader) visit(v *visitor) {
	v.needText("clientID", &h.ClientID)
	v.text("producerGroup", &h.ProducerGroup)
	v.text("consumerGroup", &h.ConsumerGroup)
}
func (h *UnregisterClientHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *UnregisterClientHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// ConsumerGroupHeader is the header of codes 38, 40 and 203.
type ConsumerGroupHeader struct {
	ConsumerGroup string
}

func (h *ConsumerGroupHeader) visit(v *visitor) {
	v.needText("consumerGroup", &h.ConsumerGroup)
}
func (h *ConsumerGroupHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *ConsumerGroupHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// ProducerGroupHeader is the header of code 204.
type ProducerGroupHeader struct {
	ProducerGroup string
}

func (h *ProducerGroupHeader) visit(v *visitor) {
	v.needText("producerGroup", &h.ProducerGroup)
}
func (h *ProducerGroupHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *ProducerGroupHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// HeartbeatResponseHeader is the header of the answer to code 34. Source: ClientManageProcessor.
type HeartbeatResponseHeader struct {
	SupportsV2 bool
	SubChange  bool
}

func (h *HeartbeatResponseHeader) visit(v *visitor) {
	v.bool("IS_SUPPORT_HEART_BEAT_V2", &h.SupportsV2, false)
	v.alwaysBool("IS_SUB_CHANGE", &h.SubChange)
}
func (h *HeartbeatResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *HeartbeatResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// ConsumerRunningInfoHeader is the header of code 307. Source: GetConsumerRunningInfoRequestHeader.
type ConsumerRunningInfoHeader struct {
	ConsumerGroup string
	ClientID      string
	JstackEnable  bool
}

func (h *ConsumerRunningInfoHeader) visit(v *visitor) {
	v.needText("consumerGroup", &h.ConsumerGroup)
	v.needText("clientId", &h.ClientID)
	v.bool("jstackEnable", &h.JstackEnable, false)
}
func (h *ConsumerRunningInfoHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *ConsumerRunningInfoHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// ConsumeMessageDirectlyHeader is the header of code 309. Source: ConsumeMessageDirectlyResultRequestHeader.
type ConsumeMessageDirectlyHeader struct {
	ConsumerGroup string
	ClientID      string
	MsgID         string // of the stored message: host, port and physical offset
}

func (h *ConsumeMessageDirectlyHeader) visit(v *visitor) {
	v.needText("consumerGroup", &h.ConsumerGroup)
	v.text("clientId", &h.ClientID)
	v.text("msgId", &h.MsgID)
}
func (h *ConsumeMessageDirectlyHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *ConsumeMessageDirectlyHeader) Decode(f Fields) error          { return decodeFields(h, f) }
