package protocol

import "encoding/json"

// SubscriptionGroupConfig is one subscription group: the body of code 200 and of the answer to code 352.
// Source: SubscriptionGroupConfig.
type SubscriptionGroupConfig struct {
	Attributes                     map[string]string `json:"attributes"`
	BrokerID                       int64             `json:"brokerId"`
	ConsumeBroadcastEnable         bool              `json:"consumeBroadcastEnable"`
	ConsumeEnable                  bool              `json:"consumeEnable"`
	ConsumeFromMinEnable           bool              `json:"consumeFromMinEnable"`
	ConsumeMessageOrderly          bool              `json:"consumeMessageOrderly"`
	ConsumeTimeoutMinute           int32             `json:"consumeTimeoutMinute"`
	GroupName                      string            `json:"groupName"`
	GroupRetryPolicy               json.RawMessage   `json:"groupRetryPolicy"` // as received; empty: the default
	GroupSysFlag                   int32             `json:"groupSysFlag"`
	NotifyConsumerIDsChangedEnable bool              `json:"notifyConsumerIdsChangedEnable"`
	RetryMaxTimes                  int32             `json:"retryMaxTimes"`
	RetryQueueNums                 int32             `json:"retryQueueNums"`
	WhichBrokerWhenConsumeSlowly   int64             `json:"whichBrokerWhenConsumeSlowly"`
}

// defaultRetryPolicy is what RocketMQ prints for a group without a policy of its own.
const defaultRetryPolicy = `{"type":"CUSTOMIZED"}`

// DefaultSubscriptionGroupConfig returns RocketMQ's defaults.
func DefaultSubscriptionGroupConfig(group string) SubscriptionGroupConfig {
	return SubscriptionGroupConfig{GroupName: group, ConsumeEnable: true, ConsumeFromMinEnable: true, ConsumeBroadcastEnable: true,
		RetryQueueNums: 1, RetryMaxTimes: 16, WhichBrokerWhenConsumeSlowly: 1, NotifyConsumerIDsChangedEnable: true, ConsumeTimeoutMinute: 15}
}

type plainGroupConfig SubscriptionGroupConfig

func (c SubscriptionGroupConfig) MarshalJSON() ([]byte, error) {
	c.Attributes = orEmptyMap(c.Attributes)
	if len(c.GroupRetryPolicy) == 0 {
		c.GroupRetryPolicy = json.RawMessage(defaultRetryPolicy)
	}
	return encode(plainGroupConfig(c)), nil
}

// UnmarshalJSON leaves what is missing at its default.
func (c *SubscriptionGroupConfig) UnmarshalJSON(b []byte) error {
	p := plainGroupConfig(DefaultSubscriptionGroupConfig(""))
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*c = SubscriptionGroupConfig(p)
	if policy := string(c.GroupRetryPolicy); policy == "null" || policy == defaultRetryPolicy {
		c.GroupRetryPolicy = nil
	}
	return nil
}

func (c SubscriptionGroupConfig) Encode() []byte         { return encode(c) }
func (c *SubscriptionGroupConfig) Decode(b []byte) error { return decode(b, c) }

// SubscriptionGroupList is the body of code 225.
type SubscriptionGroupList struct {
	GroupConfigList []SubscriptionGroupConfig `json:"groupConfigList"`
}

func (l SubscriptionGroupList) Encode() []byte {
	l.GroupConfigList = orEmpty(l.GroupConfigList)
	return encode(l)
}
func (l *SubscriptionGroupList) Decode(b []byte) error { return decode(b, l) }

// SubscriptionGroupWrapper is the body of the answer to code 201. It is standard JSON, which the Go admin insists on.
type SubscriptionGroupWrapper struct {
	DataVersion            DataVersion                        `json:"dataVersion"`
	ForbiddenTable         map[string]map[string]int32        `json:"forbiddenTable"`
	SubscriptionGroupTable map[string]SubscriptionGroupConfig `json:"subscriptionGroupTable"`
}

func (w SubscriptionGroupWrapper) Encode() []byte {
	w.ForbiddenTable, w.SubscriptionGroupTable = orEmptyMap(w.ForbiddenTable), orEmptyMap(w.SubscriptionGroupTable)
	return encode(w)
}
func (w *SubscriptionGroupWrapper) Decode(b []byte) error { return decode(b, w) }
