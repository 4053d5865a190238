package protocol

// NamespaceHeader is the header of code 219. Source: GetKVListByNamespaceRequestHeader.
type NamespaceHeader struct {
	Namespace string
}

func (h *NamespaceHeader) visit(v *visitor) {
	v.needText("namespace", &h.Namespace)
}
func (h *NamespaceHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *NamespaceHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// ClusterHeader is the header of code 224. Source: GetTopicsByClusterRequestHeader.
type ClusterHeader struct {
	Cluster string
}

func (h *ClusterHeader) visit(v *visitor) {
	v.needText("cluster", &h.Cluster)
}
func (h *ClusterHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *ClusterHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// ResetOffsetHeader is the header of codes 222 and 220. Source: ResetOffsetRequestHeader.
type ResetOffsetHeader struct {
	Topic     string
	Group     string
	QueueID   int32 // -1: all queues
	Offset    int64 // -1: by Timestamp
	Timestamp int64 // ms; negative: the end of the queue
	Force     bool  // also forward
}

func (h *ResetOffsetHeader) visit(v *visitor) {
	v.needText("topic", &h.Topic)
	v.needText("group", &h.Group)
	v.int32("queueId", &h.QueueID, -1)
	v.int64("offset", &h.Offset, -1)
	v.needInt64("timestamp", &h.Timestamp)
	v.alwaysBool("isForce", &h.Force)
}
func (h *ResetOffsetHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *ResetOffsetHeader) Decode(f Fields) error          { return decodeFields(h, f) }
