package broker

import (
	"errors"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Looking up messages: 12 QUERY_MESSAGE, 33 VIEW_MESSAGE_BY_ID.
//
// Source: QueryMessageProcessor. Physical offsets are equal on all members (design D2), so any member that has applied the entry serves 33;
// one that does not lead asks the leader before it says that there is no message.

// views serves look-ups of single messages.
type views struct {
	state   *state.State
	leads   func() bool
	forward func(r *request) bool // to the leader; false if it is not known
	gate    *gate
}

func (v *views) byOffset(r *request) error {
	var q protocol.ViewMessageHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	stored, err := v.state.MessageAt(offset.Physical(q.Offset))
	if errors.Is(err, commitlog.ErrNotFound) {
		if !v.leads() && !r.forwarded { // this member may merely not have it yet
			if !v.forward(r) {
				v.gate.park(r, errNoLeader)
			}
			return nil
		}
		return refuse(errSystem, "%s", protocol.RemarkNoMessageAt(q.Offset))
	}
	if err != nil {
		return err
	}
	r.succeed(protocol.Fields{}, stored)
	return nil
}

// byKey answers that nothing was found: there is no index of keys to look into. The log is not scanned for it, because one request
// could then read a terabyte.
func (v *views) byKey(r *request) error {
	var q protocol.QueryMessageHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	return refuse(errNotFound, "can not find message, this broker keeps no index of message keys yet")
}
