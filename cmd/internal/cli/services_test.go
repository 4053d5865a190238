package cli

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func TestServicesStopInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var stopped []string
		named := func(name string) service {
			return service{name, func(ctx context.Context) error {
				<-ctx.Done()
				mu.Lock()
				defer mu.Unlock()
				stopped = append(stopped, name)
				return nil
			}}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- runAll(ctx, newLogger(quietLog, io.Discard), named("broker"), named("namesrv"), named("admin"))
		}()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil || !slices.Equal(stopped, []string{"broker", "namesrv", "admin"}) {
			t.Errorf("stopped %v, %v", stopped, err)
		}
	})
}

func TestOneServiceEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the disk is gone")
		err := runAll(t.Context(), newLogger(quietLog, io.Discard),
			service{"admin", func(ctx context.Context) error { <-ctx.Done(); return nil }},
			service{"broker", func(context.Context) error { return broken }})
		if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "broker: ") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAServiceThatDoesNotStopIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		release := make(chan struct{})
		err := runAll(ctx, newLogger(quietLog, io.Discard), service{"broker", func(context.Context) error { <-release; return nil }})
		close(release)
		if err == nil || !strings.Contains(err.Error(), "broker did not stop within 30s") {
			t.Errorf("got %v", err)
		}
	})
}
