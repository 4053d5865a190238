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

// RegisterRefusedField says in the answer of a NameServer of ours why 103 or 904 was refused with code 1.
const (
	RegisterRefusedField = "raftmqRefused"
	RefusedNeedFull      = "needFull"      // changed topics of a leader whose full table is not known: send it
	RefusedStale         = "stale"         // somebody registered with a higher term: find out the role anew
	RefusedConflict      = "conflict"      // the name, the id or the address belongs to another broker
	RefusedFull          = "full"          // the route table is full
	RefusedUnknown       = "notRegistered" // a heartbeat of a member that is not registered: register
	RefusedUnsigned      = "unsigned"      // the NameServer has a secret, and the request no signature by it
	RefusedOlder         = "older"         // a later signature was seen; RegisterSequenceField has its sequence
	// RegisterSequenceField is the sequence to go on from.
	RegisterSequenceField = "raftmqSequence"
)
