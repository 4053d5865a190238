package state

import (
	"github.com/raftmq/raftmq/raftlog"
)

func (m *machine) applyCommitOffsets(payload []byte, r *raftlog.Result) {
	commits, count, ok := decodeCommitOffsets(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	r.Code = OK
	m.mu.Lock()
	defer m.mu.Unlock()
	for range count {
		c := commits.offset()
		m.commitOffsetLocked(&c)
	}
}

// commitOffsetLocked stores one offset unless it is void. It needs m.mu.
func (m *machine) commitOffsetLocked(c *offsetPayload) {
	if c.queue < 0 || c.offset < 0 || m.topics.get(string(c.topic)) == nil {
		return
	}
	is := m.offsets.find(c.group, c.topic, c.queue)
	switch {
	case is == nil && c.generation == 0:
		is = m.offsets.set(string(c.group), string(c.topic), c.queue, c.offset, 0)
	case is != nil && c.generation == is.generation && c.offset != is.offset && !ResetUntold(is.generation):
		is.offset = c.offset
	default:
		return
	}
	m.put(tableOffsets, is.key, offsetValue(is.offset, is.generation))
}

func (m *machine) applyResetOffset(payload []byte, r *raftlog.Result) {
	c, ok := decodeResetOffset(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	if m.topics.get(string(c.topic)) == nil {
		r.Code = NoSuchTopic
		return
	}
	r.Code = OK
	m.mu.Lock()
	defer m.mu.Unlock()
	generation := uint32(0)
	if is := m.offsets.find(c.group, c.topic, c.queue); is != nil {
		generation = is.generation
	}
	is := m.offsets.set(string(c.group), string(c.topic), c.queue, c.offset, generation+1+generation%2)
	m.put(tableOffsets, is.key, offsetValue(is.offset, is.generation))
}

func (m *machine) applyResetTold(payload []byte, r *raftlog.Result) {
	c, ok := decodeResetTold(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	is := m.offsets.find(c.group, c.topic, c.queue)
	if is == nil || is.generation != c.generation || !ResetUntold(c.generation) {
		r.Code = Stale
		return
	}
	r.Code = OK
	is.generation++
	m.put(tableOffsets, is.key, offsetValue(is.offset, is.generation))
}
