package broker

import (
	"context"
	"sync"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/raftlog"
)

// offsetKey names one consumer offset.
type offsetKey struct {
	group, topic string
	queue        int32
}

const (
	// gatheredMax bounds the gathered offsets; beyond it they are flushed at once.
	gatheredMax = 4096
	// commitsPerRecord bounds one sub-record.
	commitsPerRecord = 512
)

// offsetGather holds the one-way offset commits of up to Options.OffsetInterval and proposes them together (design D20). The last one by
// arrival counts. What is gathered when leadership is lost is handed to relay, which sends it to the next leader; what a crash takes,
// clients commit again within their 5 s.
type offsetGather struct {
	proposer proposer
	interval time.Duration
	// relay takes commits that this member certainly could not propose.
	relay func(commits []state.OffsetCommit)

	mu      sync.Mutex
	pending map[offsetKey]state.OffsetCommit
	full    chan struct{} // one slot
}

func newOffsetGather(p proposer, interval time.Duration, relay func([]state.OffsetCommit)) *offsetGather {
	return &offsetGather{proposer: p, interval: interval, relay: relay, pending: map[offsetKey]state.OffsetCommit{}, full: make(chan struct{}, 1)}
}

func keyOf(c state.OffsetCommit) offsetKey { return offsetKey{c.Group, c.Topic, c.Queue} }

// add gathers a commit.
func (g *offsetGather) add(c state.OffsetCommit) {
	g.mu.Lock()
	g.pending[keyOf(c)] = c
	full := len(g.pending) >= gatheredMax
	g.mu.Unlock()
	if full {
		select {
		case g.full <- struct{}{}:
		default:
		}
	}
}

// supersede forgets a gathered commit because a newer one is about to be proposed by itself.
func (g *offsetGather) supersede(k offsetKey) {
	g.mu.Lock()
	delete(g.pending, k)
	g.mu.Unlock()
}

// gathered returns the commit of k that is not proposed yet.
func (g *offsetGather) gathered(k offsetKey) (state.OffsetCommit, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.pending[k]
	return c, ok
}

// run flushes until ctx ends, and once more then.
func (g *offsetGather) run(ctx context.Context) {
	tick := time.NewTicker(g.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			g.flush()
			return
		case <-tick.C:
		case <-g.full:
		}
		g.flush()
	}
}

// flush proposes what is gathered.
func (g *offsetGather) flush() {
	g.mu.Lock()
	pending := g.pending
	if len(pending) == 0 {
		g.mu.Unlock()
		return
	}
	g.pending = make(map[offsetKey]state.OffsetCommit, len(pending))
	g.mu.Unlock()

	commits := make([]state.OffsetCommit, 0, min(len(pending), commitsPerRecord))
	for _, c := range pending {
		commits = append(commits, c)
		if len(commits) == commitsPerRecord {
			g.propose(commits)
			commits = make([]state.OffsetCommit, 0, commitsPerRecord)
		}
	}
	if len(commits) > 0 {
		g.propose(commits)
	}
}

func (g *offsetGather) propose(commits []state.OffsetCommit) {
	b := &offsetBatch{gather: g, commits: commits}
	if err := g.proposer.ProposeReserved(state.AppendCommitOffsets(nil, commits), 1, b); err != nil {
		g.relay(commits)
	}
}

// offsetBatch is the completion of a flush.
type offsetBatch struct {
	gather  *offsetGather
	commits []state.OffsetCommit
}

func (b *offsetBatch) Done(o raftlog.Outcome) {
	if o.Err != nil && notAppended(o.Err) {
		b.gather.relay(b.commits)
	}
}
