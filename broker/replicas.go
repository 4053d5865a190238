package broker

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

const (
	viewInterval = 100 * time.Millisecond
	// followerSilence is how long ago a follower may have been heard from to be suggested to consumers.
	followerSilence = 2 * time.Second
	// followerLag is how many entries such a follower may lack.
	followerLag = 256
	// leaderSilence is how long a follower serves reads without hearing from its leader (R-R3).
	leaderSilence = 5 * time.Second
)

// groupView is a recent look at the group, refreshed every viewInterval, for decisions on the path of a request that need not be exact.
type groupView struct {
	end   offset.Physical // of the log: the leader's as far as known
	stale bool            // we follow, and have not heard from a leader for too long, or know our log to be damaged
	// readable are the broker ids of followers that consumers may be sent to. Known to the leader only.
	readable []int64
}

// replicas keeps the groupView.
type replicas struct {
	status func() raftlog.Status
	now    atomic.Pointer[groupView]
}

func newReplicas(status func() raftlog.Status) *replicas {
	r := &replicas{status: status}
	r.now.Store(&groupView{})
	return r
}

func (r *replicas) view() *groupView { return r.now.Load() }

func (r *replicas) run(ctx context.Context) {
	tick := time.NewTicker(viewInterval)
	defer tick.Stop()
	for {
		r.now.Store(viewOf(r.status(), time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func viewOf(s raftlog.Status, now time.Time) *groupView {
	v := &groupView{end: max(s.NextPosition, s.LeaderNextPosition)}
	leads := s.State == "leader"
	v.stale = !leads && (now.Sub(s.LeaderContact) > leaderSilence || s.Damage != "")
	if !leads {
		return v
	}
	for _, m := range s.Members {
		if m.ID == s.Self || now.Sub(m.LastContact) > followerSilence || m.MatchIndex+followerLag < s.LastIndex {
			continue
		}
		if id := brokerID(s.Members, s.Self, m.ID); id > 0 {
			v.readable = append(v.readable, id)
		}
	}
	return v
}

// brokerID is the id under which member registers while leader leads: 0 for the leader, 1, 2, … for the others in member order
// (design D19); -1 if it is no member or no leader is known.
func brokerID(members []raftlog.Member, leader, member raftlog.ServerID) int64 {
	if leader == "" {
		return -1
	}
	if member == leader {
		return 0
	}
	id := int64(0)
	for _, m := range members {
		if m.ID == leader {
			continue
		}
		id++
		if m.ID == member {
			return id
		}
	}
	return -1
}

// suggest is the broker id that a consumer should pull from next by RocketMQ's rule: the group's slow replica if what was read lies further
// behind the end of the log than the hot window and that replica can serve, else the group's own (design D22).
func (v *groupView) suggest(slow bool, slowID, normalID int64) int64 {
	if slow && slowID > 0 && slices.Contains(v.readable, slowID) {
		return slowID
	}
	if normalID > 0 && slices.Contains(v.readable, normalID) {
		return normalID
	}
	return 0
}
