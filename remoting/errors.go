package remoting

import "errors"

// Errors of calls.
var (
	// ErrConnClosed: the connection closed before the response came. The request may have been executed.
	ErrConnClosed = errors.New("connection closed")
	// ErrNotSent: the request certainly did not reach the peer (dial failed, or its frame was not wholly written).
	ErrNotSent = errors.New("request not sent")
	// ErrTimeout: no response in time. The request may have been executed.
	ErrTimeout = errors.New("no response in time")
)

// Errors of frames. Each closes the connection that it came on.
var (
	// ErrFrame: the lengths of a frame contradict each other or its header does not parse.
	ErrFrame = errors.New("malformed frame")
	// ErrFrameSize: a frame or its header is larger than the limit.
	ErrFrameSize = errors.New("frame too large")
	// ErrTLS: the peer began a TLS handshake, which this port does not speak.
	ErrTLS = errors.New("TLS on a plain port")
	// ErrUnencodable: a command does not fit the wire, e.g. a code beyond 16 bits in a binary header.
	ErrUnencodable = errors.New("command cannot be encoded")
)

// Reasons why we close a connection.
var (
	errIdle         = errors.New("idle")
	errFrameTimeout = errors.New("frame not complete in time")
	errReplyQueue   = errors.New("reply queue full")
	errOverBudget   = errors.New("too many bytes of unanswered requests")
	errDraining     = errors.New("draining")
)
