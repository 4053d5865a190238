// Package remoting is RocketMQ's wire: frames, commands, both header codecs, and connections on either side.
//
// # What it is not
//
// It does not know what a request means: codes, typed headers and bodies are package remoting/protocol's, answers are
// broker's and namesrv's. It takes no decision on overload beyond its [Limits], and it does not authenticate.
//
// # Flow
//
// A [Server] accepts a connection (server.go) and a [Client] dials one (client.go); from there both are a [Conn]
// (conn.go): a reader goroutine cuts frames out of a growing buffer (reader.go), decodes the header (frame.go, then
// json_decode.go or binary.go) and gives requests to the [Handler] and responses to the call that waits (calls.go).
// Whoever has something to send encodes it straight into the connection's write buffer (json_encode.go, writer.go),
// and the writer goroutine sends all that gathered while its previous write was under way.
//
// # Invariants
//
//  1. A response has the serialize type and the opaque of its request; a one-way request is never answered.
//  2. Only the writer writes, and only the reader reads.
//  3. Nothing is allocated by an announced length: buffers double when the bytes that came have filled them.
//  4. Each request is answered at most once, and counts against the limits until it is answered or discarded.
//  5. A call ends exactly once. It ends with ErrNotSent if and only if its frame was not completely handed to the
//     socket: a peer cannot execute a part of a frame.
//  6. Unknown codes, unknown opaques and panics keep the connection; a malformed frame closes it.
//
// # Concurrency
//
// A Conn, Server, Client and Request may be used from any goroutine, a Request until its Recycle. A Handler runs on the reader of the connection and
// must not block: while it does, that connection is not read. Callbacks of asynchronous calls run on the reader or on
// a timer. Locks are leaves: none is held while calling out, writing to a socket, or taking another.
package remoting
