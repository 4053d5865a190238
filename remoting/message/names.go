package message

import (
	"errors"
	"strings"
)

// Names of system topics and prefixes.
const (
	RetryPrefix   = "%RETRY%"
	DLQPrefix     = "%DLQ%"
	ScheduleTopic = "SCHEDULE_TOPIC_XXXX"
	AutoCreateKey = "TBW102"

	HalfTopic          = "RMQ_SYS_TRANS_HALF_TOPIC"
	OpHalfTopic        = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
	CheckMaxTimeTopic  = "TRANS_CHECK_MAX_TIME_TOPIC"
	SelfTestTopic      = "SELF_TEST_TOPIC"
	OffsetMovedTopic   = "OFFSET_MOVED_EVENT"
	BenchmarkTopic     = "BenchmarkTest"
	TraceTopic         = "RMQ_SYS_TRACE_TOPIC"
	CheckpointTopic    = "CHECKPOINT_TOPIC"
	SystemPrefix       = "rmq_sys_"
	TimerTopic         = "rmq_sys_wheel_timer"
	ReplyTopicPostfix  = "_REPLY_TOPIC" // after the cluster's name
	SystemGroupPrefix  = "CID_RMQ_SYS_"
	ToolsConsumerGroup = "TOOLS_CONSUMER"
)

// Errors of ValidateTopic and ValidateGroup. Their texts go to clients as the remark of code 29.
// Source: TopicValidator#validateTopic, #validateGroup.
var (
	ErrTopicBlank   = errors.New("The specified topic is blank.")
	ErrTopicIllegal = errors.New("The specified topic contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$")
	ErrTopicLong    = errors.New("The specified topic is longer than topic max length.")
	ErrGroupBlank   = errors.New("The specified group is blank.")
	ErrGroupIllegal = errors.New("The specified group contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$")
	ErrGroupLong    = errors.New("The specified group is longer than group max length.")
)

// ValidateTopic checks a topic's name: letters, digits and %|_- only, at most 127 of them, or 255 after %RETRY% or
// %DLQ%. The error's text is for the client.
func ValidateTopic(name string) error {
	longest := TopicMax
	if strings.HasPrefix(name, RetryPrefix) || strings.HasPrefix(name, DLQPrefix) {
		longest = TopicMaxRetry
	}
	return validate(name, longest, ErrTopicBlank, ErrTopicIllegal, ErrTopicLong)
}

// ValidateGroup checks a producer or consumer group's name: characters as in a topic, at most 120.
func ValidateGroup(name string) error {
	return validate(name, GroupMax, ErrGroupBlank, ErrGroupIllegal, ErrGroupLong)
}

func validate(name string, longest int, blank, illegal, long error) error {
	switch {
	case strings.TrimSpace(name) == "":
		return blank
	case !legal(name):
		return illegal
	case len(name) > longest:
		return long
	}
	return nil
}

func legal(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '%' || c == '|' || c == '_' || c == '-':
		default:
			return false
		}
	}
	return true
}

// IsForbiddenTarget reports whether clients may not send to name (code 16).
// Source: TopicValidator#isNotAllowedSendTopic.
func IsForbiddenTarget(name string) bool {
	switch name {
	case ScheduleTopic, HalfTopic, OpHalfTopic, CheckMaxTimeTopic, SelfTestTopic, OffsetMovedTopic:
		return true
	}
	return false
}

// IsSystemTopic reports whether name may not be created or deleted by clients (code 29). The topics named after the
// cluster and the broker are system topics too; who knows those names must check them besides.
// Source: TopicValidator#isSystemTopic.
func IsSystemTopic(name string) bool {
	switch name {
	case AutoCreateKey, BenchmarkTopic, TraceTopic, CheckpointTopic:
		return true
	}
	return IsForbiddenTarget(name) || strings.HasPrefix(name, SystemPrefix)
}

// IsRetryTopic and IsDLQTopic tell the two kinds of topics that belong to a consumer group.
func IsRetryTopic(name string) bool { return strings.HasPrefix(name, RetryPrefix) }
func IsDLQTopic(name string) bool   { return strings.HasPrefix(name, DLQPrefix) }

// RetryTopic and DLQTopic name the topics of a consumer group.
func RetryTopic(group string) string { return RetryPrefix + group }
func DLQTopic(group string) string   { return DLQPrefix + group }
