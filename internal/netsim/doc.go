// Package netsim is a network in memory: named hosts whose listeners and connections behave like TCP, and which a test
// can cut, slow down, refuse, reset and kill.
//
// # What it is not
//
// It knows nothing of what is sent. It opens no socket and reads no real clock of its own: inside a testing/synctest
// bubble every delay is virtual and exact.
//
// # Flow
//
// Network.Host gives the handle of a process on a host; Host.Listen and Host.Dial are injected where a program would
// use package net (host.go). A connection is a pair of byte streams (conn.go) over the links between two hosts
// (link.go). Faults are methods of Network (faults.go).
//
// # Invariants
//
//  1. Bytes arrive in order, unchanged, and at most once; a cut holds them back and a heal delivers them, as
//     retransmission would.
//  2. A dial to a host without a process listening on the port is refused with syscall.ECONNREFUSED; a dial across a cut
//     hangs until its context ends.
//  3. When a process is killed its peers see a reset as soon as the link lets it through, and its own calls fail with
//     net.ErrClosed.
//  4. Nothing is delivered earlier than the link's latency after it was written.
//
// # Concurrency
//
// Every method may be called from any goroutine. Blocked calls wait on a condition variable, so a bubble's clock
// advances while they do. The package starts no goroutine.
package netsim
