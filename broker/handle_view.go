package broker

import (
	"errors"
	"strings"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Looking up messages: 12 QUERY_MESSAGE, 33 VIEW_MESSAGE_BY_ID.
//
// Source: QueryMessageProcessor. Physical offsets are equal on all members (design D2), so any member that has applied the entry serves 33;
// one that does not lead asks the leader before it says that there is no message. Difference of 12: messages whose key only has the same
// hash are left out.

// views serves look-ups of single messages.
type views struct {
	state   *state.State
	workers *workers
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

const (
	// foundMax is how many messages a look-up by key returns at most (maxMsgsNumBatch), uniqueMax one by unique key (defaultQueryMaxNum).
	foundMax  = 64
	uniqueMax = 32
	// foundBytes ends the answer.
	foundBytes = 8 << 20
)

// byKey looks in the index of keys (broker/state), which may be some entries behind on a member that is catching up.
func (v *views) byKey(r *request) error {
	var q protocol.QueryMessageHeader
	if err := q.Decode(r.Ext); err != nil {
		return err
	}
	limit := int(min(max(q.MaxNum, 1), foundMax))
	if q.UniqueKey {
		limit = uniqueMax
	}
	look := func() {
		if err := v.find(r, &q, limit); err != nil {
			r.fail(err)
		}
	}
	if !v.workers.take(look) { // it reads files
		look()
	}
	return nil
}

func (v *views) find(r *request, q *protocol.QueryMessageHeader, limit int) error {
	positions, err := v.state.FindByKey(keyHash(q.Topic, q.Key), q.BeginTimestamp, q.EndTimestamp, limit)
	if err != nil {
		return err
	}
	var body []byte
	header := protocol.QueryMessageResponseHeader{}
	for _, p := range positions {
		stored, err := v.state.MessageAt(p)
		if errors.Is(err, commitlog.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		m, _, err := message.DecodeStored(stored)
		if err != nil || m.Topic != q.Topic || !hasKey(m.Properties, q.Key) || len(body)+len(stored) > foundBytes && len(body) > 0 {
			continue
		}
		header.IndexLastUpdateTimestamp = max(header.IndexLastUpdateTimestamp, m.StoreTimestamp)
		header.IndexLastUpdatePhyOffset = max(header.IndexLastUpdatePhyOffset, int64(p))
		body = append(body, stored...)
	}
	if len(body) == 0 {
		if !v.leads() && !r.forwarded && v.forward(r) {
			return nil
		}
		return refuse(errNotFound, "can not find message, maybe time range not correct")
	}
	r.succeed(header.AppendFields(nil), body)
	return nil
}

// hasKey reports whether key is the unique key or one of the keys in properties.
func hasKey(properties, key string) bool {
	if unique, _ := message.Property(properties, message.PropertyUniqueKey); unique == key {
		return true
	}
	keys, _ := message.Property(properties, message.PropertyKeys)
	for word := range strings.SplitSeq(keys, " ") {
		if word == key {
			return true
		}
	}
	return false
}
