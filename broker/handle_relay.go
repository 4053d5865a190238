package broker

import (
	"errors"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// What an administrator asks of a consumer through the broker: 307 GET_CONSUMER_RUNNING_INFO, 309 CONSUME_MESSAGE_DIRECTLY.
//
// Source: AdminBrokerProcessor#callConsumer; codes.md section 6.7. The client's answer is relayed as it is. A member to which the consumer is not
// connected asks the leader, to which all consumers are.

const (
	// relayTimeout is how long a client may take for its answer.
	relayTimeout = 10 * time.Second
	// relayVersion is the first version of a Java client that answers (V3_1_8_SNAPSHOT); others name newer ones.
	relayVersion = 62
)

// relays serves requests that a connected consumer answers.
type relays struct {
	state   *state.State
	clients *clients
	leads   func() bool
	forward func(r *request) bool // to the leader; false if it is not known
}

func (h *relays) runningInfo(r *request) error {
	var q protocol.ConsumerRunningInfoHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	return h.call(r, q.ConsumerGroup, q.ClientID, nil)
}

// consumeDirectly hands one stored message to one consumer, which says what it made of it.
func (h *relays) consumeDirectly(r *request) error {
	var q protocol.ConsumeMessageDirectlyHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	_, position, err := message.ParseOffsetID(q.MsgID)
	if err != nil {
		return refuse(errBadParameter, "msgId %q is not the offset message id of a stored message", clip(q.MsgID))
	}
	stored, err := h.state.MessageAt(position)
	if errors.Is(err, commitlog.ErrNotFound) {
		if h.elsewhere(r) {
			return nil
		}
		return refuse(errSystem, "%s", protocol.RemarkNoMessageAt(int64(position)))
	}
	if err != nil {
		return err
	}
	return h.call(r, q.ConsumerGroup, q.ClientID, stored)
}

// elsewhere hands r to the leader, if this is another member and r was not handed on already.
func (h *relays) elsewhere(r *request) bool { return !h.leads() && !r.forwarded && h.forward(r) }

func (h *relays) call(r *request, group, clientID string, body []byte) error {
	to, ok := h.clients.consumer(group, clientID)
	switch {
	case !ok && h.elsewhere(r):
		return nil
	case !ok:
		return refuse(errSystem, "The Consumer <%s> <%s> not online", group, clientID)
	case to.version < relayVersion && to.language == protocol.Java:
		return refuse(errSystem, "The Consumer <%s> Version <%d> too low to finish, please upgrade it to V3_1_8_SNAPSHOT", clientID, to.version)
	}
	req := &remoting.Command{Code: r.Code, Language: protocol.Java, Version: protocol.Version, Ext: r.Ext, Body: body}
	to.conn.Go(req, relayTimeout, func(resp *remoting.Command, err error) {
		switch {
		case err == nil:
			r.answer(resp.Code, resp.Remark, resp.Ext, resp.Body)
		case errors.Is(err, remoting.ErrTimeout):
			r.fail(refuse(errClientTimeout, "consumer <%s> <%s> Timeout: no answer in %v", group, clientID, relayTimeout))
		default:
			r.fail(refuse(errSystem, "invoke consumer <%s> <%s> Exception: %v", group, clientID, err))
		}
	})
	return nil
}
