package state

import (
	"fmt"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// changes is what one call of Apply did that others want to hear of. It is reused by the next call, after a reset: the first one too.
type changes struct {
	call     uint64
	advances []Advance
	topics   []string
	groups   []string
	settings bool // some changed
	starts   []leaderStart
	boundary bool         // the entry applied last holds a boundary
	retain   offset.Index // the log may begin here; 0: nothing new
}

type leaderStart struct {
	member string
	term   offset.Term
}

func (c *changes) reset() {
	c.call++
	c.settings = false
	c.advances, c.topics, c.groups, c.starts = c.advances[:0], c.topics[:0], c.groups[:0], c.starts[:0]
}

// entry is the entry that is being applied.
type entry struct {
	*raftlog.Committed
	wallTime int64
	out      *changes
}

func (e *entry) end() offset.Physical { return e.Position + offset.Physical(len(e.Data)) }

// apply applies one entry beyond the applied ones (design D16). A batch that does not decode or an unknown kind panics: this member must not
// go on with a state that others do not have. An error means that the queues cannot be written.
func (m *machine) apply(c *raftlog.Committed, out *changes) ([]raftlog.Result, error) {
	batch, err := commitlog.DecodeBatch(c.Data)
	if err != nil {
		panic(fmt.Sprintf("BUG: entry %d of term %d: %v", c.Index, c.Term, err))
	}
	e := entry{c, batch.WallTime, out}
	m.mu.Lock()
	m.meta.groupTime = max(m.meta.groupTime, batch.GroupTime)
	m.meta.wallTime = max(m.meta.wallTime, batch.WallTime)
	m.mu.Unlock()
	out.boundary = false
	results := make([]raftlog.Result, batch.Count) // in place: a copy for each message would show
	cancelled := 0                                 // so many of the next sub-records have no effect
	for n := 0; ; n++ {
		sub, at, ok, err := batch.Next()
		if err != nil {
			panic(fmt.Sprintf("BUG: entry %d of term %d: %v", c.Index, c.Term, err))
		}
		if !ok {
			break
		}
		r := &results[n]
		r.Position = c.Position + offset.Physical(at)
		if cancelled > 0 {
			r.Code = SpanCancelled
			cancelled = max(cancelled-1, int(sub.Span))
			continue
		}
		if err := m.applySub(&e, &sub, r); err != nil {
			return nil, err
		}
		if r.Code != OK {
			cancelled = int(sub.Span)
		}
	}
	m.mu.Lock()
	m.meta.applied, m.meta.end = c.Index, e.end()
	m.mu.Unlock()
	m.publish()
	return results, nil
}

// applySub applies one sub-record and completes r, whose Position is set.
func (m *machine) applySub(e *entry, sub *commitlog.SubRecord, r *raftlog.Result) error {
	if sub.Version != kindVersion {
		panic(fmt.Sprintf("FATAL entry %d of term %d: version %d of kind %d (%v) is not known to this release", e.Index, e.Term, sub.Version, sub.Kind, Kind(sub.Kind)))
	}
	switch Kind(sub.Kind) {
	case KindMessage:
		return m.applyMessage(e, sub, r)
	case KindLeaderStart:
		m.applyLeaderStart(e, sub.Payload, r)
	case KindPutTopic:
		m.applyPutTopic(e, sub.Payload, r)
	case KindDeleteTopic:
		m.applyDeleteTopic(e, sub.Payload, r)
	case KindPutGroup:
		m.applyPutGroup(e, sub.Payload, r)
	case KindDeleteGroup:
		m.applyDeleteGroup(e, sub.Payload, r)
	case KindCommitOffsets:
		m.applyCommitOffsets(sub.Payload, r)
	case KindResetOffset:
		m.applyResetOffset(sub.Payload, r)
	case KindAdvanceDelay:
		m.applyAdvanceDelay(sub.Payload, r)
	case KindBoundary:
		m.applyBoundary(e, sub.Payload, r)
	case KindRetain:
		m.applyRetain(e, sub.Payload, r)
	case KindFeatureLevel:
		m.applyFeatureLevel(sub.Payload, r)
	case KindLockQueues:
		m.applyLockQueues(sub.Payload, r)
	case KindUnlockQueues:
		m.applyUnlockQueues(sub.Payload, r)
	case KindPutSettings:
		m.applyPutSettings(e, sub.Payload, r)
	case KindResetTold:
		m.applyResetTold(sub.Payload, r)
	default:
		panic(fmt.Sprintf("FATAL entry %d of term %d: kind %d is not known to this release", e.Index, e.Term, sub.Kind))
	}
	return nil
}
