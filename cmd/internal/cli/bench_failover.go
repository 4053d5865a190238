package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/bench"
)

// faultFlags say what is done to a cluster, and when.
type faultFlags struct {
	dev               devFlags
	group             string
	action, on        string
	at, every, heal   time.Duration
	times             int
	commands, healing []string
}

var faultActions = []string{"kill", "crash", "pause", "stop", "transfer"}

func (f *faultFlags) add(cmd *cobra.Command, env Environment) {
	f.dev.add(cmd, env)
	flags := cmd.Flags()
	flags.StringVar(&f.group, "group", "", "broker `GROUP` whose nodes are meant (default: the first)")
	flags.StringVar(&f.action, "action", "kill", "what is done: kill (-9), crash (-9, the supervisor starts it again), pause (SIGSTOP), stop (SIGTERM) or transfer (leadership)")
	flags.StringVar(&f.on, "on", "leader", "to whom: leader, follower or a `NODE`")
	flags.DurationVar(&f.at, "at", 8*time.Second, "when, after the beginning of the run")
	flags.DurationVar(&f.every, "every", 20*time.Second, "between faults, if --times is more than 1")
	flags.IntVar(&f.times, "times", 1, "number of faults")
	flags.DurationVar(&f.heal, "heal-after", 10*time.Second, "after a kill, stop or pause the node is started, or goes on, so much later; 0: not at all")
	flags.StringArrayVar(&f.commands, "fault-command", nil, "instead of --action: `COMMAND` to run, without a shell; several take turns")
	flags.StringArrayVar(&f.healing, "heal-command", nil, "`COMMAND` to run --heal-after a fault, without a shell; several take turns")
	cmd.RegisterFlagCompletionFunc("action", cobra.FixedCompletions(faultActions, cobra.ShellCompDirectiveNoFileComp))
}

// check refuses what makes no sense.
func (f *faultFlags) check() error {
	switch {
	case !slices.Contains(faultActions, f.action):
		return usageError("--action %s: use one of %v", f.action, faultActions)
	case f.times < 1 || f.times > 1000:
		return usageError("--times %d: use 1 to 1000", f.times)
	case f.at < 0 || f.heal < 0:
		return usageError("--at and --heal-after cannot be negative")
	case f.times > 1 && f.every <= f.heal:
		return usageError("--every %v: a fault is healed after %v, before the next one begins", f.every, f.heal)
	case len(f.healing) > 0 && len(f.commands) == 0:
		return usageError("--heal-command belongs to --fault-command")
	}
	for _, c := range append(slices.Clone(f.commands), f.healing...) {
		if _, err := splitWords(c); err != nil {
			return usageError("%w", err)
		}
	}
	return nil
}

// faults are the faults in the order of their times, and the NameServer of the dev cluster if they are made there.
func (f *faultFlags) faults() (faults []bench.Fault, namesrv string, err error) {
	if err := f.check(); err != nil {
		return nil, "", err
	}
	if len(f.commands) > 0 {
		return f.schedule(commandFault(f.commands), commandFault(f.healing)), "", nil
	}
	d, err := f.dev.open()
	if err != nil {
		return nil, "", fmt.Errorf("%w; or name a --fault-command", err)
	}
	if f.action == "crash" && !d.Supervise {
		return nil, "", usageError("--action crash: this cluster runs without supervisors; use kill")
	}
	if f.on != "leader" && f.on != "follower" {
		if err := d.known(f.on); err != nil {
			return nil, "", err
		}
	}
	maker := &devFaults{dev: d, flags: f}
	return f.schedule(maker.fault, maker.heal), d.namesrv(), nil
}

// schedule makes faults and their healing; a maker may return nil for none. The healing of a fault follows its beginning.
func (f *faultFlags) schedule(fault, heal func(n int) *bench.Fault) []bench.Fault {
	var out []bench.Fault
	for n := range f.times {
		at := f.at + time.Duration(n)*f.every
		if x := fault(n); x != nil {
			x.At = at
			out = append(out, *x)
		}
		if x := heal(n); x != nil && f.heal > 0 {
			x.At = at + f.heal
			out = append(out, *x)
		}
	}
	return out
}

// length is how long a run has to be for all faults to be made and their effects to be seen.
func (f *faultFlags) length() time.Duration {
	return max(30*time.Second, f.at+time.Duration(f.times-1)*f.every+f.heal+10*time.Second)
}

func newBenchFailover(env Environment) *cobra.Command {
	f := &benchFlags{}
	var faults faultFlags
	cmd := &cobra.Command{
		Use:   "failover",
		Short: "Send while nodes fail, read everything back, and say what was lost and how long the gap was",
		Long: `Send numbered messages, each until it is acknowledged, make faults meanwhile, and then read back everything that was sent. The report says the
longest time without an acknowledgement, and how many messages are lost, duplicated or out of order. Faults are made to the nodes of a dev cluster
(--dir), or by a command of yours. Exit code 1 when an acknowledged message is lost, elsewhere or out of order.`,
		Example: `  raftmq bench failover --dir ./raftmq-dev
  raftmq bench failover --action pause --times 3 --out failover.html
  raftmq bench failover -n 10.0.0.1:9876 --fault-command "ssh n0 systemctl kill -s KILL raftmq" --heal-command "ssh n0 systemctl start raftmq"`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			made, namesrv, err := faults.faults()
			if err != nil {
				return err
			}
			if f.useDev(faults.dev.dir, namesrv); f.duration == 0 {
				f.duration = faults.length()
			}
			settings, err := f.settings(bench.Failover)
			if err != nil {
				return err
			}
			runs := plan(settings)
			for i := range runs {
				runs[i].faults = made
			}
			return f.run(cmd, runs)
		},
	}
	f.add(cmd, env, bench.Failover)
	faults.add(cmd, env)
	return cmd
}

// useDev takes NameServer and disk of a dev cluster where the flags name no other.
func (f *benchFlags) useDev(dir, namesrv string) {
	if namesrv == "" {
		return
	}
	if f.client.namesrv == "" {
		f.client.namesrv = namesrv
	}
	if f.probeDir == "" {
		f.probeDir = dir
	}
}
