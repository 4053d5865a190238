package cli

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
)

func newDevDown(env Environment) *cobra.Command {
	var f devFlags
	var wipe bool
	cmd := &cobra.Command{
		Use:     "down",
		Short:   "Stop all processes of the cluster; keep its data, or with --wipe remove it",
		Example: "  raftmq dev down\n  raftmq dev down --wipe --dir /tmp/mq",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := f.open()
			if err != nil {
				return err
			}
			if err := d.down(cmd.Context()); err != nil {
				return err
			}
			if wipe {
				if err := d.wipe(); err != nil {
					return err
				}
			}
			fmt.Fprintln(cmd.OutOrStdout(), map[bool]string{false: "stopped; raftmq dev up starts it again on the same data", true: "stopped and removed"}[wipe])
			return nil
		},
	}
	f.add(cmd, env)
	cmd.Flags().BoolVar(&wipe, "wipe", false, "remove the data and everything else that dev made in the directory")
	return cmd
}

// down stops the brokers, then the NameServer. What does not end gracefully is killed.
func (d *dev) down(ctx context.Context) error {
	if err := d.stopAll(ctx, d.config.Nodes()); err != nil {
		return err
	}
	return d.stopAll(ctx, []string{devNamesrv})
}

func (d *dev) stopAll(ctx context.Context, ids []string) error {
	errs := make([]error, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() { errs[i] = d.stop(ctx, id) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *dev) stop(ctx context.Context, id string) error {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} { // SIGINT does not wait for clients
		if d.signal(id, sig, sig == syscall.SIGINT) == 0 {
			return nil
		}
		d.signal(id, syscall.SIGCONT, false) // one that is frozen could not hear
		wait, cancel := context.WithTimeout(ctx, stopWait)
		err := d.waitGone(wait, id)
		cancel()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s cannot be stopped; the end of its log:\n%s", id, d.logTail(id))
}

// wipe removes what dev and its nodes made, and the directory if that was all.
func (d *dev) wipe() error {
	paths := []string{d.path("run"), d.path("log")}
	if d.File == devClusterFile { // else it is the user's
		paths = append(paths, d.path(devSecretFile), d.path(devClusterFile))
	}
	for _, n := range d.config.Nodes() {
		paths = append(paths, d.config.NodeDir(n))
	}
	for _, p := range append(paths, d.path(devStateFile)) { // last: it says whose directory this is
		if err := os.RemoveAll(p); err != nil {
			return err
		}
	}
	if left, err := os.ReadDir(d.dir); err == nil && len(left) == 0 {
		return os.Remove(d.dir)
	}
	return nil
}
