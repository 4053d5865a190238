// Pair runs a producer and a push consumer of the stock Go client with their default settings while a cluster is
// disturbed, keeps a journal, and judges it.
//
//	pair -namesrv 127.0.0.1:9876 -duration 1m -rate 200 -journal go.jsonl
//	pair -check go.jsonl -faults faults.jsonl -gap-max 2s -failed-max 0
//
// The first form sends until the duration ends or it is interrupted, waits until everything acknowledged has been
// delivered, and judges its own journal. The second judges journals that exist, also those of the Java pair. Both write a
// report as JSON and exit 1 if an acknowledged message is missing, elsewhere or out of order, or if a limit is broken. With
// -row a line for a table is printed: name, faults, sent, failed, lost, duplicates, then the gaps between acks that the
// faults made, in milliseconds: median, p99, worst.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/apache/rocketmq-client-go/v2/rlog"

	"github.com/raftmq/raftmq/test/compat/internal/pair"
)

// limits are what a run may show besides losing nothing; a negative one is no limit.
type limits struct {
	failed int
	gap    time.Duration
}

func main() {
	var o options
	var l limits
	check := flag.String("check", "", "journals to judge, separated by commas, instead of running")
	faults := flag.String("faults", "", "journal of the faults, for -check")
	report := flag.String("report", "-", "file for the report; - is standard output")
	row := flag.String("row", "", "name of a table row to print")
	flag.StringVar(&o.namesrv, "namesrv", os.Getenv("NAMESRV_ADDR"), "addresses of the NameServers, separated by ';'")
	flag.StringVar(&o.topic, "topic", "", "topic; created if it is left out")
	flag.StringVar(&o.journal, "journal", "pair.jsonl", "file for the journal")
	flag.DurationVar(&o.duration, "duration", time.Minute, "how long to send")
	flag.DurationVar(&o.drain, "drain", 90*time.Second, "how long to wait afterwards for what was acknowledged")
	flag.IntVar(&o.rate, "rate", 200, "messages a second, over all lanes")
	flag.IntVar(&o.lanes, "lanes", 16, "goroutines that send, each waiting for its answer")
	flag.IntVar(&o.queues, "queues", 8, "queues of a created topic on each leader")
	flag.IntVar(&o.retry, "retry", 0, "retries of a send (producer.WithRetry); 0: the client's default, 2")
	flag.IntVar(&l.failed, "failed-max", -1, "sends that may fail; -1: any number")
	flag.DurationVar(&l.gap, "gap-max", -1, "longest time without an ack; -1: any")
	flag.Parse()
	rlog.SetLogLevel("fatal") // errors are in the journal

	journals := strings.Split(*check, ",")
	if *check == "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if err := run(ctx, o); err != nil {
			fail(err)
		}
		journals = []string{o.journal}
	}
	if *faults != "" {
		journals = append(journals, *faults)
	}
	verdict, err := judge(journals)
	if err == nil {
		err = write(verdict, *report)
	}
	if err != nil {
		fail(err)
	}
	if *row != "" {
		g := verdict.Gaps
		fmt.Printf("%-24s %6d %8d %6d %4d %4d %8.0f %8.0f %8.0f\n", *row, g.Count, verdict.Sent, verdict.Failed,
			verdict.Missing+verdict.Misplaced+verdict.OutOfOrder, verdict.StoredTwice+verdict.Redelivered, g.Median, g.P99, g.Worst)
	}
	if broken := l.broken(verdict); len(broken) > 0 {
		fail(errors.New(strings.Join(broken, "; ")))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "pair:", err)
	os.Exit(1)
}

// judge reads the journals.
func judge(journals []string) (pair.Report, error) {
	var events []pair.Event
	for _, path := range journals {
		read, err := pair.ReadFile(path)
		if err != nil {
			return pair.Report{}, err
		}
		events = append(events, read...)
	}
	return pair.Judge(events), nil
}

func write(r pair.Report, path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if path == "-" {
		_, err = os.Stdout.Write(text)
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// broken says what is wrong with a run.
func (l limits) broken(r pair.Report) []string {
	var broken []string
	if r.Acked == 0 {
		broken = append(broken, "nothing was acknowledged")
	}
	if r.Lost() {
		broken = append(broken, fmt.Sprintf("%d missing, %d misplaced, %d out of order", r.Missing, r.Misplaced, r.OutOfOrder))
	}
	if l.failed >= 0 && r.Failed > l.failed {
		broken = append(broken, fmt.Sprintf("%d sends failed", r.Failed))
	}
	if l.gap >= 0 && r.LongestGap > float64(l.gap.Milliseconds()) {
		broken = append(broken, fmt.Sprintf("no ack for %.0f ms", r.LongestGap))
	}
	return broken
}
