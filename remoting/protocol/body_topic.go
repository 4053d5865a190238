package protocol

// DataVersion identifies a version of a broker's topic table. StateVersion is the Raft term (design D19).
type DataVersion struct {
	Counter      int64 `json:"counter"`
	StateVersion int64 `json:"stateVersion"`
	Timestamp    int64 `json:"timestamp"` // ms
}

func (v DataVersion) Encode() []byte         { return encode(v) }
func (v *DataVersion) Decode(b []byte) error { return decode(b, v) }

// TopicConfig is one topic. It is also the body of the answer to code 351. Source: TopicConfig.
type TopicConfig struct {
	Attributes      map[string]string `json:"attributes"`
	Order           bool              `json:"order"`
	Perm            int32             `json:"perm"`
	ReadQueueNums   int32             `json:"readQueueNums"`
	TopicFilterType string            `json:"topicFilterType"` // SINGLE_TAG or MULTI_TAG
	TopicName       string            `json:"topicName"`
	TopicSysFlag    int32             `json:"topicSysFlag"`
	WriteQueueNums  int32             `json:"writeQueueNums"`
}

type plainTopicConfig TopicConfig

func (c TopicConfig) MarshalJSON() ([]byte, error) {
	p := plainTopicConfig(c)
	p.Attributes = orEmptyMap(p.Attributes)
	if p.TopicFilterType == "" {
		p.TopicFilterType = "SINGLE_TAG"
	}
	return encode(p), nil
}

func (c TopicConfig) Encode() []byte         { return encode(c) }
func (c *TopicConfig) Decode(b []byte) error { return decode(b, c) }

// TopicConfigSerializeWrapper is the body of the answer to code 21, and most of the body of code 103.
type TopicConfigSerializeWrapper struct {
	DataVersion        DataVersion
	MappingDataVersion DataVersion
	TopicConfigTable   map[string]TopicConfig
}

// plainTopicWrapper has the mappings of static topics, of which we have none.
type plainTopicWrapper struct {
	DataVersion                DataVersion            `json:"dataVersion"`
	MappingDataVersion         DataVersion            `json:"mappingDataVersion"`
	TopicConfigTable           map[string]TopicConfig `json:"topicConfigTable"`
	TopicQueueMappingDetailMap struct{}               `json:"topicQueueMappingDetailMap"`
	TopicQueueMappingInfoMap   struct{}               `json:"topicQueueMappingInfoMap"`
}

func (w TopicConfigSerializeWrapper) plain() plainTopicWrapper {
	return plainTopicWrapper{DataVersion: w.DataVersion, MappingDataVersion: w.MappingDataVersion, TopicConfigTable: orEmptyMap(w.TopicConfigTable)}
}

func (w TopicConfigSerializeWrapper) Encode() []byte { return encode(w.plain()) }
func (w *TopicConfigSerializeWrapper) Decode(b []byte) error {
	var p plainTopicWrapper
	if err := decode(b, &p); err != nil {
		return err
	}
	*w = TopicConfigSerializeWrapper{p.DataVersion, p.MappingDataVersion, p.TopicConfigTable}
	return nil
}

// TopicConfigList is the body of code 18.
type TopicConfigList struct {
	TopicConfigList []TopicConfig `json:"topicConfigList"`
}

func (l TopicConfigList) Encode() []byte {
	l.TopicConfigList = orEmpty(l.TopicConfigList)
	return encode(l)
}
func (l *TopicConfigList) Decode(b []byte) error { return decode(b, l) }

// TopicList is the body of the answers to codes 206, 224, 304, 305 and 311 to 313.
type TopicList struct {
	BrokerAddr string   `json:"brokerAddr,omitempty"`
	TopicList  []string `json:"topicList"`
}

func (l TopicList) Encode() []byte {
	l.TopicList = orEmpty(l.TopicList)
	return encode(l)
}
func (l *TopicList) Decode(b []byte) error { return decode(b, l) }

// GroupList is the body of the answer to code 300.
type GroupList struct {
	GroupList []string `json:"groupList"`
}

func (l GroupList) Encode() []byte {
	l.GroupList = orEmpty(l.GroupList)
	return encode(l)
}
func (l *GroupList) Decode(b []byte) error { return decode(b, l) }

// TopicOffset is the extent of one queue.
type TopicOffset struct {
	LastUpdateTimestamp int64 `json:"lastUpdateTimestamp"` // ms; 0: no message
	MaxOffset           int64 `json:"maxOffset"`
	MinOffset           int64 `json:"minOffset"`
}

// TopicStatsTable is the body of the answer to code 202. Its keys are objects. Source: TopicStatsTable.
type TopicStatsTable struct {
	OffsetTable map[MessageQueue]TopicOffset `json:"offsetTable"`
	TopicPutTps float64                      `json:"topicPutTps"`
}

func (t TopicStatsTable) Encode() []byte {
	dst := appendQueueTable([]byte(`{"offsetTable":`), t.OffsetTable)
	dst = append(dst, `,"topicPutTps":`...)
	return append(append(dst, encode(t.TopicPutTps)...), '}')
}
func (t *TopicStatsTable) Decode(b []byte) error { return decode(b, t) }
