package message

import "errors"

// Errors of the decoders. All mean that the bytes are no whole message; none is worth a retry with the same bytes.
var (
	// ErrTruncated: the bytes end before the record does.
	ErrTruncated = errors.New("message is truncated")
	// ErrMagic: the magic code is none of a message.
	ErrMagic = errors.New("message has an unknown magic code")
	// ErrMalformed: a length, port or flag inside the record contradicts another.
	ErrMalformed = errors.New("message is malformed")
	// ErrBodyCRC: the body does not match its CRC.
	ErrBodyCRC = errors.New("message body does not match its CRC")
	// ErrTooMany: a batch has more messages than allowed.
	ErrTooMany = errors.New("batch has too many messages")
	// ErrID: the text is no offset message id.
	ErrID = errors.New("malformed offset message id")
)
