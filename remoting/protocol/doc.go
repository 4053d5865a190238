// Package protocol is what RocketMQ's requests mean on the wire: codes, typed headers, bodies and the texts of answers.
//
// # What it is not
//
// It has no sockets and no files, and it answers nothing: frames are package remoting's, messages are
// remoting/message's, what a request does is decided in broker and namesrv. It checks form (is it there, does it parse,
// is it within a cap), not sense: ranges of queue ids, names and permissions are the handlers' to check.
//
// # Flow
//
// A handler gets a command with [Fields] and a body. It decodes the fields into the header of its code (header_*.go; the
// two that every message pays for, send and pull, are written by hand, all others list their fields once for both
// directions, see visitor.go), and the body with the Decode method of its type (body_*.go). Bodies go through the tolerant
// reader in package fastjson; tables whose keys are queues are printed as Java reads them (messagequeue.go).
// [Codes] is the one table of request codes (codes_table.go), with who may send them and who serves them.
//
// # Invariants
//
//  1. Decode after AppendFields gives the same header; the same holds for bodies.
//  2. Optional fields that are unset are left out; all values are text.
//  3. JSON that we print is compact, its object keys stand in a fixed order, and lists are never null.
//  4. No input makes a decoder recurse beyond 16, inflate beyond [RegisterInflatedMax], or allocate by a number it read.
//  5. Every request code has exactly one entry in Codes and so exactly one [Class].
//
// # Concurrency
//
// Functions keep no state; tables are never changed.
package protocol
