package state

// Kind is the kind of a sub-record (commitlog.SubRecord). Numbers are part of the log format and never reused.
type Kind uint8

const (
	KindMessage       Kind = 1
	KindLeaderStart   Kind = 2
	KindPutTopic      Kind = 3
	KindDeleteTopic   Kind = 4
	KindPutGroup      Kind = 5
	KindDeleteGroup   Kind = 6
	KindCommitOffsets Kind = 7
	KindResetOffset   Kind = 8
	KindAdvanceDelay  Kind = 9
	KindBoundary      Kind = 10
	KindRetain        Kind = 11
	KindFeatureLevel  Kind = 12
	KindLockQueues    Kind = 13
	KindUnlockQueues  Kind = 14
	KindResetTold     Kind = 15
	KindPutSettings   Kind = 16
)

var kindNames = [...]string{"", "message", "leaderStart", "putTopic", "deleteTopic", "putGroup", "deleteGroup", "commitOffsets",
	"resetOffset", "advanceDelay", "boundary", "retain", "featureLevel", "lockQueues", "unlockQueues", "resetTold", "putSettings"}

// String names the kind, for messages.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// kindVersion is the version of every kind so far (SubRecord.Version).
const kindVersion = 1

// Result codes of sub-records (raftlog.Result.Code).
const (
	OK            int32 = 0
	NoSuchTopic   int32 = 1 // the topic id does not exist (any more)
	NoSuchGroup   int32 = 2
	Stale         int32 = 3 // the stated precondition did not hold; no effect
	Invalid       int32 = 4 // e.g. a queue id outside the topic, or a payload that does not decode
	SpanCancelled int32 = 5 // the sub-record that this one belongs to had no effect
	Failed        int32 = 6 // this member failed while applying and is about to end: outcome unknown
)

// Limits of what Apply accepts. They are part of the format: all members have to draw them at the same place.
const (
	nameBytesMax  = 1024   // of a topic, group or member
	queuesMax     = 16_384 // of a topic, to read or to write
	delayLevelMax = 1024
)
