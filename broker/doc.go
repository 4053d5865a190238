// Package broker is one member of a broker group as clients see it: it serves RocketMQ's requests on the client port,
// waits for what the replicated state machine makes of them, and registers the member at the NameServers.
//
// # What it is not
//
// It stores nothing. Messages, topics, groups, offsets and delay cursors live in broker/state, which applies what raftlog
// replicates; bytes on disk are raftlog/commitlog's and consumequeue's. It does not know frames (remoting) or the layout of a
// message (remoting/message). Connected clients and parked pulls are the only things it alone knows, and they are gone with it.
//
// # Flow
//
// A request arrives in [dispatcher.Serve] (dispatch.go), which looks its code up in one table (codes.go): the class says who may
// send it, the follower rule whether a member that does not lead serves it, forwards it (forward.go) or refuses it. A request that
// needs a leader while there is none waits in the gate (gate.go) within its budget. The handlers (handle_*.go, one file per family)
// answer at once, or propose sub-records and answer from the completion (handle_send.go), or park a pull (hold.go). Errors become
// response codes in replies.go and nowhere else.
//
// What only a leader does runs between its LeaderStart entry and the loss of leadership (leader.go): the release of delayed
// messages (delay.go), boundaries and retention (retention.go), the watch over its followers (replicas.go). Every member flushes
// gathered consumer offsets (offsets.go), expires clients (clients.go) and registers (register.go). Before a planned stop a member
// retires (retire.go): it hands leadership over and serves those who still have its address.
//
// # Invariants
//
//  1. A success is answered only after the entry that carries the change was applied on this member, or by the leader that said so.
//  2. A request is proposed again, or handed to another leader, only if the attempt before certainly had no effect.
//  3. A forwarded request is never forwarded again.
//  4. A member that does not lead, or whose lease is not valid, never answers that an offset is illegal or unknown.
//  5. Every request that wants a reply gets exactly one, also at shutdown, on an install and when leadership moves.
//  6. A request whose code has no class is refused.
//  7. Store timestamps of what a leader proposes never decrease, and start at or above those of the leaders before it.
//
// # Concurrency
//
// Serve runs on the reader goroutine of a connection and must not block, so no goroutine waits per request: a reply that comes
// later comes from a completion of raftlog, from a shard of the hold, from the gate or from a forwarding stream. Every background
// loop is started by Run, ends with its context and is waited for. What handlers share is immutable or has its own mutex, named
// beside it; no mutex is held over a proposal except the one of the store clock (clock.go), which orders proposals.
package broker
