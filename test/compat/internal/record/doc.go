// Package record stands between a client and a server, passes every byte on unchanged, and keeps one frame of each kind.
//
// # What it is not
//
// It does not interpret frames beyond their header (package frame does) and does not change them. Addresses inside the
// frames stay as they are, so the relay must listen where the client will look: the server is told to advertise the
// relay's address (brokerIP1) while it listens on another (bindAddress).
//
// # Flow
//
// A Relay (relay.go) copies both directions of a connection frame by frame and hands each frame to a Book (book.go). The
// Book finds the request of each response by its opaque and keeps the first frame of every kind; Write (golden.go)
// stores them as hex files.
//
// # Invariants
//
//  1. What one side sent reaches the other side byte for byte, also when it is not a frame that we understand.
//  2. A response is filed under the code of its request, which the response itself does not carry.
//
// # Concurrency
//
// Two goroutines for each relayed connection; a Book may be used by any number of them.
package record
