package state

import (
	"github.com/raftmq/raftmq/raftlog"
)

func (m *machine) applyPutTopic(e *entry, payload []byte, r *raftlog.Result) {
	t, ifAbsent, ok := decodePutTopic(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	r.Code = OK
	old := m.topics.get(t.Name)
	if old != nil {
		t.ID = old.ID
		if ifAbsent || t.equal(old) {
			r.Detail = old
			return
		}
	}
	m.mu.Lock()
	if old == nil {
		t.ID = m.meta.nextTopic
		m.meta.nextTopic++
	}
	m.meta.topicVersion = m.meta.topicVersion.next(e.wallTime)
	m.setTopic(t)
	m.mu.Unlock()
	m.put(tableTopics, topicKey(t.ID), appendTopic(nil, t))
	e.out.topics = append(e.out.topics, t.Name)
	r.Detail = t
}

func (v DataVersion) next(wallTime int64) DataVersion {
	return DataVersion{Timestamp: wallTime, Counter: v.Counter + 1}
}

func (m *machine) applyDeleteTopic(e *entry, payload []byte, r *raftlog.Result) {
	name, ok := decodeDeleteTopic(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	t := m.topics.get(name)
	if t == nil {
		r.Code = NoSuchTopic
		return
	}
	r.Code = OK
	m.mu.Lock()
	m.removeTopic(t)
	m.meta.topicVersion = m.meta.topicVersion.next(e.wallTime)
	m.removeOffsetsLocked(func(_ string, q topicQueue) bool { return q.topic == name })
	for group := range m.locks {
		m.removeLocksLocked(group, func(q topicQueue, _ *lock) bool { return q.topic == name })
	}
	m.mu.Unlock()
	m.remove(tableTopics, topicKey(t.ID))
	for _, k := range m.queues.Keys() {
		if k.Topic == t.ID {
			m.queues.Drop(k)
		}
	}
	e.out.dropped(t.ID)
	e.out.topics = append(e.out.topics, name)
}

func (m *machine) applyPutGroup(e *entry, payload []byte, r *raftlog.Result) {
	g, ifAbsent, ok := decodePutGroup(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	r.Code = OK
	if old := m.groups.get(g.Name); old != nil && (ifAbsent || g.equal(old)) {
		r.Detail = old
		return
	}
	m.mu.Lock()
	m.groups.set(g.Name, g)
	m.meta.groupVersion = m.meta.groupVersion.next(e.wallTime)
	m.mu.Unlock()
	m.put(tableGroups, g.Name, appendGroup(nil, g))
	e.out.groups = append(e.out.groups, g.Name)
	r.Detail = g
}

func (m *machine) applyDeleteGroup(e *entry, payload []byte, r *raftlog.Result) {
	name, cleanOffsets, ok := decodeDeleteGroup(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	r.Code = OK
	m.mu.Lock()
	defer m.mu.Unlock()
	if cleanOffsets {
		m.removeOffsetsLocked(func(group string, _ topicQueue) bool { return group == name })
	}
	if m.groups.get(name) == nil {
		r.Code = NoSuchGroup
		return
	}
	m.groups.delete(name)
	m.removeLocksLocked(name, func(topicQueue, *lock) bool { return true })
	m.meta.groupVersion = m.meta.groupVersion.next(e.wallTime)
	m.remove(tableGroups, name)
	e.out.groups = append(e.out.groups, name)
}

// removeOffsetsLocked removes the consumer offsets that match. It needs m.mu.
func (m *machine) removeOffsetsLocked(match func(group string, q topicQueue) bool) {
	for group, of := range m.offsets {
		for q, c := range of {
			if match(group, q) {
				delete(of, q)
				m.remove(tableOffsets, c.key)
			}
		}
		if len(of) == 0 {
			delete(m.offsets, group)
		}
	}
}
