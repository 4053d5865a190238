package raftlog

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/raftlog/commitlog"
)

const (
	// damageRetry is how often a damaged member looks whether the others can do without it.
	damageRetry = time.Second
	// damageHandOver bounds one attempt to hand leadership over.
	damageHandOver = 3 * time.Second
)

// damageWatch is what this member does about a record of its log that turned out bad while it serves (R-L6). The bytes were
// promised to the group and are lost here, so the member must not go on for long: a leader hands leadership over, and then the
// member quarantines itself. It waits with that until a quorum of the others answers, because a member that cannot serve one
// old record is better than a group that stands still: it still knows every vote and every record's term.
type damageWatch struct {
	found atomic.Pointer[commitlog.DamageError] // the first one
	wake  chan struct{}                         // one slot
}

// damaged is called by the log. It may be called from any goroutine.
func (n *Node) damaged(d *commitlog.DamageError) {
	if !n.damage.found.CompareAndSwap(nil, d) {
		return
	}
	n.logger.Error("damage found in the log; its bytes are refused", "group", n.opts.Group, "member", n.ID(), "file", d.File, "physicalOffset", int64(d.Position), "reason", d.Reason)
	n.damage.wake <- struct{}{}
}

// stuck is called when an entry that is to be applied cannot be read: the member can do nothing any more.
func (n *Node) stuck(err error) {
	n.quarantine(fmt.Errorf("an entry that is to be applied cannot be read: %w", err))
}

// healDamage waits for damage and then leaves the group as soon as the group can do without this member.
func (n *Node) healDamage(ctx context.Context) {
	select {
	case <-n.damage.wake:
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(damageRetry)
	defer tick.Stop()
	for !n.leaveDamaged(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// leaveDamaged makes one attempt and reports whether nothing is left to do.
func (n *Node) leaveDamaged(ctx context.Context) bool {
	in := n.running()
	if in == nil || !n.othersSuffice(ctx, in) {
		return false
	}
	if in.raft.State() == raft.Leader {
		ctx, cancel := context.WithTimeout(ctx, damageHandOver)
		defer cancel()
		if err := n.TransferLeadership(ctx, ""); err != nil {
			n.logger.Warn("leadership not handed over by a damaged leader", "error", err)
			return false
		}
	}
	n.quarantine(n.damage.found.Load())
	return true
}

// othersSuffice reports whether the other voters that answer are a quorum without this member.
func (n *Node) othersSuffice(ctx context.Context, in *instance) bool {
	voters, answer := 0, 0
	for _, s := range in.servers() {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if id := ServerID(s.ID); id != n.ID() && n.answers(ctx, id) {
			answer++
		}
	}
	return answer > voters/2
}

// answers reports whether this very instance of a member answers.
func (n *Node) answers(ctx context.Context, id ServerID) bool {
	l, err := n.net.dial(ctx, id, purposeVote)
	if err != nil {
		return false
	}
	l.Close()
	return true
}
