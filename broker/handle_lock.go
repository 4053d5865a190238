package broker

import (
	"sync"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Queue locks of orderly consumers: 41 LOCK_BATCH_MQ, 42 UNLOCK_BATCH_MQ.
//
// Source: RebalanceLockManager; behaviours.md section 11. Differences: locks are part of the replicated state, with leases on group time, so
// they outlive the leader; a queue that does not exist is not given; what a client has is freed when the connection over which it asked for
// it closes, so that its queues do not lie idle for the rest of the lease.

const (
	lockLease = 60 * time.Second // REBALANCE_LOCK_MAX_LIVE_TIME
	// locksPerRequest bounds one request.
	locksPerRequest = 4096
)

// locks serves queue locks on the leader.
type locks struct {
	proposer   proposer
	gate       *gate
	brokerName string
	leads      func() bool

	mu      sync.Mutex
	holders map[uint64]map[lockHolder]bool // by connection: who asked for locks over it
}

// lockHolder is one client in one group.
type lockHolder struct{ group, client string }

func newLocks(p proposer, g *gate, brokerName string, leads func() bool) *locks {
	return &locks{proposer: p, gate: g, brokerName: brokerName, leads: leads, holders: map[uint64]map[lockHolder]bool{}}
}

func (h *locks) lock(r *request) error {
	q, asked, err := h.decode(r)
	if err != nil {
		return err
	}
	if len(asked) == 0 {
		return r.body(protocol.LockBatchResponse{})
	}
	if !r.forwarded {
		h.note(r.Conn.ID(), lockHolder{q.ConsumerGroup, q.ClientID})
	}
	subs := state.AppendLockQueues(nil, q.ConsumerGroup, q.ClientID, lockLease, asked)
	return h.proposer.Propose(subs, 1, &lockAnswer{r: r, gate: h.gate, queues: asked, brokerName: h.brokerName})
}

func (h *locks) unlock(r *request) error {
	q, asked, err := h.decode(r)
	if err != nil {
		return err
	}
	if len(asked) == 0 {
		r.succeed(nil, nil)
		return nil
	}
	return h.proposer.Propose(state.AppendUnlockQueues(nil, q.ConsumerGroup, q.ClientID, asked), 1, &answer{r: r, gate: h.gate})
}

// decode reads the body; queues of other brokers are left out.
func (h *locks) decode(r *request) (q protocol.LockBatchRequest, asked []state.LockedQueue, err error) {
	if err := q.Decode(r.Body); err != nil {
		return q, nil, refuse(errSystem, "request does not decode: %s", err)
	}
	if err := message.ValidateGroup(q.ConsumerGroup); err != nil {
		return q, nil, refuse(errBadParameter, "%s", err)
	}
	if q.ClientID == "" || len(q.ClientID) > clientIDMax {
		return q, nil, refuse(errBadParameter, "clientId has %d bytes, 1 to %d are possible", len(q.ClientID), clientIDMax)
	}
	if len(q.MQSet) > locksPerRequest {
		return q, nil, refuse(errBadParameter, "%d queues in one request, at most %d", len(q.MQSet), locksPerRequest)
	}
	for _, mq := range q.MQSet {
		if mq.BrokerName == h.brokerName && message.ValidateTopic(mq.Topic) == nil {
			asked = append(asked, state.LockedQueue{Topic: mq.Topic, Queue: mq.QueueID})
		}
	}
	return q, asked, nil
}

// clientIDMax is what a client id may have; it is made of an address and an instance name.
const clientIDMax = 512

// lockAnswer is the completion of a lock.
type lockAnswer struct {
	r          *request
	gate       *gate
	queues     []state.LockedQueue
	brokerName string
}

func (a *lockAnswer) Done(o raftlog.Outcome) {
	if o.Err != nil {
		a.gate.settle(a.r, o.Err)
		return
	}
	if err := resultError(o.Results[0]); err != nil {
		a.r.fail(err)
		return
	}
	var given []protocol.MessageQueue
	for i, ok := range o.Results[0].Detail.([]bool) {
		if ok {
			given = append(given, protocol.MessageQueue{BrokerName: a.brokerName, Topic: a.queues[i].Topic, QueueID: a.queues[i].Queue})
		}
	}
	a.r.succeed(nil, protocol.LockBatchResponse{LockOKMQSet: given}.Encode())
}

// note remembers that a client asks for locks over a connection.
func (h *locks) note(conn uint64, who lockHolder) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.holders[conn]
	if of == nil {
		of = map[lockHolder]bool{}
		h.holders[conn] = of
	}
	of[who] = true
}

// closed frees what the clients of a connection that closed had, unless they asked over another one too. Without effect, which the end of the
// lease makes good, if this member does not lead.
func (h *locks) closed(conn uint64) {
	for _, who := range h.leave(conn) {
		if h.leads() {
			subs := state.AppendUnlockQueues(nil, who.group, who.client, nil)
			_ = h.proposer.Propose(subs, 1, make(outcomeChan, 1)) // nobody waits for it
		}
	}
}

// leave forgets a connection and returns the clients that are not on another.
func (h *locks) leave(conn uint64) (gone []lockHolder) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.holders[conn]
	delete(h.holders, conn)
	for who := range of {
		if !h.hasLocked(who) {
			gone = append(gone, who)
		}
	}
	return gone
}

func (h *locks) hasLocked(who lockHolder) bool {
	for _, of := range h.holders {
		if of[who] {
			return true
		}
	}
	return false
}
