package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/bench"
)

func newBenchSuite(env Environment) *cobra.Command {
	f := &benchFlags{}
	var faults faultFlags
	cmd := &cobra.Command{
		Use:   "suite quick|standard",
		Short: "Make a set of runs into one report",
		Long: `Make the runs by which clusters are compared: a sweep of sizes and concurrency, reading back, end to end at a fixed rate and, with --dir of a
dev cluster or a --fault-command, a fail-over. quick takes about a minute, standard about five.`,
		Example: `  raftmq bench suite quick
  raftmq bench suite standard --dir ./raftmq-dev --out suite.json --out suite.html`,
		Args:      usage(cobra.ExactArgs(1)),
		ValidArgs: bench.SuiteNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			base := bench.Settings{Topic: f.topic, Timeout: bench.Duration{Duration: f.timeout}}
			settings, err := bench.Suite(args[0], base)
			if err != nil {
				return usageError("%w", err)
			}
			runs := plan(settings)
			if cmd.Flags().Changed("dir") || len(faults.commands) > 0 {
				made, namesrv, err := faults.faults()
				if err != nil {
					return err
				}
				f.useDev(faults.dev.dir, namesrv)
				base.Kind, base.Duration.Duration = bench.Failover, faults.length()
				runs = append(runs, benchRun{settings: base, faults: made})
			} else if !f.quiet {
				fmt.Fprintln(cmd.ErrOrStderr(), "without --dir or --fault-command there is no fail-over run")
			}
			return f.run(cmd, runs)
		},
	}
	f.env, f.client.env = env, env
	flags := cmd.Flags()
	flags.StringVarP(&f.client.namesrv, "namesrv", "n", "", "`ADDRESSES` of NameServers, separated by ; (default NAMESRV_ADDR, else 127.0.0.1:9876)")
	flags.StringVar(&f.cluster, "cluster", "", "`CLUSTER` whose broker groups get the topics (default: all)")
	flags.StringVarP(&f.topic, "topic", "t", "raftmq-bench", "beginning of the names of the `TOPICS`")
	flags.DurationVar(&f.timeout, "timeout", 3*time.Second, "how long a request waits for its answer")
	f.addOutput(cmd)
	faults.add(cmd, env)
	return cmd
}
