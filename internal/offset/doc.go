// Package offset holds the position types of raftmq. Positions that differ in meaning are different
// Go types, so that mixing them does not compile.
//
// It is not a place for arithmetic on records or queues: the packages that own those do it.
package offset
