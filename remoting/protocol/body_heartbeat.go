package protocol

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// HeartbeatData is the body of code 34. Source: HeartbeatData.
type HeartbeatData struct {
	ClientID             string         `json:"clientID"`
	ConsumerDataSet      []ConsumerData `json:"consumerDataSet"`
	HeartbeatFingerprint int32          `json:"heartbeatFingerprint"` // 0: heartbeat V1
	ProducerDataSet      []ProducerData `json:"producerDataSet"`
	WithoutSub           bool           `json:"withoutSub"` // V2: subscriptions are left out and stay as they were
}

// ProducerData is one producer group of a client.
type ProducerData struct {
	GroupName string `json:"groupName"`
}

// ConsumerData is one consumer group of a client. Enums are names; see the lists below.
type ConsumerData struct {
	ConsumeFromWhere    string             `json:"consumeFromWhere"`
	ConsumeType         string             `json:"consumeType"`
	GroupName           string             `json:"groupName"`
	MessageModel        string             `json:"messageModel"`
	SubscriptionDataSet []SubscriptionData `json:"subscriptionDataSet"`
	UnitMode            bool               `json:"unitMode"`
}

// SubscriptionData is what a group wants of one topic. CodeSet is as the client computed it; SubString is what counts.
type SubscriptionData struct {
	ClassFilterMode bool     `json:"classFilterMode"`
	CodeSet         []int32  `json:"codeSet"`
	ExpressionType  string   `json:"expressionType"` // TAG or SQL92; empty is TAG
	SubString       string   `json:"subString"`
	SubVersion      int64    `json:"subVersion"` // ms
	TagsSet         []string `json:"tagsSet"`
	Topic           string   `json:"topic"`
}

// Enums by ordinal, which is how the C++ client sends them.
var (
	consumeTypes      = []string{"CONSUME_ACTIVELY", "CONSUME_PASSIVELY", "CONSUME_POP"}
	messageModels     = []string{"BROADCASTING", "CLUSTERING"}
	consumeFromWheres = []string{"CONSUME_FROM_LAST_OFFSET", "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
		"CONSUME_FROM_MIN_OFFSET", "CONSUME_FROM_MAX_OFFSET", "CONSUME_FROM_FIRST_OFFSET", "CONSUME_FROM_TIMESTAMP"}
)

func (d HeartbeatData) Encode() []byte {
	d.ProducerDataSet, d.ConsumerDataSet = orEmpty(d.ProducerDataSet), orEmpty(d.ConsumerDataSet)
	return encode(d)
}

// Decode accepts the variations of all clients: enums as ordinals, numbers as strings, sets that are absent or null.
func (d *HeartbeatData) Decode(b []byte) error {
	type plain HeartbeatData
	var p struct {
		plain
		IsWithoutSub bool `json:"isWithoutSub"`
	}
	if err := decode(b, &p); err != nil {
		return err
	}
	*d = HeartbeatData(p.plain)
	d.WithoutSub = d.WithoutSub || p.IsWithoutSub
	return nil
}

type plainConsumerData ConsumerData

func (d ConsumerData) MarshalJSON() ([]byte, error) {
	d.SubscriptionDataSet = orEmpty(d.SubscriptionDataSet)
	return encode(plainConsumerData(d)), nil
}

func (d *ConsumerData) UnmarshalJSON(b []byte) error {
	var p struct {
		plainConsumerData
		ConsumeFromWhere json.RawMessage `json:"consumeFromWhere"`
		ConsumeType      json.RawMessage `json:"consumeType"`
		MessageModel     json.RawMessage `json:"messageModel"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*d = ConsumerData(p.plainConsumerData)
	var err error
	if d.ConsumeFromWhere, err = enum(p.ConsumeFromWhere, consumeFromWheres); err != nil {
		return err
	}
	if d.ConsumeType, err = enum(p.ConsumeType, consumeTypes); err != nil {
		return err
	}
	d.MessageModel, err = enum(p.MessageModel, messageModels)
	return err
}

// enum reads a name, or an ordinal of names; absent and null are empty.
func enum(raw json.RawMessage, names []string) (string, error) {
	text := unquoted(raw)
	i, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return text, nil
	case i < 0 || i >= len(names):
		return "", fmt.Errorf("ordinal %d of %v", i, names)
	}
	return names[i], nil
}

type plainSubscription SubscriptionData

func (s SubscriptionData) MarshalJSON() ([]byte, error) {
	s.CodeSet, s.TagsSet = orEmpty(s.CodeSet), orEmpty(s.TagsSet)
	return encode(plainSubscription(s)), nil
}

func (s *SubscriptionData) UnmarshalJSON(b []byte) error {
	var p struct {
		plainSubscription
		CodeSet    []json.RawMessage `json:"codeSet"`
		SubVersion json.RawMessage   `json:"subVersion"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*s = SubscriptionData(p.plainSubscription)
	for _, raw := range p.CodeSet {
		code, err := integer(raw, 32)
		if err != nil {
			return err
		}
		s.CodeSet = append(s.CodeSet, int32(code))
	}
	var err error
	s.SubVersion, err = integer(p.SubVersion, 64)
	return err
}

// integer reads a number or a string with one; absent and null are 0.
func integer(raw json.RawMessage, bits int) (int64, error) {
	text := unquoted(raw)
	if text == "" {
		return 0, nil
	}
	return strconv.ParseInt(text, 10, bits)
}

// unquoted is the text of a scalar; null is empty.
func unquoted(raw json.RawMessage) string {
	text := strings.TrimSpace(string(raw))
	if strings.HasPrefix(text, `"`) {
		var s string
		json.Unmarshal(raw, &s)
		return s
	}
	if text == "null" {
		return ""
	}
	return text
}
