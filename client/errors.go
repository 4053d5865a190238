package client

import (
	"errors"
	"fmt"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

var (
	// ErrNoRoute: no NameServer knows the topic, or none of its brokers can take the request. Create the topic, or ask again later.
	ErrNoRoute = errors.New("no route")
	// ErrNoNameServer: none of the NameServers answered. The last error is wrapped beside it.
	ErrNoNameServer = errors.New("no NameServer answered")
	// ErrClosed: the client, producer or consumer was closed.
	ErrClosed = errors.New("client closed")
)

// ResponseError is a broker's or NameServer's answer with a code other than success.
type ResponseError struct {
	Code   int32
	Remark string
	Addr   string // who answered
}

func (e *ResponseError) Error() string {
	if e.Remark == "" {
		return fmt.Sprintf("%s answered code %d", e.Addr, e.Code)
	}
	return fmt.Sprintf("%s answered code %d: %s", e.Addr, e.Code, e.Remark)
}

// IsCode reports whether err is a ResponseError with one of the codes.
func IsCode(err error, codes ...int32) bool {
	var answer *ResponseError
	if !errors.As(err, &answer) {
		return false
	}
	for _, c := range codes {
		if answer.Code == c {
			return true
		}
	}
	return false
}

// Outcome classes what is known about a request that changes something.
type Outcome uint8

const (
	// Sent: the server executed it and said so.
	Sent Outcome = iota
	// NotSent: certainly not executed. Sending again cannot make a duplicate.
	NotSent
	// Unknown: it may have been executed. Sending again may make a duplicate.
	Unknown
)

func (o Outcome) String() string { return [...]string{"sent", "not sent", "unknown"}[o] }

// OutcomeOf classes the error of a request. Answers that refuse the request for its content, its target or the sender's rights
// are NotSent; answers that speak of the server's state (1, 2, 14 …) are Unknown, because a leader that loses office in the
// middle of a write answers so.
func OutcomeOf(err error) Outcome {
	var answer *ResponseError
	switch {
	case err == nil:
		return Sent
	case errors.As(err, &answer):
		if refusals[answer.Code] {
			return NotSent
		}
		return Unknown
	case errors.Is(err, remoting.ErrNotSent), errors.Is(err, ErrNoRoute), errors.Is(err, ErrNoNameServer), errors.Is(err, ErrMessage), errors.Is(err, ErrClosed):
		return NotSent
	}
	return Unknown
}

var refusals = map[int32]bool{
	protocol.RequestCodeNotSupported: true, protocol.MessageIllegal: true, protocol.NoPermission: true, protocol.TopicNotExist: true,
	protocol.SubscriptionGroupNotExist: true, protocol.InvalidParameter: true, protocol.QueryNotFound: true,
}
