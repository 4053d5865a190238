// Package namesrv is the NameServer: it tells clients which brokers have which topic.
//
// # What it is not
//
// It holds nothing but what brokers told it since it started, writes no file, talks to no other NameServer and takes no part in
// Raft. Who leads is decided in package raftlog; brokers report it with their term, and the highest term wins.
//
// # Flow
//
// A frame arrives at Server.serve (server.go), which looks up its code in handlers, checks that the sender may send it, and calls
// the function of one family: handle_broker.go (register 103, unregister 104, heartbeat 904, version 322), handle_route.go (105),
// handle_admin.go (cluster, topic lists, write permission), handle_kv.go. They work on the table (table.go: who may register;
// liveness.go: who has gone; views.go: what clients see) under the Server's mutex and answer at once. expiry.go runs the clock.
//
// # Invariants
//
//  1. A client never sees two addresses for one id or two ids for one address.
//  2. Once a leader with a term has registered, no leader with a lower term does, also after the former has expired.
//  3. While any member of a group is registered, the group's route has id 0: the leader, else its lowest follower, which forwards.
//  4. Topics come from leaders; a follower only adds its address.
//  5. "Not ready" is answered only after an empty start, only for topics that are not known, and never again once it has ended.
//
// # Concurrency
//
// Server.mu guards table, KV store and readiness; it is never held over I/O (Reply queues, it does not write). Server.Run owns the
// expiry loop and returns after it and all connections have ended. table and kvStore know no locks.
package namesrv
