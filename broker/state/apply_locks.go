package state

import (
	"github.com/raftmq/raftmq/raftlog"
)

func (m *machine) applyLockQueues(payload []byte, r *raftlog.Result) {
	p, ok := decodeLockQueues(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.removeExpiredLocksLocked(p.group)
	granted := make([]bool, len(p.queues))
	for i, q := range p.queues {
		granted[i] = m.lockLocked(&p, topicQueue{q.Topic, q.Queue})
	}
	r.Code, r.Detail = OK, granted
}

// lockLocked gives a queue to a client unless another has it. It needs m.mu; locks of the group whose lease is over are gone.
func (m *machine) lockLocked(p *lockPayload, q topicQueue) bool {
	t := m.topics.get(q.topic)
	if t == nil || q.queue < 0 || q.queue >= t.Queues() {
		return false
	}
	if l := m.locks[p.group][q]; l != nil && l.client != p.client {
		return false
	}
	l := m.locks.set(p.group, q, p.client, m.meta.groupTime+p.lease)
	m.put(tableLocks, l.key, appendLock(nil, l))
	return true
}

func (m *machine) applyUnlockQueues(payload []byte, r *raftlog.Result) {
	p, ok := decodeUnlockQueues(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	r.Code = OK
	named := make(map[topicQueue]bool, len(p.queues))
	for _, q := range p.queues {
		named[topicQueue{q.Topic, q.Queue}] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.removeLocksLocked(p.group, func(q topicQueue, l *lock) bool {
		return l.client == p.client && (len(named) == 0 || named[q])
	})
}
