package protocol

// QueryMessageHeader is the header of code 12. Source: QueryMessageRequestHeader.
type QueryMessageHeader struct {
	Topic          string
	Key            string
	MaxNum         int32
	BeginTimestamp int64 // ms
	EndTimestamp   int64 // ms
	UniqueKey      bool  // key is a UNIQ_KEY
}

func (h *QueryMessageHeader) visit(v *visitor) {
	v.needText("topic", &h.Topic)
	v.needText("key", &h.Key)
	v.needInt32("maxNum", &h.MaxNum)
	v.needInt64("beginTimestamp", &h.BeginTimestamp)
	v.needInt64("endTimestamp", &h.EndTimestamp)
	v.bool("_UNIQUE_KEY_QUERY", &h.UniqueKey, false)
}
func (h *QueryMessageHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *QueryMessageHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// QueryMessageResponseHeader is the header of the answer to code 12.
type QueryMessageResponseHeader struct {
	IndexLastUpdateTimestamp int64 // ms
	IndexLastUpdatePhyOffset int64
}

func (h *QueryMessageResponseHeader) visit(v *visitor) {
	v.needInt64("indexLastUpdateTimestamp", &h.IndexLastUpdateTimestamp)
	v.needInt64("indexLastUpdatePhyoffset", &h.IndexLastUpdatePhyOffset)
}
func (h *QueryMessageResponseHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *QueryMessageResponseHeader) Decode(f Fields) error          { return decodeFields(h, f) }

// ViewMessageHeader is the header of code 33. Source: ViewMessageRequestHeader.
type ViewMessageHeader struct {
	Topic  string
	Offset int64 // physical
}

func (h *ViewMessageHeader) visit(v *visitor) {
	v.text("topic", &h.Topic)
	v.needInt64("offset", &h.Offset)
}
func (h *ViewMessageHeader) AppendFields(dst Fields) Fields { return appendFields(h, dst) }
func (h *ViewMessageHeader) Decode(f Fields) error          { return decodeFields(h, f) }
