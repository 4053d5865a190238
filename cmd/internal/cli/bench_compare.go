package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/bench"
)

func newBenchCompare(env Environment) *cobra.Command {
	var output outputFlag
	var failIf []string
	cmd := &cobra.Command{
		Use:   "compare A.json B.json",
		Short: "Set two reports side by side, and fail when B is worse by more than allowed",
		Long: `Compare the runs of two JSON reports that have the same name. --fail-if takes a metric, a direction and a limit: a change in percent of A
(p99>+10%, rate<-5%) or a fixed value of B (p99>12ms, lost>0). Exit code 1 when a condition is met. Metrics: rate, mbps, mean, p50, p90, p99, p99.9,
p99.99, max, errors, gap, lost, duplicates, cores.`,
		Example: "  raftmq bench compare before.json after.json --fail-if 'p99>+10%' --fail-if 'rate<-5%'",
		Args:    usage(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			conditions, err := parseConditions(failIf)
			if err != nil {
				return err
			}
			a, err := readReport(args[0])
			if err != nil {
				return err
			}
			b, err := readReport(args[1])
			if err != nil {
				return err
			}
			return compareReports(cmd, &output, a, b, conditions)
		},
	}
	output.add(cmd)
	cmd.Flags().StringArrayVar(&failIf, "fail-if", nil, "`CONDITION` for exit code 1, as p99>+10%, rate<-5%, p99>12ms or lost>0; may be repeated")
	return cmd
}

func parseConditions(texts []string) ([]bench.Condition, error) {
	var out []bench.Condition
	for _, text := range texts {
		c, err := bench.ParseCondition(text)
		if err != nil {
			return nil, usageError("--fail-if: %w", err)
		}
		out = append(out, c)
	}
	return out, nil
}

func readReport(file string) (*bench.Report, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	r, err := bench.ReadReport(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

func compareReports(cmd *cobra.Command, output *outputFlag, a, b *bench.Report, conditions []bench.Condition) error {
	all, unmatched := bench.Compare(a, b, conditions)
	if len(all) == 0 {
		return fmt.Errorf("the reports have no run in common; only one of them has: %s", strings.Join(unmatched, ", "))
	}
	err := output.print(cmd, all, func() { bench.WriteDifferences(cmd.OutOrStdout(), all) })
	if err != nil {
		return err
	}
	for _, name := range unmatched {
		fmt.Fprintf(cmd.ErrOrStderr(), "only in one report: %s\n", name)
	}
	var failed []string
	for _, d := range all {
		if d.Failed != "" {
			failed = append(failed, fmt.Sprintf("%s: %s is %+.1f%% (%s)", d.Run, d.Metric, d.Percent, d.Failed))
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%s", strings.Join(failed, "; "))
	}
	return nil
}
