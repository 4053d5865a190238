// Package state is the replicated state machine of a broker group: what topics, groups, queues, consumer offsets, delay cursors and
// boundaries are after the log up to an index.
//
// # What it is not
//
// It knows no client, socket, clock or configuration file: what is to be done arrives as an entry of the log, and every member does the same
// (design D16). It does not decide when a boundary, a release or a removal is due; the broker's leader does and proposes it. It does not
// replicate: raftlog hands it committed entries, carries its images and keeps the log.
//
// # Flow
//
//	command_*.go   encode and decode sub-records; the byte drawings stand there
//	apply*.go      machine.apply: one switch over the kinds, one small function each
//	machine.go     the state in memory; content.go: the same as records
//	checkpoint.go  freeze (on the Apply goroutine) ─► fsync of log and queues ─► state.db ─► image at a boundary ─► removal of log
//	database.go    state.db (bbolt): a transaction is a checkpoint with the applied index inside
//	image.go       an image, and the digest that ends it; make_image.go: at a boundary
//	start.go       the start rule; damage.go, rebuild.go: damaged files are made again; install.go: an image takes the place of the state
//	keys.go        the key index, which follows what was applied
//	query*.go      what handlers ask; verify.go: the offline proof
//
// A message costs Apply its dispatch prefix, a look at its topic and a unit in the consume queue; it never parses the message. Everything on
// disk here is derived: state.db and queues that are damaged are made again from the oldest image in the log and the log (design D17).
// The formats are in docs/format/state.md.
//
// # Invariants
//
//  1. The state is a function of the entries up to the applied index. No clock, random number, map order or option reaches it.
//  2. A sub-record whose precondition does not hold has no effect but a result code, and cancels its span. A kind or version that is not known
//     stops the member.
//  3. Entries at or below the applied index have no effect.
//  4. The queue offset of a message is the count of messages that its queue has had, also before what retention removed.
//  5. state.db at index A: the log is durable to A, the queue files hold all units below A's tails.
//  6. An image is the state after exactly its boundary entry, the same bytes on every member.
//  7. Topic ids are never used twice, so a queue's files never belong to two topics.
//
// # Concurrency
//
// Apply, Install and the checkpointer's freeze exclude each other by State.apply. Queries come from anywhere at any time: topics and groups
// from copy-on-write tables without a lock, the rest of the machine under machine.mu for a map lookup, queues by their own locks. Hooks are called
// on the Apply goroutine with no lock held. The checkpointer and the key indexer are the only other goroutines; Stop waits for them. Lock order:
// State.apply → machine.mu → locks of the consume queues.
package state
