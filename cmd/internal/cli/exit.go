package cli

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/config"
	"github.com/raftmq/raftmq/raftlog"
)

// Exit codes (design D27).
const (
	exitFailed      = 1
	exitUsage       = 2
	exitUnhealthy   = 3
	exitQuarantined = 4
)

// ExitCode is the code with which a process ends after err.
func ExitCode(err error) int {
	var coded *exitError
	var problems config.Problems
	switch {
	case err == nil:
		return 0
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, raftlog.ErrQuarantined):
		return exitQuarantined
	case errors.As(err, &problems), strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage
	}
	return exitFailed
}

// AbortOnPanic makes a panic end the process by SIGABRT, with the stacks of all goroutines. Go's own exit code for a panic is 2, which here
// means a wrong command line: neither our supervisor nor the systemd units start a process again after that.
func AbortOnPanic() { debug.SetTraceback("crash") }

// exitError is an error with a code of its own; err is nil when what is to be said has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError is the caller's mistake.
func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// unhealthyError says that the command worked and what it looked at does not.
func unhealthyError(format string, args ...any) error {
	return &exitError{exitUnhealthy, fmt.Errorf(format, args...)}
}

// usage makes the errors of an argument check usage errors that name the command's help.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError("%w\nsee: %s --help", err, cmd.CommandPath())
		}
		return nil
	}
}
