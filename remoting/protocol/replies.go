package protocol

import "strconv"

// RequestCodeNotSupported is the answer to a request code without a handler. The connection stays open.
const RequestCodeNotSupported int32 = 3

// RemarkNotSupported is RocketMQ's text for code 3; it begins with a space.
func RemarkNotSupported(code int32) string {
	return " request type " + strconv.Itoa(int(code)) + " not supported"
}
