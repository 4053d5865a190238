// Package pair is the journal of a producer and a consumer that run for long, and the verdict on it.
//
// # What it is not
//
// It sends and receives nothing: cmd/pair does so with the Go client, java/ with the Java clients, and both write the
// same journal, so that one judge serves all. It injects no fault; whoever does writes events of kind Fault.
//
// # Flow
//
// A Journal (journal.go) appends events as JSON lines while the programs run. Read merges journals, Judge (report.go)
// turns the events into a Report, gaps.go measures how long the acknowledgements stopped around each fault.
//
// # Invariants
//
//  1. An id is sent by one lane, and a lane sends its next message only after the answer to the one before. So in one
//     queue the offsets of a lane's acknowledgements must rise.
//  2. An acknowledgement promises that its id is delivered, and that its position (broker, queue, offset) holds that id.
//
// # Concurrency
//
// A Journal may be used from any goroutine. Everything else is a function of its arguments.
package pair
