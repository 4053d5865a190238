package broker

import (
	"errors"
	"fmt"
)

// What a request can end in other than success. Handlers wrap them with the text for the client; replies.go knows the code.
var (
	errSystem          = errors.New("system error")
	errBusy            = errors.New("busy")
	errNotSupported    = errors.New("not supported")
	errIllegalMessage  = errors.New("message illegal")
	errUnavailable     = errors.New("service not available")
	errNoPermission    = errors.New("no permission")
	errNoTopic         = errors.New("topic does not exist")
	errNotFound        = errors.New("not found")
	errFilter          = errors.New("filter expression does not parse")
	errNoSubscription  = errors.New("subscription does not exist")
	errOldSubscription = errors.New("subscription is not the latest")
	errNoGroup         = errors.New("subscription group does not exist")
	errBadParameter    = errors.New("invalid parameter")
	errNotOnline       = errors.New("consumer not online")
	errClientTimeout   = errors.New("consumer did not answer")

	// errOutcomeUnknown: the request may or may not take effect. Answered so that a client may try again, never as a success.
	errOutcomeUnknown = errors.New("outcome unknown")
	// errNotHere: this member certainly did nothing and is not the one to ask; a forwarding member may try again.
	errNotHere = errors.New("not the leader of the group")
)

// refusal is an error with the remark that the client gets, word for word.
type refusal struct {
	kind   error
	remark string
}

func (e *refusal) Error() string { return e.remark }
func (e *refusal) Unwrap() error { return e.kind }

// refuse returns an error of a kind above with a remark for the client.
func refuse(kind error, format string, args ...any) error {
	return &refusal{kind: kind, remark: fmt.Sprintf(format, args...)}
}

// errStopping: this member is being stopped and did nothing with the request.
var errStopping = errors.New("the broker is shutting down")

// errNoLeader is what a request gets whose budget ended while the group had no leader that could serve it.
var errNoLeader = refuse(errUnavailable, "no leader of the broker group could be reached in time, try again")
