package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// steadyAfter is how long a child must have lived for its death to be a crash that a new start may cure at once.
	steadyAfter  = time.Second
	backOffFirst = 50 * time.Millisecond
	backOffMax   = 5 * time.Second
)

// port is a listening socket that a supervisor holds for its child.
type port struct{ name, address string }

// supervisor restarts a child process and keeps its sockets open meanwhile, so that a crash refuses no connection: the kernel keeps
// them until the next child accepts.
type supervisor struct {
	env    Environment
	args   []string // of the child, without the program
	ports  []port
	logger hclog.Logger
	// stopTime is how long a child may take to stop before it is killed.
	stopTime time.Duration
}

// supervise opens the ports and runs children until one ends cleanly or in a way that a restart cannot cure, or this process is told to stop
// by SIGINT, SIGTERM or the end of ctx, which counts as SIGTERM; signals are passed on, and the child is waited for. The calling goroutine stays on its thread: the kernel kills the child when that thread ends.
func supervise(ctx context.Context, s supervisor) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	files, err := s.open()
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	var wait time.Duration
	for {
		started := time.Now()
		told, err := s.runChild(ctx, program, files, signals)
		if told || final(err) {
			return childError(err)
		}
		wait = backOff(wait, time.Since(started))
		s.logger.Warn("the broker ended, starting it again", "reason", err, "after", time.Since(started).Round(time.Millisecond), "in", wait)
		if toldWithin(ctx, wait, signals) {
			return nil
		}
	}
}

// toldWithin waits before the next start and reports whether this process was told to stop meanwhile. A child that starts reads its
// configuration anyway, so that SIGHUP means nothing.
func toldWithin(ctx context.Context, wait time.Duration, signals <-chan os.Signal) bool {
	over := time.After(wait)
	for {
		select {
		case <-ctx.Done():
			return true
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return true
			}
		case <-over:
			return false
		}
	}
}

// backOff is the pause before the next start: none after a child that had been steady, else doubling.
func backOff(last, lived time.Duration) time.Duration {
	if lived >= steadyAfter {
		return 0
	}
	return min(max(2*last, backOffFirst), backOffMax)
}

// open listens on the ports and returns the sockets as files to hand down.
func (s *supervisor) open() ([]*os.File, error) {
	var files []*os.File
	for _, p := range s.ports {
		ln, err := net.Listen("tcp", p.address)
		if err != nil {
			return nil, fmt.Errorf("%s port: %w; is another process running there?", p.name, err)
		}
		f, err := ln.(*net.TCPListener).File()
		if err != nil {
			return nil, err
		}
		ln.Close() // f keeps the socket open
		files = append(files, f)
	}
	return files, nil
}

// runChild runs one child to its end. It returns whether the child was told to end, and what ended it, nil for exit code 0.
func (s *supervisor) runChild(ctx context.Context, program string, files []*os.File, signals <-chan os.Signal) (told bool, err error) {
	cmd := exec.Command(program, s.args...)
	cmd.Env = append(withoutListenFDs(s.env.Environ), "LISTEN_FDS="+strconv.Itoa(len(files)), "LISTEN_FDNAMES="+s.names())
	cmd.ExtraFiles = files
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.env.Stdin, s.env.Stdout, s.env.Stderr
	cmd.SysProcAttr = diesWithParent()
	if err := cmd.Start(); err != nil {
		return ctx.Err() != nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return s.watch(ctx, cmd.Process, ended, signals)
}

// watch passes signals on until the child ends. A child that was told to end and does not is killed.
func (s *supervisor) watch(ctx context.Context, child *os.Process, ended <-chan error, signals <-chan os.Signal) (told bool, err error) {
	over := ctx.Done()
	var late <-chan time.Time
	for {
		sig := os.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			return told, err
		case <-late:
			child.Kill()
			return true, <-ended
		case <-over:
			over = nil
		case sig = <-signals:
		}
		child.Signal(sig)
		if sig != syscall.SIGHUP && !told {
			told, late = true, time.After(s.stopTime)
		}
	}
}

func (s *supervisor) names() string {
	names := make([]string, len(s.ports))
	for i, p := range s.ports {
		names[i] = p.name
	}
	return strings.Join(names, ":")
}

// final reports whether a restart cannot help: a clean end, a wrong command line or configuration, a quarantined member.
func final(err error) bool {
	if err == nil {
		return true
	}
	var exit *exec.ExitError
	return errors.As(err, &exit) && (exit.ExitCode() == exitUsage || exit.ExitCode() == exitQuarantined)
}

// childError passes the child's exit code on; the child has said why.
func childError(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &exitError{code: max(exit.ExitCode(), exitFailed)}
	}
	return err
}

func withoutListenFDs(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool { return strings.HasPrefix(entry, "LISTEN_") })
}

// withoutFlag removes a boolean flag from a command line.
func withoutFlag(args []string, flag string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == flag || strings.HasPrefix(a, flag+"=") })
}
