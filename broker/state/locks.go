package state

import "encoding/binary"

// lockTable holds the queue locks of orderly consumers: group, then topic and queue. A lock whose lease is over counts as none; it is removed
// by the next LockQueues of its group or the next boundary.
type lockTable map[string]map[topicQueue]*lock

// lock is who has a queue, until when in group time (ms). key is its key as a record.
type lock struct {
	client  string
	expires int64
	key     string
}

func (l *lock) live(groupTime int64) bool { return l != nil && l.expires > groupTime }

func (t lockTable) set(group string, q topicQueue, client string, expires int64) *lock {
	of := t[group]
	if of == nil {
		of = map[topicQueue]*lock{}
		t[group] = of
	}
	l := &lock{client: client, expires: expires, key: offsetKey(group, q.topic, q.queue)}
	of[q] = l
	return l
}

func (t lockTable) each(fn func(group string, l *lock)) {
	for group, of := range t {
		for _, l := range of {
			fn(group, l)
		}
	}
}

// A lock's value:
//
//	0  i64     end of the lease, ms of group time
//	8  string  client id
func appendLock(dst []byte, l *lock) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(l.expires))
	return appendString(dst, l.client)
}

// removeLocksLocked removes the locks of a group that match. It needs m.mu.
func (m *machine) removeLocksLocked(group string, match func(q topicQueue, l *lock) bool) {
	of := m.locks[group]
	for q, l := range of {
		if match(q, l) {
			delete(of, q)
			m.remove(tableLocks, l.key)
		}
	}
	if of != nil && len(of) == 0 {
		delete(m.locks, group)
	}
}

// removeExpiredLocksLocked removes the locks of a group whose lease is over. It needs m.mu.
func (m *machine) removeExpiredLocksLocked(group string) {
	m.removeLocksLocked(group, func(_ topicQueue, l *lock) bool { return !l.live(m.meta.groupTime) })
}

// LockHolder returns the client of a group that has a queue at groupTime (ms); ok is false if nobody has.
func (s *State) LockHolder(group, topic string, queue int32, groupTime int64) (client string, ok bool) {
	m := s.live.Load()
	m.mu.RLock()
	defer m.mu.RUnlock()
	l := m.locks[group][topicQueue{topic, queue}]
	if !l.live(groupTime) {
		return "", false
	}
	return l.client, true
}

// HasLocks reports whether some client of a group has a queue at groupTime (ms): the group consumes in order.
func (s *State) HasLocks(group string, groupTime int64) bool {
	m := s.live.Load()
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, l := range m.locks[group] {
		if l.live(groupTime) {
			return true
		}
	}
	return false
}
