package protocol

// QueueData is what one broker group has of a topic.
type QueueData struct {
	BrokerName     string `json:"brokerName"`
	Perm           int32  `json:"perm"`
	ReadQueueNums  int32  `json:"readQueueNums"`
	TopicSysFlag   int32  `json:"topicSysFlag"`
	WriteQueueNums int32  `json:"writeQueueNums"`
}

// BrokerData is one broker group: the addresses of its members by broker id, 0 being the leader's.
type BrokerData struct {
	BrokerAddrs        map[int64]string `json:"brokerAddrs"`
	BrokerName         string           `json:"brokerName"`
	Cluster            string           `json:"cluster"`
	EnableActingMaster bool             `json:"enableActingMaster"`
}

// TopicRouteData is the body of the answer to code 105 and of code 217. Source: TopicRouteData.
type TopicRouteData struct {
	BrokerDatas       []BrokerData        `json:"brokerDatas"`
	FilterServerTable map[string][]string `json:"filterServerTable"`
	OrderTopicConf    string              `json:"orderTopicConf,omitempty"`
	QueueDatas        []QueueData         `json:"queueDatas"`
}

// Encode prints standard JSON, compact and with quoted broker ids, which every client reads: the Go client splits the text
// of brokerAddrs at commas and colons by hand.
func (d TopicRouteData) Encode() []byte {
	d.BrokerDatas, d.QueueDatas = orEmpty(d.BrokerDatas), orEmpty(d.QueueDatas)
	d.FilterServerTable = orEmptyMap(d.FilterServerTable)
	return encode(d)
}

// EncodeUnquoted is Encode with bare broker ids, as RocketMQ prints for a version below VersionStandardJSON that does not
// ask for standard JSON.
func (d TopicRouteData) EncodeUnquoted() []byte { return unquoteIDs(d.Encode()) }

func (d *TopicRouteData) Decode(b []byte) error { return decode(b, d) }

// unquoteIDs removes the quotes around keys that are numbers from compact JSON.
func unquoteIDs(src []byte) []byte {
	dst := make([]byte, 0, len(src))
	for i := 0; i < len(src); {
		end := i + 1
		if src[i] != '"' {
			dst = append(dst, src[i])
			i = end
			continue
		}
		number := true
		for ; end < len(src) && src[end] != '"'; end++ {
			number = number && '0' <= src[end] && src[end] <= '9'
			if src[end] == '\\' {
				end++
			}
		}
		if number && end > i+1 && end+1 < len(src) && src[end+1] == ':' {
			dst = append(dst, src[i+1:end]...)
		} else {
			dst = append(dst, src[i:end+1]...)
		}
		i = end + 1
	}
	return dst
}

// ClusterInfo is the body of the answer to code 106. Source: ClusterInfo.
type ClusterInfo struct {
	BrokerAddrTable  map[string]BrokerData `json:"brokerAddrTable"`  // by broker name
	ClusterAddrTable map[string][]string   `json:"clusterAddrTable"` // broker names by cluster
}

func (c ClusterInfo) Encode() []byte {
	c.BrokerAddrTable, c.ClusterAddrTable = orEmptyMap(c.BrokerAddrTable), orEmptyMap(c.ClusterAddrTable)
	return encode(c)
}
func (c *ClusterInfo) Decode(b []byte) error { return decode(b, c) }

// BrokerMemberGroup is the body of the answer to code 901.
type BrokerMemberGroup struct {
	BrokerAddrs map[int64]string `json:"brokerAddrs"`
	BrokerName  string           `json:"brokerName"`
	Cluster     string           `json:"cluster"`
}

// memberGroupBody is how a BrokerMemberGroup is wrapped. Source: GetBrokerMemberGroupResponseBody.
type memberGroupBody struct {
	BrokerMemberGroup BrokerMemberGroup `json:"brokerMemberGroup"`
}

func (g BrokerMemberGroup) Encode() []byte {
	g.BrokerAddrs = orEmptyMap(g.BrokerAddrs)
	return encode(memberGroupBody{g})
}
func (g *BrokerMemberGroup) Decode(b []byte) error {
	var body memberGroupBody
	err := decode(b, &body)
	*g = body.BrokerMemberGroup
	return err
}
