package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/raftlog"
)

// startPause is how long a leader waits before it proposes LeaderStart again.
const startPause = 50 * time.Millisecond

// leadership follows who leads the group and runs the leader services of this member's reigns.
type leadership struct {
	node   *raftlog.Node
	state  *state.State
	roles  *roles
	store  *storeClock
	group  *groupClock
	topics []state.Topic // to be there from the first reign on
	// services run from the LeaderStart entry until leadership is lost.
	services []func(ctx context.Context)
	logger   hclog.Logger
}

// run follows the leadership until ctx ends. At its end no service runs and the role is unknown.
func (l *leadership) run(ctx context.Context) {
	defer l.roles.set(role{})
	for ctx.Err() == nil {
		now, changed := l.node.Leadership()
		l.roles.set(role{term: now.Term, leader: now.Leader, self: now.Self})
		if now.Self {
			l.reign(ctx, now, changed)
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// reign leads term now.Term until something else is known.
func (l *leadership) reign(ctx context.Context, now raftlog.Leadership, changed <-chan struct{}) {
	if !l.start(ctx, now, changed) {
		return
	}
	l.store.raise(l.state.WallTime())
	l.group.start()
	l.roles.set(role{term: now.Term, leader: now.Leader, self: true, ready: true})
	l.logger.Info("became leader", "term", uint64(now.Term), "appliedIndex", uint64(l.state.Applied()))

	services, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, service := range l.services {
		wg.Go(func() { service(services) })
	}
	for unchanged := true; unchanged; {
		select {
		case <-ctx.Done():
			unchanged = false
		case <-changed:
			var next raftlog.Leadership
			next, changed = l.node.Leadership()
			unchanged = next == now
		}
	}
	l.roles.set(role{term: now.Term})
	stop()
	wg.Wait()
	l.group.stop()
	l.logger.Info("no longer leader", "term", uint64(now.Term))
}

// start proposes LeaderStart, together with the system topics that are missing, and waits until it is applied. It reports false when the
// leadership changed first: then what was proposed is void by its precondition.
func (l *leadership) start(ctx context.Context, now raftlog.Leadership, changed <-chan struct{}) bool {
	for {
		// Topics first: when LeaderStart is applied they are there.
		subs, count := l.missingTopics()
		subs = state.AppendLeaderStart(subs, string(l.node.ID()), now.Term)
		done := make(outcomeChan, 1)
		err := l.node.ProposeReserved(subs, count+1, done)
		if err == nil {
			select {
			case <-ctx.Done():
				return false
			case <-changed:
				return false
			case o := <-done:
				err = startError(o, count)
				if err == nil {
					return true
				}
			}
		}
		if !errors.Is(err, raftlog.ErrNotLeader) {
			l.logger.Warn("start of the reign not applied", "term", uint64(now.Term), "error", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
			return false
		case <-time.After(startPause):
		}
	}
}

// startError is nil when the LeaderStart record at place i had its effect: the term is still ours.
func startError(o raftlog.Outcome, i int) error {
	if o.Err != nil {
		return o.Err
	}
	if code := o.Results[i].Code; code != state.OK {
		return fmt.Errorf("LeaderStart applied without effect, result %d", code)
	}
	return nil
}

func (l *leadership) missingTopics() (subs []byte, count int) {
	for _, t := range l.topics {
		if l.state.Topic(t.Name) == nil {
			subs = state.AppendPutTopic(subs, t, true)
			count++
		}
	}
	return subs, count
}
