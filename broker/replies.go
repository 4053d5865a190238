package broker

import (
	"errors"

	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// replies maps every error to the response code that RocketMQ's clients understand; the first match counts. It is the only place where
// an error becomes a code. Producers try again on 1, 2, 14, 16 and 17 (codes.md section 1.3), so an unknown outcome is 1 and never a
// success, and what certainly did not happen is 14.
var replies = []struct {
	err  error
	code int32
}{
	{errNotSupported, protocol.RequestCodeNotSupported},
	{errBusy, protocol.SystemBusy},
	{errIllegalMessage, protocol.MessageIllegal},
	{errUnavailable, protocol.ServiceNotAvailable},
	{errNotHere, protocol.ServiceNotAvailable},
	{errStopping, protocol.ServiceNotAvailable},
	{errNoPermission, protocol.NoPermission},
	{errNoTopic, protocol.TopicNotExist},
	{errNotFound, protocol.QueryNotFound},
	{errFilter, protocol.SubscriptionParseFailed},
	{errNoSubscription, protocol.SubscriptionNotExist},
	{errOldSubscription, protocol.SubscriptionNotLatest},
	{errNoGroup, protocol.SubscriptionGroupNotExist},
	{errBadParameter, protocol.InvalidParameter},
	{errNotOnline, protocol.ConsumerNotOnline},
	{errClientTimeout, protocol.ConsumeMsgTimeout},
	{errOutcomeUnknown, protocol.SystemError},
	{errSystem, protocol.SystemError},
	{raftlog.ErrDiskFull, protocol.ServiceNotAvailable},
	{raftlog.ErrBusy, protocol.SystemBusy},
	{raftlog.ErrNotAppended, protocol.ServiceNotAvailable},
	{raftlog.ErrUnknown, protocol.SystemError},
	{commitlog.ErrNotFound, protocol.SystemError},
	{commitlog.ErrCorrupt, protocol.SystemError},
}

// replyOf returns the code and the remark for the client. A header that does not parse is a system error with the name of the field, as
// RocketMQ's decoder leaves it to the handler to stumble (remoting.md section 2.9). What nobody has mapped is our bug and a system error.
func replyOf(err error) (code int32, remark string) {
	var field *protocol.FieldError
	if errors.As(err, &field) {
		return protocol.SystemError, field.Error()
	}
	for i := range replies {
		if errors.Is(err, replies[i].err) {
			return replies[i].code, err.Error()
		}
	}
	return protocol.SystemError, err.Error()
}

// notAppended reports whether a proposal certainly had no effect.
func notAppended(err error) bool { return errors.Is(err, raftlog.ErrNotAppended) }

// isNotHere reports whether err means that this member did nothing and cannot be the one to ask.
func isNotHere(err error) bool { return errors.Is(err, errNotHere) }
