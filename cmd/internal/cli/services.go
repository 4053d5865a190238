package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

// stopTimeout bounds a graceful stop of the whole process.
const stopTimeout = 30 * time.Second

// service runs until its context ends.
type service struct {
	name string
	run  func(ctx context.Context) error
}

// withSignals returns a context that ends with the first SIGINT or SIGTERM. Later ones are ignored: a supervisor and a terminal may
// both send one.
func withSignals(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// runAll runs services side by side. When ctx ends or one of them does, they are stopped one after another in the order of the arguments.
// It returns the first error, or tells which service did not stop in time; the process must end then.
func runAll(ctx context.Context, logger hclog.Logger, services ...service) error {
	running := make([]*runningService, len(services))
	ended := make(chan *runningService, len(services))
	for i, s := range services {
		running[i] = start(context.WithoutCancel(ctx), s, ended)
	}
	var first error
	select {
	case <-ctx.Done():
		logger.Info("stopping", "reason", context.Cause(ctx))
	case r := <-ended:
		first = r.failure()
		logger.Info("stopping", "reason", "a service ended", "service", r.name, "error", first)
	}
	deadline := time.After(stopTimeout)
	for _, r := range running {
		r.cancel()
		select {
		case <-r.done:
		case <-deadline:
			return fmt.Errorf("%s did not stop within %v", r.name, stopTimeout)
		}
		if first == nil && r.err != nil {
			first = fmt.Errorf("%s: %w", r.name, r.err)
		}
	}
	return first
}

type runningService struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid once done is closed
}

func start(ctx context.Context, s service, ended chan<- *runningService) *runningService {
	ctx, cancel := context.WithCancel(ctx)
	r := &runningService{name: s.name, cancel: cancel, done: make(chan struct{})}
	go func() {
		r.err = s.run(ctx)
		close(r.done)
		ended <- r
	}()
	return r
}

// failure is the error of a service that ended before it was asked to.
func (r *runningService) failure() error {
	if r.err == nil {
		return fmt.Errorf("%s ended by itself", r.name)
	}
	return fmt.Errorf("%s: %w", r.name, r.err)
}
