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

// sameStop is how far apart two SIGTERMs are that mean one wish: a supervisor and a process group may both pass it on.
const sameStop = time.Second

// withStop returns two contexts: asked ends with the first SIGINT or SIGTERM; atOnce with SIGINT, or with a SIGTERM after that.
func withStop(ctx context.Context) (asked, atOnce context.Context, cancel context.CancelFunc) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	asked, atOnce, end := stopBy(ctx, signals)
	return asked, atOnce, func() {
		signal.Stop(signals)
		end()
	}
}

// stopBy is withStop for these signals.
func stopBy(ctx context.Context, signals <-chan os.Signal) (asked, atOnce context.Context, cancel context.CancelFunc) {
	asked, ask := context.WithCancelCause(ctx)
	atOnce, hurry := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var first time.Time
		for {
			select {
			case <-atOnce.Done():
				return
			case sig := <-signals:
				if first.IsZero() {
					first = time.Now()
					ask(fmt.Errorf("signal: %v", sig))
				}
				if sig == os.Interrupt || time.Since(first) >= sameStop {
					hurry()
				}
			}
		}
	}()
	return asked, atOnce, func() {
		hurry()
		<-done
		ask(context.Canceled)
	}
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
