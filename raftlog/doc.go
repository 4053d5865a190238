// Package raftlog is one member of one broker group: a hashicorp/raft node whose replicated log is the CommitLog, and which
// hands committed entries to an Applier.
//
// # What it is not
//
// It knows no topics and no clients: package broker/state is its Applier, package broker its user. Segment files, checksums and
// recovery of the log are package commitlog.
//
// # Flow
//
// A proposal is copied into the batch that is being gathered (proposer.go), which goes to raft as one entry. Raft appends it
// through logstore.go and replicates it through transport.go and pipeline.go: frames (frames.go) over connections (network.go,
// link.go, accept.go, greetings.go) that begin with a handshake (handshake.go), in which an old copy of a member and a second process of one are found
// out (standing.go). The other side is serve.go. Leader and followers fsync it at the same time, and raft hears of no follower's acknowledgement before
// the leader's own fsync is done (transport.go). When a majority has fsynced it, raft hands it to the shell of the state machine (fsm.go), and the
// proposer answers.
//
// A new member gets its identity in identity.go and its group in bootstrap.go and probe.go. What a member needs that is too far
// behind for the log is an image of the state and the log after it: images.go and imagefile.go keep them, imagesend.go and
// imagereceive.go move them, storage.go brings log, images and state together at start and at an install. membership.go adds,
// removes and promotes. deathwatch.go elects at once when the leader's process died; watchdog.go stops a member whose storage
// hangs; scrub.go looks for damage, damage.go leaves the group when some is found, quarantine.go keeps the member away then, setaside.go
// clears the place for a new instance; lease.go, follow.go and status.go say who knows what. node.go and instance.go tie it together.
//
// # Invariants
//
//  1. An entry is answered as applied only when a majority has it durably (FlushSync) and this member has applied it.
//  2. A proposal that is refused, or answered with an error that wraps ErrNotAppended, never takes effect. One answered with
//     ErrUnknown may.
//  3. Nothing at or below the commit index is ever deleted but by retention. An attempt stops the process and keeps the files.
//  4. No byte reaches raft from a peer that has not proved that it knows the group's secret and UUID and that it means this very
//     instance; no command whose checksums do not match.
//  5. A vote is one value on disk, and a member without its term and vote does not start beside a log.
//  6. A member whose directory was emptied is a new instance and no member.
//  7. An image is published only when the log is durable to its index, and replaces a member's log and state either wholly or
//     not at all, whatever crash comes between.
//  8. Bytes that do not match their checksum go to nobody: not to the state machine, not to a peer, not to a client. The member that
//     has them leaves the group as soon as the others can do without it, and does not come back over the same files.
//  9. A leader's request to a peer that cannot be reached waits for the peer and not for raft's back-off.
//
// # Concurrency
//
// Every exported method may be called from any goroutine. Completions are called on one goroutine of the proposer, in the order
// of the entries; the Applier on raft's goroutine for it, or, for an install, while no raft instance runs. Locks are leaves: none is held over
// I/O, a channel send or a callback, except that Node.instanceMu is held while a raft instance is replaced, imageStore.changing
// while images are published or removed, and directory.mu and stableStore.mu while their file is written. Node.Run waits for every goroutine it has started.
package raftlog
