package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newDevStart(env Environment) *cobra.Command {
	var f devFlags
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:     "start NODE",
		Short:   "Start a node that was killed; returns when it has recovered",
		Example: "  raftmq dev start n1\n  raftmq dev start namesrv",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := f.open()
			if err != nil {
				return err
			}
			if err := d.known(args[0]); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return d.startAgain(ctx, cmd, args[0])
		},
	}
	f.add(cmd, env)
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait until it has recovered")
	return cmd
}

func (d *dev) startAgain(ctx context.Context, cmd *cobra.Command, id string) error {
	if pid := d.parent(id); pid != 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "%s runs already (pid %d)\n", id, pid)
		return nil
	}
	if err := d.start(id); err != nil {
		return err
	}
	ended := false
	err := poll(ctx, func() bool {
		ended = d.parent(id) == 0
		return ended || d.recovered(ctx, id)
	})
	if err != nil || ended {
		return fmt.Errorf("%s did not come up; the end of its log %s:\n%s", id, d.logFile(id), d.logTail(id))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s started (pid %d)\n", id, d.pid(id))
	for _, n := range d.status(ctx).Nodes {
		if n.ID == id && n.Role == "waiting" {
			fmt.Fprintf(cmd.OutOrStdout(), "it is no member of its group; bring it back with: raftmq raft rejoin %s --dir %s\n", id, d.dir)
		}
	}
	return nil
}

// recovered reports whether a process has come up: the NameServer when it has written its pid, which it does once it listens, a node when its
// members have opened their log and state, or wait to be added.
func (d *dev) recovered(ctx context.Context, id string) bool {
	if id == devNamesrv {
		return d.pid(id) != 0
	}
	found := false
	for _, n := range d.status(ctx).Nodes {
		if n.ID == id {
			if n.view == nil || !n.view.Recovered && n.Role != "waiting" {
				return false
			}
			found = true
		}
	}
	return found
}
