package namesrv

import (
	"errors"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// refusal is an answer with a code other than success.
type refusal struct {
	code   int32
	remark string
}

func (r *refusal) Error() string { return r.remark }

// errNotReady is the answer of the first moments after an empty start.
var errNotReady = &refusal{protocol.SystemError, protocol.RemarkNotReady}

// errUnknownMember: a heartbeat of a member that is not registered. It has to register.
var errUnknownMember = errors.New("not registered")

// reasons are what a broker of ours learns of a refusal beside the remark.
var reasons = []struct {
	err   error
	value string
}{
	{errNeedFull, protocol.RefusedNeedFull},
	{errStale, protocol.RefusedStale},
	{errConflict, protocol.RefusedConflict},
	{errFull, protocol.RefusedFull},
	{errUnknownMember, protocol.RefusedUnknown},
	{protocol.ErrUnsigned, protocol.RefusedUnsigned},
	{protocol.ErrSignature, protocol.RefusedUnsigned},
}

// reply maps a handler's error to an answer. What is not a refusal is code 1, as in RocketMQ.
func reply(err error) *remoting.Command {
	var refused *refusal
	if errors.As(err, &refused) {
		return &remoting.Command{Code: refused.code, Remark: refused.remark}
	}
	resp := &remoting.Command{Code: protocol.SystemError, Remark: err.Error()}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			resp.Ext = protocol.Fields{{Key: protocol.RegisterRefusedField, Value: r.value}}
		}
	}
	var older *olderError
	if errors.As(err, &older) {
		resp.Ext = protocol.Fields{{Key: protocol.RegisterRefusedField, Value: protocol.RefusedOlder}, older.field()}
	}
	return resp
}
