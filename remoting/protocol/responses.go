package protocol

import "strconv"

// Response codes. Source: ResponseCode, RemotingSysResponseCode.
const (
	Success                 int32 = 0
	SystemError             int32 = 1
	SystemBusy              int32 = 2
	RequestCodeNotSupported int32 = 3

	FlushDiskTimeout    int32 = 10
	SlaveNotAvailable   int32 = 11
	FlushSlaveTimeout   int32 = 12
	MessageIllegal      int32 = 13
	ServiceNotAvailable int32 = 14
	VersionNotSupported int32 = 15
	NoPermission        int32 = 16
	TopicNotExist       int32 = 17
	TopicExistAlready   int32 = 18

	PullNotFound         int32 = 19
	PullRetryImmediately int32 = 20
	PullOffsetMoved      int32 = 21
	QueryNotFound        int32 = 22

	SubscriptionParseFailed   int32 = 23
	SubscriptionNotExist      int32 = 24
	SubscriptionNotLatest     int32 = 25
	SubscriptionGroupNotExist int32 = 26
	FilterDataNotExist        int32 = 27
	FilterDataNotLatest       int32 = 28
	InvalidParameter          int32 = 29

	ConsumerNotOnline int32 = 206
	ConsumeMsgTimeout int32 = 207
	NoMessage         int32 = 208
	PollingFull       int32 = 209
	PollingTimeout    int32 = 210
	FlowControl       int32 = 215
	IllegalOperation  int32 = 604
	GoAway            int32 = 1500
)

// Versions that decide what is answered (remoting.md section 2.7).
const (
	VersionReconsumeTimes int32 = 121 // V3_4_9: maxReconsumeTimes in headers is honoured from here on
	VersionStandardJSON   int32 = 401 // V4_9_4: routes are standard JSON from here on
	VersionMappingInfo    int32 = 413 // V5_0_0: registrations carry topic queue mappings from here on
	VersionGoAway         int32 = 475 // V5_3_1: code 1500 is understood beyond this one
)

// Remarks that clients and tools show, or are known by.
const (
	RemarkOverload      = "[OVERLOAD]system busy, start flow control for a while"
	RemarkReject        = "[REJECTREQUEST]system busy, start flow control for a while"
	RemarkNotReady      = "name server not ready"
	RemarkGoAway        = "please go away"
	RemarkNoGroup       = "No group in this broker"
	RemarkNoOffset      = "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first"
	RemarkNoOffsetZero  = "Not found, do not set to zero, maybe this group boot first"
	RemarkOffsetReset   = "Offset has been previously reset"
	RemarkQueryNotFound = "can not find message, maybe time range not correct"
	RemarkNotInConfig   = "Can not update config in black list."
	RemarkNoKeys        = "Required message key is missing"
	RemarkNoSQL92       = "The broker does not support consumer to filter message by SQL92"
	RemarkCRC           = "crc32 not match"
	RemarkRegister      = "register broker failed"
)

// faq ends a few of RocketMQ's remarks.
const faq = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."

// RemarkNotSupported is RocketMQ's text for code 3; it begins with a space.
func RemarkNotSupported(code int32) string {
	return " request type " + strconv.Itoa(int(code)) + " not supported"
}

// RemarkNoRoute is the name server's text for code 17.
func RemarkNoRoute(topic string) string {
	return "No topic route info in name server for the topic: " + topic + faq
}

// RemarkNoTopic is the broker's text for code 17.
func RemarkNoTopic(topic string) string {
	return "topic[" + topic + "] not exist, apply first please!" + faq
}

// RemarkForbiddenTopic is the text of code 16 for a send to a reserved topic.
func RemarkForbiddenTopic(topic string) string {
	return "Sending message to topic[" + topic + "] is forbidden."
}

// RemarkNoSubscriptionGroup is the text of code 26.
func RemarkNoSubscriptionGroup(group string) string {
	return "subscription group [" + group + "] does not exist," + faq
}

// RemarkGroupOffline is the text of code 206.
func RemarkGroupOffline(group string) string { return "the consumer group[" + group + "] not online" }

// RemarkNoConsumers is the text of code 1 for a consumer list without consumers.
func RemarkNoConsumers(group string) string { return "no consumer for this group, " + group }

// RemarkNoMessageAt is the text of code 1 for a view of an offset where no message begins.
func RemarkNoMessageAt(offset int64) string {
	return "can not find message by the offset, " + strconv.FormatInt(offset, 10)
}

// RemarkSendBackMissing is the text of code 1 for a send-back of a message that is not here.
func RemarkSendBackMissing(offset int64) string {
	return "look message by offset failed, " + strconv.FormatInt(offset, 10)
}

// Remarks of pull answers: the status name (codes.md section 4.1).
const (
	PullFound               = "FOUND"
	PullNoMatchedMessage    = "NO_MATCHED_MESSAGE"
	PullMessageWasRemoving  = "MESSAGE_WAS_REMOVING"
	PullOffsetFoundNull     = "OFFSET_FOUND_NULL"
	PullOffsetOverflowBadly = "OFFSET_OVERFLOW_BADLY"
	PullOffsetOverflowOne   = "OFFSET_OVERFLOW_ONE"
	PullOffsetTooSmall      = "OFFSET_TOO_SMALL"
	PullNoMatchedQueue      = "NO_MATCHED_LOGIC_QUEUE"
	PullNoMessageInQueue    = "NO_MESSAGE_IN_QUEUE"
	PullOffsetReset         = "OFFSET_RESET"
)

// Reasons of code 16 on a pull: forbiddenType of the response header.
const (
	ForbiddenBroker       int32 = 1
	ForbiddenGroup        int32 = 2
	ForbiddenTopic        int32 = 3
	ForbiddenBroadcast    int32 = 4
	ForbiddenSubscription int32 = 5
)

// Bits of a pull's sysFlag. Source: PullSysFlag.
const (
	PullCommitOffset int32 = 1 << iota
	PullSuspend
	PullSubscription
	PullClassFilter
	PullLite
)

// Bits of perm. Source: PermName.
const (
	PermInherit int32 = 1 << iota
	PermWrite
	PermRead
	PermPriority
)
