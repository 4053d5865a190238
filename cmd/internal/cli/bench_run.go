package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/bench"
	"github.com/raftmq/raftmq/client"
)

// benchRun is a run to make.
type benchRun struct {
	settings bench.Settings
	faults   []bench.Fault
}

// benchSession makes the runs of one command and gathers them in a report.
type benchSession struct {
	flags    *benchFlags
	target   bench.Target
	report   bench.Report
	progress *benchProgress
}

// run makes the runs one after the other and prints the report.
func (f *benchFlags) run(cmd *cobra.Command, runs []benchRun) error {
	return f.report(cmd, func(ctx context.Context, b *benchSession) error {
		for _, r := range runs {
			if ctx.Err() != nil {
				return nil
			}
			done, err := b.one(ctx, r)
			if err != nil {
				return err
			}
			b.report.Runs = append(b.report.Runs, *done)
		}
		return nil
	})
}

// report lets measure fill a report, and prints and writes it, also after an interrupt or an error if there is anything to show. A second
// interrupt ends the process. The error of a report with a broken guarantee, in which nothing succeeded or a fault could not be made, has exit
// code 1.
func (f *benchFlags) report(cmd *cobra.Command, measure func(context.Context, *benchSession) error) error {
	ctx, cancel := withSignals(cmd.Context())
	defer cancel()
	context.AfterFunc(ctx, cancel)
	b := &benchSession{flags: f, target: f.target(), progress: newBenchProgress(f, cmd)}
	b.report = bench.Report{Command: append([]string{"raftmq"}, f.env.Args[1:]...), Label: f.label, Started: time.Now().UTC().Truncate(time.Second),
		Environment: bench.DescribeHost(f.probeDir, Version())}
	err := measure(ctx, b)
	if len(b.report.Runs) == 0 {
		return f.explain(err)
	}
	b.report.Environment.Brokers = b.target.DescribeBrokers(context.WithoutCancel(ctx))
	if e := f.write(cmd, &b.report); e != nil {
		return errors.Join(err, e)
	}
	if err != nil {
		return f.explain(err)
	}
	return verdict(&b.report)
}

// explain adds which NameServer was asked, since forgetting to name it is the usual mistake.
func (f *benchFlags) explain(err error) error {
	if err == nil {
		return errors.New("interrupted before anything was measured")
	}
	if errors.Is(err, client.ErrNoNameServer) || errors.Is(err, client.ErrNoRoute) {
		addresses, from := f.client.nameServers()
		return fmt.Errorf("%w\nNameServer: %s (%s)", err, addresses, from)
	}
	return err
}

func verdict(r *bench.Report) error {
	if broken := r.Broken(); len(broken) > 0 {
		return fmt.Errorf("not kept, or not verified: %s", strings.Join(broken, "; "))
	}
	for i := range r.Runs {
		run := &r.Runs[i]
		if run.Main().Messages == 0 && !run.Interrupted {
			return fmt.Errorf("%s: nothing was measured (%d errors)", run.Name, run.Main().Errors)
		}
		for _, f := range run.Faults {
			if f.Error != "" {
				return fmt.Errorf("%s: the fault %q was not made: %s", run.Name, f.Name, f.Error)
			}
		}
	}
	return nil
}

// one makes one run and shows its progress.
func (b *benchSession) one(ctx context.Context, r benchRun) (*bench.Run, error) {
	r.settings.EnsureDefaults()
	b.progress.begin(&r.settings)
	defer b.progress.end()
	job := bench.Job{Target: b.target, Settings: r.settings, Faults: r.faults, OnPoint: b.progress.point, OnFault: b.progress.fault}
	done, err := job.Do(ctx)
	if err != nil {
		return nil, err
	}
	b.progress.complete(done)
	return done, nil
}

// say prints a line of progress.
func (b *benchSession) say(format string, args ...any) { b.progress.say(format, args...) }

// benchFormat is the format that a file's ending names; "" for none.
func benchFormat(file string) string {
	return map[string]string{".json": "json", ".html": "html", ".csv": "csv", ".txt": "table"}[filepath.Ext(file)]
}

// write prints the report and writes its files.
func (f *benchFlags) write(cmd *cobra.Command, r *bench.Report) error {
	if err := writeReport(cmd.OutOrStdout(), r, f.output); err != nil {
		return err
	}
	for _, file := range f.files {
		if err := writeReportFile(file, r); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "written: %s\n", file)
	}
	return nil
}

func writeReportFile(file string, r *bench.Report) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(writeReport(out, r, benchFormat(file)), out.Close())
}

func writeReport(w io.Writer, r *bench.Report, format string) error {
	switch format {
	case "json":
		return r.WriteJSON(w)
	case "csv":
		return r.WriteCSV(w)
	case "html":
		return r.WriteHTML(w)
	case "rocketmq": // its lines were printed as they came
		return nil
	}
	return r.WriteTable(w)
}
