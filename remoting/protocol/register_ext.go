package protocol

// Fields that a broker of ours adds to request 103. A NameServer of another make ignores them.
const (
	// RegisterGroupField is the UUID of the Raft group. With it a NameServer tells a new group under an old name from a stale leader.
	RegisterGroupField = "raftmqGroup"
	// RegisterTopicsField says what the topics of the body are: RegisterFull, all of the group, so that what is missing was
	// deleted; or RegisterChanged, only those that have changed since this leader's last registration. Absent: unknown.
	RegisterTopicsField = "raftmqTopics"
	RegisterFull        = "full"
	RegisterChanged     = "changed"
)
