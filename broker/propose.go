package broker

import (
	"context"
	"fmt"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/raftlog"
)

// proposer is what handlers and leader services need of a raftlog.Node to change the state.
type proposer interface {
	Propose(subs []byte, count int, done raftlog.Completion) error
	ProposeReserved(subs []byte, count int, done raftlog.Completion) error
}

// outcomeChan hands an outcome to a goroutine that waits: for leader services and administration, not for requests.
type outcomeChan chan raftlog.Outcome

func (c outcomeChan) Done(o raftlog.Outcome) { c <- o }

// proposeAndWait proposes and returns the results once applied. The error wraps raftlog.ErrNotAppended or raftlog.ErrUnknown; the
// end of ctx leaves the outcome unknown.
func proposeAndWait(ctx context.Context, propose func([]byte, int, raftlog.Completion) error, subs []byte, count int) ([]raftlog.Result, error) {
	done := make(outcomeChan, 1)
	if err := propose(subs, count, done); err != nil {
		return nil, err
	}
	select {
	case o := <-done:
		return o.Results, o.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", raftlog.ErrUnknown, ctx.Err())
	}
}

// resultError is the error for the client of what a sub-record became, nil if it had its effect.
func resultError(r raftlog.Result) error {
	switch r.Code {
	case state.OK:
		return nil
	case state.NoSuchTopic:
		return errNoTopic
	case state.NoSuchGroup:
		return errNoGroup
	case state.Invalid:
		return errBadParameter
	case state.Stale:
		return refuse(errSystem, "the state changed meanwhile, try again")
	default:
		return refuse(errSystem, "result %d", r.Code)
	}
}

// answer is the completion of a proposal whose request needs no more than a yes: it replies or, when the proposal certainly had no
// effect, lets the request try again.
type answer struct {
	r    *request
	gate *gate
	// told, if set, lets the answer wait until the NameServers know what changed.
	told func(then func())
	// again: the proposal made what the request needs, so the request is served once more instead of answered.
	again bool
}

func (a *answer) Done(o raftlog.Outcome) {
	if o.Err != nil {
		a.gate.settle(a.r, o.Err)
		return
	}
	for _, result := range o.Results {
		if err := resultError(result); err != nil {
			a.r.fail(err)
			return
		}
	}
	if a.told != nil {
		a.told(a.finish)
		return
	}
	a.finish()
}

func (a *answer) finish() {
	if a.again {
		a.gate.retry(a.r)
		return
	}
	a.r.succeed(nil, nil)
}
