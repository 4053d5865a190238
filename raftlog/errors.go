package raftlog

import (
	"errors"
	"fmt"
)

// Errors of proposals. They fall in two families (design D7): what wraps ErrNotAppended has had no effect and may be proposed
// again; what wraps ErrUnknown may yet take effect.
var (
	// ErrNotAppended: the proposal certainly has no effect; it may be proposed again.
	ErrNotAppended = errors.New("not appended")
	// ErrUnknown: the proposal may or may not take effect later.
	ErrUnknown = errors.New("outcome unknown")
	// ErrNotLeader wraps ErrNotAppended: this member is not the leader.
	ErrNotLeader = fmt.Errorf("not the leader: %w", ErrNotAppended)
	// ErrBusy wraps ErrNotAppended: the proposer's queue is full.
	ErrBusy = fmt.Errorf("proposal queue full: %w", ErrNotAppended)
	// ErrDiskFull wraps ErrNotAppended.
	ErrDiskFull = fmt.Errorf("disk full: %w", ErrNotAppended)
	// ErrStalled wraps ErrNotAppended: a storage call has been running for too long, so the member takes no part (design D12).
	ErrStalled = fmt.Errorf("storage stalled: %w", ErrNotAppended)
)

var (
	// ErrQuarantined: the member's files are damaged or not its own; exit code 4. Nothing was changed on disk.
	ErrQuarantined = errors.New("member quarantined")
	// ErrRefused may be wrapped by the error of an injected Dial that was refused: the host answered that nobody listens.
	// syscall.ECONNREFUSED means the same. Only this makes a follower take the leader's process for dead (design D19).
	ErrRefused = errors.New("connection refused")
	// ErrNoMember: the group has no member of that name, or more than one; say name@instance then.
	ErrNoMember = errors.New("no such member")
	// ErrStopped: the Node has stopped or is stopping.
	ErrStopped = errors.New("member stopped")
)
