package broker

import (
	"errors"
	"fmt"
	"testing"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// TestEveryErrorHasItsCode walks all errors that a handler can end in.
func TestEveryErrorHasItsCode(t *testing.T) {
	tests := []struct {
		err  error
		code int32
	}{
		{errSystem, 1}, {errBusy, 2}, {errNotSupported, 3}, {errIllegalMessage, 13}, {errUnavailable, 14}, {errNoPermission, 16}, {errNoTopic, 17},
		{errNotFound, 22}, {errFilter, 23}, {errNoSubscription, 24}, {errOldSubscription, 25}, {errNoGroup, 26}, {errBadParameter, 29},
		{errNotOnline, 206}, {errClientTimeout, 207}, {errOutcomeUnknown, 1}, {errNotHere, 14}, {errStopping, 14}, {errNoLeader, 14},
		{raftlog.ErrNotAppended, 14}, {raftlog.ErrUnknown, 1}, {raftlog.ErrBusy, 2}, {raftlog.ErrDiskFull, 14},
		{commitlog.ErrNotFound, 1}, {commitlog.ErrCorrupt, 1},
		{&protocol.FieldError{Name: "topic", Want: "a string"}, 1},
		{forbidden(2, "no"), 16},
		{errors.New("something nobody thought of"), 1},
	}
	known := map[error]bool{}
	for _, tt := range tests {
		known[tt.err] = true
		for _, err := range []error{tt.err, fmt.Errorf("topic %q: %w", "t", tt.err)} {
			if code, remark := replyOf(err); code != tt.code || remark == "" {
				t.Errorf("replyOf(%v) = %d %q, want %d", err, code, remark, tt.code)
			}
		}
	}
	for _, row := range replies {
		if !known[row.err] {
			t.Errorf("%v has a code and no test", row.err)
		}
	}
}

func TestRefusalKeepsItsRemark(t *testing.T) {
	code, remark := replyOf(refuse(errNotSupported, " request type %d not supported", 4711))
	if code != 3 || remark != " request type 4711 not supported" {
		t.Errorf("%d %q", code, remark)
	}
}

func TestEveryResultCodeIsAnError(t *testing.T) {
	if err := resultError(raftlog.Result{Code: state.OK}); err != nil {
		t.Errorf("OK is %v", err)
	}
	for code, want := range map[int32]int32{state.NoSuchTopic: 17, state.NoSuchGroup: 26, state.Stale: 1, state.Invalid: 29, state.SpanCancelled: 1, 99: 1} {
		if got, _ := replyOf(resultError(raftlog.Result{Code: code})); got != want {
			t.Errorf("result %d is answered %d, want %d", code, got, want)
		}
	}
}
