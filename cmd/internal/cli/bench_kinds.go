package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/bench"
)

func newBenchProduce(env Environment) *cobra.Command {
	f := &benchFlags{warmup: 2 * time.Second}
	var findMax bool
	var slo string
	cmd := &cobra.Command{
		Use:   "produce",
		Short: "Send as fast as messages are acknowledged, or at a fixed rate",
		Long: `Send messages and measure their acknowledgements. Without --rate it is a closed loop: --concurrency messages are in flight, and each is followed
by the next. With --rate messages are sent at their times whatever happens, and latency counts from the intended time, so that a stall shows in
every message that it delays. Lists (--size 100,1KiB) make a run for each combination.`,
		Example: `  raftmq bench produce
  raftmq bench produce --size 100,1KiB --concurrency 1,16,128,1024 --out sweep.html
  raftmq bench produce --rate 5000 --duration 60s
  raftmq bench produce --find-max --slo p99=10ms`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := f.settings(bench.Produce)
			if err != nil {
				return err
			}
			if findMax {
				return f.findMax(cmd, settings, slo)
			}
			return f.run(cmd, plan(settings))
		},
	}
	f.add(cmd, env, bench.Produce)
	cmd.Flags().BoolVar(&findMax, "find-max", false, "look for the highest rate that holds --slo, from --rate on (default 1000)")
	cmd.Flags().StringVar(&slo, "slo", "p99=10ms", "`LIMIT` of a latency for --find-max, as p99=10ms or max=1s")
	return cmd
}

// plan is a list of runs that make no faults.
func plan(settings []bench.Settings) []benchRun {
	var out []benchRun
	for _, s := range settings {
		out = append(out, benchRun{settings: s})
	}
	return out
}

func newBenchConsume(env Environment) *cobra.Command {
	return benchCommand(env, bench.Consume, 0, &cobra.Command{
		Use:   "consume",
		Short: "Read a topic's queues from their first message to their end",
		Long: `Pull what is in the topic, each queue by one worker at a time, and measure the pulls. With --duration it goes on with what comes later until
the time is over. It joins no group and stores no offsets.`,
		Example: `  raftmq bench consume
  raftmq bench consume -t orders --concurrency 1,8 --batch 128`,
	})
}

func newBenchEndToEnd(env Environment) *cobra.Command {
	return benchCommand(env, bench.EndToEnd, 2*time.Second, &cobra.Command{
		Use:   "e2e",
		Short: "Send and read at the same time, and check loss, duplicates and order",
		Long: `Send messages with numbers, read them with long polls in the same process, and measure acknowledgement and delivery on one clock, both from
the intended time of sending. At the end every acknowledged message must have arrived, at the offset that its acknowledgement told. Exit code 1
when one is lost, elsewhere or out of order.`,
		Example: `  raftmq bench e2e --rate 1000
  raftmq bench e2e --rate 1000,5000 --size 100,1KiB --out e2e.json`,
	})
}

// benchCommand completes a command whose only work is to make the runs of its flags.
func benchCommand(env Environment, kind bench.Kind, warmup time.Duration, cmd *cobra.Command) *cobra.Command {
	f := &benchFlags{warmup: warmup}
	cmd.Args = usage(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := f.settings(kind)
		if err != nil {
			return err
		}
		return f.run(cmd, plan(settings))
	}
	f.add(cmd, env, kind)
	return cmd
}

// findMax makes runs at rates that close in on the highest one that holds the SLO. The report has the best run, or the last if none held.
func (f *benchFlags) findMax(cmd *cobra.Command, settings []bench.Settings, slo string) error {
	limit, err := bench.ParseSLO(slo)
	if err != nil {
		return usageError("--slo: %w", err)
	}
	if len(settings) != 1 {
		return usageError("--find-max takes no lists: it makes its own runs")
	}
	s := settings[0]
	if s.Rate == 0 {
		s.Rate = 1000
		s.Concurrency = 0
		if len(f.concurrency) > 0 {
			s.Concurrency = f.concurrency[0]
		}
	}
	return f.report(cmd, func(ctx context.Context, b *benchSession) error {
		var best, last *bench.Run
		search, err := bench.FindMax(ctx, limit, s.Rate, func(rate float64) (bool, string, error) {
			s.Rate = rate
			r, err := b.one(ctx, benchRun{settings: s})
			if err != nil {
				return false, "", err
			}
			ok, why := limit.Meets(r)
			if last = r; ok {
				best = r
			}
			b.say("%.0f a second: %s", rate, why)
			return ok, why, nil
		})
		b.report.Search = search
		if best == nil {
			best = last
		}
		if best != nil {
			b.report.Runs = append(b.report.Runs, *best)
		}
		return err
	})
}
