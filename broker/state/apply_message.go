package state

import (
	"slices"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// Advance says that a queue grew from Range [From, To) of offsets.
type Advance struct {
	Queue    consumequeue.Key
	From, To offset.Queue
}

// applyMessage gives a message its queue offset. It is the path of every message and looks at the dispatch prefix only (design section 7).
func (m *machine) applyMessage(e *entry, sub *commitlog.SubRecord, r *raftlog.Result) error {
	p, ok := decodeMessage(sub.Payload)
	if !ok {
		r.Code = Invalid
		return nil
	}
	s := m.slot(p.key.Topic)
	if s == nil {
		r.Code = NoSuchTopic
		return nil
	}
	if p.key.Queue < 0 || p.key.Queue >= s.queues {
		r.Code = Invalid
		return nil
	}
	at, err := m.queues.Append(p.key, consumequeue.Unit{Position: r.Position, Size: sub.Size, TagsCode: p.tagsCode})
	if err != nil {
		return err
	}
	m.meta.wallTime = max(m.meta.wallTime, p.storeTime) // no reader looks at it but through publish
	r.Code, r.Queue = OK, at
	s.advance(e.out, p.key, at)
	return nil
}

// advance notes that queue k of the slot has a unit at at.
func (s *slot) advance(out *changes, k consumequeue.Key, at offset.Queue) {
	if int(k.Queue) >= len(s.marks) {
		s.marks = append(s.marks, make([]mark, int(k.Queue)+1-len(s.marks))...)
	}
	mk := &s.marks[k.Queue]
	if mk.call == out.call {
		out.advances[mk.at].To = at + 1
		return
	}
	*mk = mark{out.call, len(out.advances)}
	out.advances = append(out.advances, Advance{Queue: k, From: at, To: at + 1})
}

// dropped takes back what was noted of a topic that is being deleted.
func (c *changes) dropped(topic uint32) {
	if slices.ContainsFunc(c.advances, func(a Advance) bool { return a.Queue.Topic == topic }) {
		// The marks of other slots hold places in the list: emptied, not removed.
		for i := range c.advances {
			if c.advances[i].Queue.Topic == topic {
				c.advances[i].To = c.advances[i].From
			}
		}
	}
}
