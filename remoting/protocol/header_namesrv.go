package protocol

// RouteHeader is the header of code 105. Source: GetRouteInfoRequestHeader.
type RouteHeader struct {
	Topic                  string // empty reads as a topic without route
	AcceptStandardJSONOnly bool
}

func (h *RouteHeader) visit(v *visitor) {
	v.text("topic", &h.Topic)
	v.bool("acceptStandardJsonOnly", &h.AcceptStandardJSONOnly, false)
}
func (h *RouteHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *RouteHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// PutKVHeader is the header of code 100.
type PutKVHeader struct {
	Namespace string
	Key       string
	Value     string
}

func (h *PutKVHeader) visit(v *visitor) {
	v.needText("namespace", &h.Namespace)
	v.needText("key", &h.Key)
	v.needText("value", &h.Value)
}
func (h *PutKVHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *PutKVHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// KVHeader is the header of codes 101 and 102.
type KVHeader struct {
	Namespace string
	Key       string
}

func (h *KVHeader) visit(v *visitor) {
	v.needText("namespace", &h.Namespace)
	v.needText("key", &h.Key)
}
func (h *KVHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *KVHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// KVResponseHeader is the header of the answer to code 101.
type KVResponseHeader struct {
	Value string
}

func (h *KVResponseHeader) visit(v *visitor) {
	v.text("value", &h.Value)
}
func (h *KVResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *KVResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// RegisterBrokerHeader is the header of code 103. Source: RegisterBrokerRequestHeader.
type RegisterBrokerHeader struct {
	BrokerName             string
	BrokerAddr             string
	ClusterName            string
	HAServerAddr           string
	BrokerID               int64
	HeartbeatTimeoutMillis int64 // 0: not said
	EnableActingMaster     bool
	Compressed             bool  // the body is the compressed form
	BodyCRC32              int32 // see BodyCRC; 0: not said
}

func (h *RegisterBrokerHeader) visit(v *visitor) {
	v.needText("brokerName", &h.BrokerName)
	v.needText("brokerAddr", &h.BrokerAddr)
	v.needText("clusterName", &h.ClusterName)
	v.text("haServerAddr", &h.HAServerAddr)
	v.needInt64("brokerId", &h.BrokerID)
	v.int64("heartbeatTimeoutMillis", &h.HeartbeatTimeoutMillis, 0)
	v.bool("enableActingMaster", &h.EnableActingMaster, false)
	v.bool("compressed", &h.Compressed, false)
	v.int32("bodyCrc32", &h.BodyCRC32, 0)
}
func (h *RegisterBrokerHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *RegisterBrokerHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// RegisterBrokerResponseHeader is the header of the answer to code 103.
type RegisterBrokerResponseHeader struct {
	HAServerAddr string
	MasterAddr   string
}

func (h *RegisterBrokerResponseHeader) visit(v *visitor) {
	v.text("haServerAddr", &h.HAServerAddr)
	v.text("masterAddr", &h.MasterAddr)
}
func (h *RegisterBrokerResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *RegisterBrokerResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// BrokerIdentityHeader is the header of codes 104 and 322. Source: UnRegisterBrokerRequestHeader.
type BrokerIdentityHeader struct {
	BrokerName  string
	BrokerAddr  string
	ClusterName string
	BrokerID    int64
}

func (h *BrokerIdentityHeader) visit(v *visitor) {
	v.needText("brokerName", &h.BrokerName)
	v.needText("brokerAddr", &h.BrokerAddr)
	v.needText("clusterName", &h.ClusterName)
	v.needInt64("brokerId", &h.BrokerID)
}
func (h *BrokerIdentityHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *BrokerIdentityHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// DataVersionResponseHeader is the header of the answer to code 322.
type DataVersionResponseHeader struct {
	Changed bool
}

func (h *DataVersionResponseHeader) visit(v *visitor) {
	v.alwaysBool("changed", &h.Changed)
}
func (h *DataVersionResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *DataVersionResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// BrokerHeartbeatHeader is the header of code 904. Source: BrokerHeartbeatRequestHeader.
type BrokerHeartbeatHeader struct {
	ClusterName            string
	BrokerAddr             string
	BrokerName             string
	BrokerID               int64 // -1: not said
	HeartbeatTimeoutMillis int64 // spelt so; 0: not said
}

func (h *BrokerHeartbeatHeader) visit(v *visitor) {
	v.needText("clusterName", &h.ClusterName)
	v.needText("brokerAddr", &h.BrokerAddr)
	v.needText("brokerName", &h.BrokerName)
	v.int64("brokerId", &h.BrokerID, -1)
	v.int64("heartbeatTimeoutMills", &h.HeartbeatTimeoutMillis, 0)
}
func (h *BrokerHeartbeatHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *BrokerHeartbeatHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// MemberGroupHeader is the header of code 901.
type MemberGroupHeader struct {
	ClusterName string
	BrokerName  string
}

func (h *MemberGroupHeader) visit(v *visitor) {
	v.needText("clusterName", &h.ClusterName)
	v.needText("brokerName", &h.BrokerName)
}
func (h *MemberGroupHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *MemberGroupHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// BrokerNameHeader is the header of codes 205 and 327.
type BrokerNameHeader struct {
	BrokerName string
}

func (h *BrokerNameHeader) visit(v *visitor) {
	v.needText("brokerName", &h.BrokerName)
}
func (h *BrokerNameHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *BrokerNameHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// WipeWritePermResponseHeader is the header of the answer to code 205.
type WipeWritePermResponseHeader struct {
	WipeTopicCount int32
}

func (h *WipeWritePermResponseHeader) visit(v *visitor) {
	v.needInt32("wipeTopicCount", &h.WipeTopicCount)
}
func (h *WipeWritePermResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *WipeWritePermResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// AddWritePermResponseHeader is the header of the answer to code 327.
type AddWritePermResponseHeader struct {
	AddTopicCount int32
}

func (h *AddWritePermResponseHeader) visit(v *visitor) {
	v.needInt32("addTopicCount", &h.AddTopicCount)
}
func (h *AddWritePermResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *AddWritePermResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }
