// Package message is one RocketMQ message: its stored bytes, its property string, its flags, ids and names.
//
// # What it is not
//
// It knows no broker, no socket and no file. Where a message is stored, which offsets it gets and who may send it is
// decided by broker and broker/state; how requests travel is package remoting's. The sub-record that carries a stored
// message inside a log entry belongs to broker/state.
//
// # Flow
//
// A send handler fills a [Message] from a request and [AppendStored] turns it into the bytes that clients read back
// (stored.go). Apply assigns the offsets, and [StampOffsets] writes them into the bytes that leave. A batch send
// (code 320) is split by [DecodeBatch] (batch.go). Properties stay one encoded string all the way; properties.go reads
// and edits it in place of a map. hash.go has Java's string hash, on which tag filtering rests; ids.go the two kinds of
// message id; names.go topics and groups; delay.go the delay levels.
//
// # Invariants
//
//  1. Encoding depends on the Message only: equal messages give equal bytes on every member.
//  2. Every length that was read is checked against what remains before it is used; decoding never allocates by it.
//  3. A decoded message encodes to a message that decodes to the same.
//  4. Only layout v1 is written unless the topic needs v2, since the Go, Node and C++ clients read nothing else.
//
// # Concurrency
//
// Functions here keep no state and may be called from any goroutine; [UniqueIDs] synchronises itself.
// The bodies that a decoder returns alias its input: who keeps one must keep the input unchanged, or clone.
package message
