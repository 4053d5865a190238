// Package fastjson reads JSON as RocketMQ's Java side prints it with the library of that name, and gives standard JSON.
//
// # What it is not
//
// It knows no body of RocketMQ and it is no general parser: its result is text for encoding/json. It writes nothing in
// fastjson's own dialect; the few bodies that need it are written by package remoting/protocol.
//
// # Flow
//
// [Standard] copies values from input to output (convert.go), rewriting on the way what is not standard: keys that are
// numbers, bare words or whole objects (a MessageQueue as the key of a map), single quotes, fastjson's escapes
// (text.go), a comma before a closing bracket, NaN, and {"$ref":"$.path"}, which stands for a value printed before and is
// replaced by a copy of it (ref.go). [Unmarshal] decodes the result into a Go value.
//
// # Invariants
//
//  1. The output is valid JSON, and equal in value to the input where that was valid and had no $ref.
//  2. Depth, number of values and size of the output are bounded by [Limits]; no input makes the reader recurse deeper or
//     allocate more.
//
// # Concurrency
//
// Functions keep no state.
package fastjson
