package state

import (
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

func (m *machine) applyLeaderStart(e *entry, payload []byte, r *raftlog.Result) {
	member, term, ok := decodeLeaderStart(payload)
	switch {
	case !ok:
		r.Code = Invalid
	case term != e.Term:
		r.Code = Stale
	default:
		r.Code = OK
		e.out.starts = append(e.out.starts, leaderStart{member, term})
	}
}

func (m *machine) applyAdvanceDelay(payload []byte, r *raftlog.Result) {
	level, from, to, ok := decodeAdvanceDelay(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.delay[level] != from {
		r.Code = Stale
		return
	}
	r.Code = OK
	m.delay[level] = to
	m.put(tableDelay, delayKey(level), offsetBytes(to))
}

func (m *machine) applyBoundary(e *entry, payload []byte, r *raftlog.Result) {
	if len(payload) != 0 {
		r.Code = Invalid
		return
	}
	r.Code = OK
	if e.out.boundary {
		return // a second one in the same entry means the same state
	}
	e.out.boundary = true
	b := Boundary{Index: e.Index, Position: e.Position - commitlog.RecordHeaderSize, End: e.end(), WallTime: e.wallTime}
	m.mu.Lock()
	m.boundaries = append(m.boundaries, b)
	for group := range m.locks {
		m.removeExpiredLocksLocked(group)
	}
	m.mu.Unlock()
	m.put(tableBoundaries, boundaryKey(b.Index), appendBoundary(nil, b))
}

func (m *machine) applyRetain(e *entry, payload []byte, r *raftlog.Result) {
	index, ok := decodeRetain(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := 0
	for at < len(m.boundaries) && m.boundaries[at].Index != index {
		at++
	}
	// The boundary of this very entry has no image yet: it cannot be what the log begins with.
	if at == len(m.boundaries) || index <= m.meta.retainedIndex || index >= e.Index {
		r.Code = Stale
		return
	}
	r.Code = OK
	for _, b := range m.boundaries[:at] {
		m.remove(tableBoundaries, boundaryKey(b.Index))
	}
	m.boundaries = append([]Boundary(nil), m.boundaries[at:]...)
	m.meta.retainedIndex, m.meta.retainedEnd = index, m.boundaries[0].End
	m.queues.Trim(m.meta.retainedEnd)
	e.out.retain = index
}

func (m *machine) applyFeatureLevel(payload []byte, r *raftlog.Result) {
	level, ok := decodeFeatureLevel(payload)
	if !ok {
		r.Code = Invalid
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if level <= m.meta.featureLevel {
		r.Code = Stale
		return
	}
	r.Code = OK
	m.meta.featureLevel = level
}
