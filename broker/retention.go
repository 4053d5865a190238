package broker

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

// The log is cut only at boundary entries, and only through a replicated Retain entry (design D13), so all members keep the same
// messages. The leader decides when.

const (
	retentionInterval = time.Second
	// boundariesPerRetention makes boundaries in a log that grows slowly, so that its age can be limited at all.
	boundariesPerRetention = 8
	// voterSilence is how long a voter may be out of reach before the log is no longer kept for it.
	voterSilence = 10 * time.Minute
	// freeingTime is how long the removal of old segments may take to show in the free space of the disk.
	freeingTime = 15 * time.Second
)

// retentionLimits say how much of the log is kept. Zero fields do not limit.
type retentionLimits struct {
	age     time.Duration
	bytes   int64
	free    int64           // of the disk, bytes
	between int64           // bytes from one boundary to the next
	at      []time.Duration // times of day when what is too old goes, each for an hour; none: at once
}

// logView is what the decisions are made from.
type logView struct {
	now         time.Time
	boundaries  []state.Boundary // retained, oldest first; the first may be the start of the log already
	first, next offset.Physical  // of the retained log
	since       int64            // bytes after the newest boundary
	needed      offset.Index     // the lowest index that a healthy voter still needs
	waiting     offset.Physical  // of the oldest delayed message that was not released; 0: there is none
	free        int64            // of the disk, bytes; negative if unknown or if what was cut last may not have been freed yet
}

// boundaryDue reports whether a boundary is to be proposed.
func (l retentionLimits) boundaryDue(v logView) bool {
	if v.since >= l.between {
		return true
	}
	if l.age <= 0 || v.since == 0 {
		return false
	}
	if len(v.boundaries) == 0 {
		return true // there is nothing yet to measure the age by
	}
	newest := v.boundaries[len(v.boundaries)-1]
	return v.now.Sub(time.UnixMilli(newest.WallTime)) >= l.age/boundariesPerRetention
}

// retainFrom returns the boundary from which the log is to be kept; ok is false if nothing is to go. Whole intervals go, oldest first,
// while the log is too old, too large or the disk too full, and never what a healthy voter still needs, nor a delayed message that nobody
// could have read yet: then the log grows beyond its limits, for two hours at most, the longest delay.
func (l retentionLimits) retainFrom(v logView) (from offset.Index, ok bool) {
	start := v.first
	for _, b := range v.boundaries {
		if b.Index > v.needed || v.waiting > 0 && b.Position > v.waiting {
			break
		}
		if b.Position <= start {
			continue // the log begins here already
		}
		tooOld := l.age > 0 && l.open(v.now) && v.now.Sub(time.UnixMilli(b.WallTime)) > l.age // so is everything before it
		tooLarge := l.bytes > 0 && int64(v.next-start) > l.bytes
		tooFull := l.free > 0 && v.free >= 0 && v.free < l.free && !ok // one interval, then see what it freed
		if !tooOld && !tooLarge && !tooFull {
			break
		}
		from, ok, start = b.Index, true, b.Position
	}
	return from, ok
}

// open reports whether what is too old may go now: within the hour after one of the times of day, or always if there are none.
func (l retentionLimits) open(now time.Time) bool {
	if len(l.at) == 0 {
		return true
	}
	hour, minute, second := now.Clock()
	of := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
	for _, at := range l.at {
		if since := of - at; since >= 0 && since < time.Hour || since+24*time.Hour < time.Hour {
			return true
		}
	}
	return false
}

// neededIndex is the lowest index that some voter heard from lately has not got yet.
func neededIndex(s raftlog.Status, now time.Time) offset.Index {
	needed := s.AppliedIndex
	for _, m := range s.Members {
		if m.ID == s.Self || now.Sub(m.LastContact) > voterSilence {
			continue
		}
		needed = min(needed, m.MatchIndex)
	}
	return needed
}

// retention proposes boundaries and the removal of old log while this member leads.
type retention struct {
	limits   func() retentionLimits
	node     *raftlog.Node
	state    *state.State
	free     func() int64
	waiting  func() (offset.Physical, error)
	wall     func() time.Time
	proposer proposer
	logger   hclog.Logger

	cut time.Time // when the log was cut last
}

// run decides every second until ctx ends. One proposal is under way at a time.
func (t *retention) run(ctx context.Context) {
	tick := time.NewTicker(retentionInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.decide(ctx)
		}
	}
}

func (t *retention) decide(ctx context.Context) {
	v, err := t.view()
	if err != nil {
		t.logger.Warn("old log not removed", "error", err)
		return
	}
	limits := t.limits()
	if limits.boundaryDue(v) {
		if _, err := proposeAndWait(ctx, t.proposer.ProposeReserved, state.AppendBoundary(nil), 1); err != nil {
			t.logger.Warn("boundary not made", "error", err)
		}
	}
	from, ok := limits.retainFrom(v)
	if !ok {
		return
	}
	results, err := proposeAndWait(ctx, t.proposer.ProposeReserved, state.AppendRetain(nil, from), 1)
	switch {
	case err != nil:
		t.logger.Warn("old log not removed", "index", from, "error", err)
	case results[0].Code == state.OK:
		t.cut = time.Now()
		t.logger.Info("old log removed", "index", from, "firstPosition", int64(v.first), "nextPosition", int64(v.next), "diskFree", v.free)
	}
}

func (t *retention) view() (logView, error) {
	s := t.node.Status()
	waiting, err := t.waiting()
	free := int64(-1)
	if time.Since(t.cut) > freeingTime {
		free = t.free()
	}
	return logView{
		now:        t.wall(),
		boundaries: t.state.Boundaries(),
		first:      s.FirstPosition,
		next:       s.NextPosition,
		since:      t.state.BytesSinceBoundary(),
		needed:     neededIndex(s, time.Now()),
		waiting:    waiting,
		free:       free,
	}, err
}
