package raftlog

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// deathRank is how much later each next follower stands for election, so that the first one wins alone.
const deathRank = 50 * time.Millisecond

// deathwatch notices that the leader's process has died (design D19). When a connection of the leader breaks, it dials the
// leader. Only if that is refused — the host answers, and nobody listens — or if another process of the leader answers, because a
// supervisor was quicker, it hands its own raft a TimeoutNow request, which starts an election without waiting for a timer: the first follower in member order at once, each next one 50 ms later.
// Everything else, silence above all, is left to raft's timers. A wrong guess costs one election and no safety.
type deathwatch struct {
	n *Node

	mu       sync.Mutex
	checking Leadership // the leadership being checked
}

// broken is called when a heartbeat or append connection of another member's process has ended. It may take a while: it runs on
// the goroutine of that connection.
func (d *deathwatch) broken(from ServerID, run uint64) {
	in := d.n.running()
	if in == nil {
		return
	}
	l := d.n.lookAtLeadership()
	if l.Leader != from || l.Self || d.n.declines.Load() || !d.begin(l) {
		return
	}
	defer d.end()
	rank, votes := d.rank(in, from)
	if !votes || !d.n.net.refusedDial(from) && !d.n.net.restarted(from, run) {
		return
	}
	if rank > 0 && !d.wait(in, time.Duration(rank)*deathRank) {
		return
	}
	if d.n.lookAtLeadership() != l || in.raft.State() != raft.Follower {
		return // another leader, or none, was found meanwhile
	}
	d.n.logger.Warn("the leader's process is gone, standing for election", "leader", from, "term", l.Term)
	in.trans.timeoutSelf()
}

// begin claims a leadership for one check at a time: several connections break together.
func (d *deathwatch) begin(l Leadership) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.checking == l {
		return false
	}
	d.checking = l
	return true
}

func (d *deathwatch) end() {
	d.mu.Lock()
	d.checking = Leadership{}
	d.mu.Unlock()
}

// rank is this member's place among the voters other than the leader, in member order.
func (d *deathwatch) rank(in *instance, leader ServerID) (rank int, votes bool) {
	for _, s := range in.servers() {
		switch {
		case ServerID(s.ID) == d.n.ID():
			return rank, s.Suffrage == raft.Voter
		case s.Suffrage == raft.Voter && ServerID(s.ID) != leader:
			rank++
		}
	}
	return 0, false
}

func (d *deathwatch) wait(in *instance, t time.Duration) bool {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-in.trans.ctx.Done():
		return false
	}
}

// timeoutSelf makes this member stand for election at once, as if the leader had asked it to.
func (t *transport) timeoutSelf() {
	id := []byte(t.self)
	answer, err := t.deliver(&raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: id, Addr: id}}, nil)
	if err == nil {
		t.await(answer)
	}
}
