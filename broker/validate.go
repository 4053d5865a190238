package broker

import (
	"strconv"
	"strings"

	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Ranges of what administration requests may ask for (R-N4).
const (
	topicQueuesMax = 16_384
	retryQueuesMax = 64
	retryTimesMax  = 1 << 20
	listMax        = 10_000 // entries in one list of topics or groups
)

// topicAttributes are the attributes a topic may have, with the check of their values (TopicAttributes). What is missing from the
// values asks for a kind of topic that does not exist here.
var topicAttributes = map[string]func(string) bool{
	"queue.type":     oneOf("SimpleCQ"),
	"cleanup.policy": oneOf("DELETE"),
	"message.type":   oneOf("UNSPECIFIED", "NORMAL", "FIFO", "DELAY", "TRANSACTION"),
	"reserve.time":   isNumber,
}

func oneOf(values ...string) func(string) bool {
	return func(v string) bool {
		for _, w := range values {
			if v == w {
				return true
			}
		}
		return false
	}
}

func isNumber(v string) bool {
	_, err := strconv.ParseInt(v, 10, 64)
	return err == nil
}

// alterAttributes applies "+key=value,-key" to attributes and returns the new ones.
func alterAttributes(old map[string]string, text string) (map[string]string, error) {
	changed := make(map[string]string, len(old))
	for k, v := range old {
		changed[k] = v
	}
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		if err := alterAttribute(changed, entry); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

func alterAttribute(attributes map[string]string, entry string) error {
	if key, ok := strings.CutPrefix(entry, "-"); ok {
		if topicAttributes[key] == nil {
			return refuse(errSystem, "attribute [%s] is unknown", clip(key))
		}
		delete(attributes, key)
		return nil
	}
	key, value, ok := strings.Cut(strings.TrimPrefix(entry, "+"), "=")
	valid := topicAttributes[key]
	switch {
	case !ok || !strings.HasPrefix(entry, "+"):
		return refuse(errSystem, "attribute %q is neither +key=value nor -key", clip(entry))
	case valid == nil:
		return refuse(errSystem, "attribute [%s] is unknown", clip(key))
	case !valid(value):
		return refuse(errSystem, "attribute [%s] may not be %q", key, clip(value))
	}
	attributes[key] = value
	return nil
}

// validateQueues checks the numbers and permission of a topic.
func validateQueues(read, write, perm int32) error {
	switch {
	case read < 0 || read > topicQueuesMax || write < 0 || write > topicQueuesMax:
		return refuse(errBadParameter, "%d read and %d write queues, allowed are 0 to %d", read, write, topicQueuesMax)
	case perm < 0 || perm > permReadWrite|protocol.PermInherit:
		return refuse(errBadParameter, "perm %d is not made of read 4, write 2 and inherit 1", perm)
	}
	return nil
}

// validateNewTopic checks the name of a topic that a client creates or deletes; fixed are the names of this group's own topics.
func validateNewTopic(name string, fixed map[string]bool) error {
	if err := message.ValidateTopic(name); err != nil {
		return refuse(errBadParameter, "%s", err)
	}
	if message.IsSystemTopic(name) || fixed[name] {
		return refuse(errBadParameter, "The topic[%s] is conflict with system topic.", name)
	}
	return nil
}
