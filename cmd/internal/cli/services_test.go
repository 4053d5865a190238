package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
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

func TestStopsByHowTheyAreAsked(t *testing.T) {
	for _, c := range []struct {
		name    string
		signals []syscall.Signal
		apart   time.Duration
		atOnce  bool
	}{
		{"SIGTERM waits for clients", []syscall.Signal{syscall.SIGTERM}, 0, false},
		{"SIGTERM of supervisor and process group is one", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, 0, false},
		{"a second SIGTERM does not wait", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, sameStop, true},
		{"SIGINT does not wait", []syscall.Signal{syscall.SIGINT}, 0, true},
		{"SIGINT after SIGTERM does not wait", []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signals := make(chan os.Signal)
				asked, atOnce, cancel := stopBy(t.Context(), signals)
				defer cancel()
				for i, sig := range c.signals {
					if i > 0 {
						time.Sleep(c.apart)
					}
					signals <- sig
					synctest.Wait()
				}
				if asked.Err() == nil || (atOnce.Err() != nil) != c.atOnce {
					t.Errorf("asked %v, at once %v", asked.Err(), atOnce.Err())
				}
			})
		})
	}
}
