package cli

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// stopWait bounds how long dev waits for a process that was told to end, beside the time in which it serves the clients that are left.
const stopWait = 40 * time.Second

func newDevKill(env Environment) *cobra.Command {
	var f devFlags
	var name, group string
	cmd := &cobra.Command{
		Use:   "kill leader|follower|NODE",
		Short: "Send a signal to a whole node, by default KILL",
		Long: `Send a signal to a whole node, its supervisor included. After KILL, TERM and INT the command waits until the node is gone; it stays dead until
dev start. TERM stops gracefully: leadership is handed over first, and clients that still have the address are served until they have
asked for the route again (linger in the cluster file); a second TERM ends that wait, and INT does without it. STOP freezes a node and CONT
lets it go on.`,
		Example: `  raftmq dev kill leader
  raftmq dev kill n1 --signal STOP
  raftmq dev kill n1 --signal CONT`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			sig, ok := map[string]syscall.Signal{"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}[strings.TrimPrefix(strings.ToUpper(name), "SIG")]
			if !ok {
				return usageError("--signal %s: use KILL, TERM, INT, STOP or CONT", name)
			}
			d, err := f.open()
			if err != nil {
				return err
			}
			id, err := d.resolve(cmd.Context(), args[0], group)
			if err != nil {
				return err
			}
			return d.kill(cmd, id, sig)
		},
	}
	f.add(cmd, env)
	cmd.Flags().StringVar(&name, "signal", "KILL", "`SIGNAL`: KILL, TERM, INT, STOP or CONT")
	cmd.Flags().StringVar(&group, "group", "", "broker `GROUP` whose leader or follower is meant (default: the first)")
	return cmd
}

func newDevCrash(env Environment) *cobra.Command {
	var f devFlags
	var group string
	cmd := &cobra.Command{
		Use:     "crash leader|follower|NODE",
		Short:   "Kill the broker of a node with -9 and leave its supervisor to start it again",
		Example: "  raftmq dev crash leader",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := f.open()
			if err != nil {
				return err
			}
			if !d.Supervise {
				return usageError("this cluster runs without supervisors (--no-supervise); use dev kill and dev start")
			}
			id, err := d.resolve(cmd.Context(), args[0], group)
			if err != nil {
				return err
			}
			return d.crash(cmd, id)
		},
	}
	f.add(cmd, env)
	cmd.Flags().StringVar(&group, "group", "", "broker `GROUP` whose leader or follower is meant (default: the first)")
	return cmd
}

// resolve turns leader, follower or an id into the id of a node. An election may be under way, so it looks for a few seconds.
func (d *dev) resolve(ctx context.Context, what, group string) (string, error) {
	find := map[string]func(devStatus, string) *devNodeStatus{"leader": d.leader, "follower": d.follower}[what]
	if find == nil {
		return what, d.known(what)
	}
	if group != "" && !strings.Contains(" "+strings.Join(d.groupNames(), " ")+" ", " "+group+" ") {
		return "", usageError("no broker group %q; there are: %v", group, d.groupNames())
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var n *devNodeStatus
	if err := poll(ctx, func() bool { n = find(d.status(ctx), group); return n != nil }); err != nil {
		return "", unhealthyError("no %s to be found; see: raftmq dev status --dir %s", what, d.dir)
	}
	return n.ID, nil
}

func (d *dev) groupNames() []string {
	var names []string
	for _, g := range d.config.Brokers {
		names = append(names, g.Name)
	}
	return names
}

func (d *dev) kill(cmd *cobra.Command, id string, sig syscall.Signal) error {
	pid := d.pid(id)
	graceful := sig == syscall.SIGTERM || sig == syscall.SIGINT
	if d.signal(id, sig, graceful) == 0 {
		return fmt.Errorf("%s does not run; start it with: raftmq dev start %s --dir %s", id, id, d.dir)
	}
	if sig == syscall.SIGKILL || graceful {
		ctx, cancel := context.WithTimeout(cmd.Context(), d.config.Linger+stopWait)
		defer cancel()
		if err := d.waitGone(ctx, id); err != nil {
			return fmt.Errorf("%s does not end; the end of its log:\n%s", id, d.logTail(id))
		}
	}
	done := map[syscall.Signal]string{syscall.SIGKILL: "killed", syscall.SIGTERM: "stopped gracefully", syscall.SIGINT: "stopped gracefully", syscall.SIGSTOP: "frozen", syscall.SIGCONT: "goes on"}[sig]
	fmt.Fprintf(cmd.OutOrStdout(), "%s %s (pid %d)\n", id, done, pid)
	return nil
}

// crash kills the child of a supervisor. Between two children it waits for the next one.
func (d *dev) crash(cmd *cobra.Command, id string) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
	defer cancel()
	child := 0
	if err := poll(ctx, func() bool { child = d.pid(id); return child != 0 && child != d.parent(id) }); err != nil {
		return fmt.Errorf("%s does not run; start it with: raftmq dev start %s --dir %s", id, id, d.dir)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		return fmt.Errorf("crash %s (pid %d): %w", id, child, err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s crashed (pid %d)\n", id, child)
	return nil
}
