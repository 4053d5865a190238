package broker

import (
	"strings"

	"github.com/raftmq/raftmq/remoting/message"
)

// sentProperties is what the broker wants to know of a message's properties, found in one pass: each further look at the string of every
// message would cost as much as applying it.
type sentProperties struct {
	unique, tags, keys, delay string
	transaction               bool // TRAN_MSG=true
	timer                     bool // an arbitrary delay
	popCheckpoint             bool
	ours                      bool // CLUSTER, MSG_REGION or TRACE_ON, which we set, is there already
}

func lookAt(properties string) (p sentProperties) {
	for name, value := range message.Properties(properties) {
		switch name {
		case message.PropertyUniqueKey:
			p.unique = value
		case message.PropertyTags:
			p.tags = value
		case message.PropertyKeys:
			p.keys = value
		case message.PropertyDelay:
			p.delay = value
		case message.PropertyTransaction:
			p.transaction = strings.EqualFold(value, "true")
		case message.PropertyTimerDelaySec, message.PropertyTimerDelayMillis, message.PropertyTimerDeliverMillis:
			p.timer = true
		case message.PropertyPopCheckpoint:
			p.popCheckpoint = true
		case message.PropertyCluster, message.PropertyRegion, message.PropertyTraceOn:
			p.ours = true
		}
	}
	return p
}

// delayed reports whether the message asks for a delay level.
func (p *sentProperties) delayed() bool { return p.delay != "" && p.delay != "0" }

// addedProperties are what the broker adds to every message.
type addedProperties struct {
	pairs []message.KeyValue
	text  string // the same, encoded
}

func newAddedProperties(cluster string) addedProperties {
	pairs := []message.KeyValue{
		{Name: message.PropertyCluster, Value: cluster},
		{Name: message.PropertyRegion, Value: defaultRegion},
		{Name: message.PropertyTraceOn, Value: "true"},
	}
	return addedProperties{pairs, message.EncodeProperties(pairs...)}
}

// to adds them to properties, which are not empty; some says that one of them may be there already.
func (a *addedProperties) to(properties string, some bool) string {
	const separator = "\x02"
	switch {
	case some:
		return message.SetProperties(properties, a.pairs...)
	case strings.HasSuffix(properties, separator):
		return properties + a.text
	default:
		return properties + separator + a.text
	}
}
