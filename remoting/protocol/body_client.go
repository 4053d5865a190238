package protocol

// ConsumerList is the body of the answer to code 38. Source: GetConsumerListByGroupResponseBody.
type ConsumerList struct {
	ConsumerIDList []string `json:"consumerIdList"`
}

func (l ConsumerList) Encode() []byte {
	l.ConsumerIDList = orEmpty(l.ConsumerIDList)
	return encode(l)
}
func (l *ConsumerList) Decode(b []byte) error { return decode(b, l) }

// LockBatchRequest is the body of codes 41 and 42. Source: LockBatchRequestBody.
type LockBatchRequest struct {
	ClientID       string         `json:"clientId"`
	ConsumerGroup  string         `json:"consumerGroup"`
	MQSet          []MessageQueue `json:"mqSet"`
	OnlyThisBroker bool           `json:"onlyThisBroker"`
}

func (r LockBatchRequest) Encode() []byte {
	r.MQSet = orEmpty(r.MQSet)
	return encode(r)
}
func (r *LockBatchRequest) Decode(b []byte) error { return decode(b, r) }

// LockBatchResponse is the body of the answer to code 41: the queues that the client has.
type LockBatchResponse struct {
	LockOKMQSet []MessageQueue `json:"lockOKMQSet"`
}

func (r LockBatchResponse) Encode() []byte {
	r.LockOKMQSet = orEmpty(r.LockOKMQSet)
	return encode(r)
}
func (r *LockBatchResponse) Decode(b []byte) error { return decode(b, r) }

// CheckClientRequest is the body of code 46. Source: CheckClientRequestBody.
type CheckClientRequest struct {
	ClientID         string           `json:"clientId"`
	Group            string           `json:"group"`
	SubscriptionData SubscriptionData `json:"subscriptionData"`
}

func (r CheckClientRequest) Encode() []byte         { return encode(r) }
func (r *CheckClientRequest) Decode(b []byte) error { return decode(b, r) }

// Connection is one connected client.
type Connection struct {
	ClientAddr string `json:"clientAddr"` // ip:port
	ClientID   string `json:"clientId"`
	Language   string `json:"language"` // Language.String
	Version    int32  `json:"version"`
}

// ConsumerConnection is the body of the answer to code 203. Source: ConsumerConnection.
type ConsumerConnection struct {
	ConnectionSet     []Connection                `json:"connectionSet"`
	ConsumeFromWhere  string                      `json:"consumeFromWhere"`
	ConsumeType       string                      `json:"consumeType"`
	MessageModel      string                      `json:"messageModel"`
	SubscriptionTable map[string]SubscriptionData `json:"subscriptionTable"` // by topic
}

func (c ConsumerConnection) Encode() []byte {
	c.ConnectionSet, c.SubscriptionTable = orEmpty(c.ConnectionSet), orEmptyMap(c.SubscriptionTable)
	return encode(c)
}
func (c *ConsumerConnection) Decode(b []byte) error { return decode(b, c) }

// ProducerConnection is the body of the answer to code 204.
type ProducerConnection struct {
	ConnectionSet []Connection `json:"connectionSet"`
}

func (c ProducerConnection) Encode() []byte {
	c.ConnectionSet = orEmpty(c.ConnectionSet)
	return encode(c)
}
func (c *ProducerConnection) Decode(b []byte) error { return decode(b, c) }

// ProducerInfo is one connected producer.
type ProducerInfo struct {
	ClientID            string `json:"clientId"`
	Language            string `json:"language"`
	LastUpdateTimestamp int64  `json:"lastUpdateTimestamp"` // ms
	RemoteIP            string `json:"remoteIP"`            // "/ip:port"
	Version             int32  `json:"version"`
}

// ProducerTableInfo is the body of the answer to code 328.
type ProducerTableInfo struct {
	Data map[string][]ProducerInfo `json:"data"` // by producer group
}

func (t ProducerTableInfo) Encode() []byte {
	t.Data = orEmptyMap(t.Data)
	return encode(t)
}
func (t *ProducerTableInfo) Decode(b []byte) error { return decode(b, t) }

// OffsetWrapper is how far a group is in one queue.
type OffsetWrapper struct {
	BrokerOffset   int64 `json:"brokerOffset"`   // the queue's next
	ConsumerOffset int64 `json:"consumerOffset"` // the group's next; -1: none
	LastTimestamp  int64 `json:"lastTimestamp"`  // ms, store time of the message before ConsumerOffset
	PullOffset     int64 `json:"pullOffset"`
}

// ConsumeStats is the body of the answer to code 208. Its keys are objects. Source: ConsumeStats.
type ConsumeStats struct {
	ConsumeTps  float64                        `json:"consumeTps"`
	OffsetTable map[MessageQueue]OffsetWrapper `json:"offsetTable"`
}

func (s ConsumeStats) Encode() []byte {
	dst := append([]byte(`{"consumeTps":`), encode(s.ConsumeTps)...)
	return append(appendQueueTable(append(dst, `,"offsetTable":`...), s.OffsetTable), '}')
}
func (s *ConsumeStats) Decode(b []byte) error { return decode(b, s) }

// ResetOffsetBody is the body of the answer to code 222 and of code 220 to all but C++ clients. Its keys are objects.
type ResetOffsetBody struct {
	OffsetTable map[MessageQueue]int64 `json:"offsetTable"`
}

func (r ResetOffsetBody) Encode() []byte {
	return append(appendQueueTable([]byte(`{"offsetTable":`), r.OffsetTable), '}')
}
func (r *ResetOffsetBody) Decode(b []byte) error { return decode(b, r) }

// KVTable is the body of the answers to codes 28, 103 and 219.
type KVTable struct {
	Table map[string]string `json:"table"`
}

func (t KVTable) Encode() []byte {
	t.Table = orEmptyMap(t.Table)
	return encode(t)
}
func (t *KVTable) Decode(b []byte) error { return decode(b, t) }
