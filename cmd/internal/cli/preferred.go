package cli

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/broker"
	"github.com/raftmq/raftmq/raftlog"
)

const (
	// preferenceInterval is how often a leader looks whether the preferred one could take over.
	preferenceInterval = 2 * time.Second
	// preferenceRounds is how many looks in a row the preferred leader must have kept up.
	preferenceRounds = 3
	preferenceLag    = 64 // entries
)

// preference hands leadership to the preferred leader of a group once that has kept up for a while.
type preference struct {
	broker *broker.Broker
	leader string
	logger hclog.Logger
	kept   int // looks in a row
}

// run looks until ctx ends. A transfer that fails is tried again after as many looks.
func (p *preference) run(ctx context.Context) error {
	tick := time.NewTicker(preferenceInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		node := p.broker.Node()
		if node == nil || !p.caughtUp(node.Status()) {
			p.kept = 0
			continue
		}
		if p.kept++; p.kept < preferenceRounds {
			continue
		}
		p.kept = 0
		p.logger.Info("handing leadership to the preferred leader", "brokerName", p.broker.Status().Name, "leader", p.leader)
		if err := node.TransferLeadership(ctx, p.leader); err != nil && !errors.Is(err, context.Canceled) {
			p.logger.Warn("leadership not handed over", "leader", p.leader, "error", err)
		}
	}
}

// caughtUp reports whether we lead and the preferred leader is a voter that was heard of lately and has nearly all of the log.
func (p *preference) caughtUp(st raftlog.Status) bool {
	if st.State != "leader" {
		return false
	}
	for _, m := range st.Members {
		if m.ID.Name() == p.leader {
			return m.Voter && time.Since(m.LastContact) < preferenceInterval && m.MatchIndex+preferenceLag >= st.LastIndex
		}
	}
	return false
}
