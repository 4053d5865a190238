package bench

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// micros prints microseconds in the unit that reads best: "870µs", "1.25ms", "2.05s".
func micros(us int64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%dµs", us)
	case us < 100_000:
		return fmt.Sprintf("%.2fms", float64(us)/1e3)
	case us < 1_000_000:
		return fmt.Sprintf("%.0fms", float64(us)/1e3)
	}
	return fmt.Sprintf("%.2fs", float64(us)/1e6)
}

// count prints a number with commas.
func count(n int64) string {
	if n < 0 {
		return "-" + count(-n)
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// row is a stream of a run in a table: what the table and the CSV share.
type row struct {
	run    *Run
	stream *Stream
}

func (r *Report) rows() []row {
	var out []row
	for i := range r.Runs {
		for j := range r.Runs[i].Streams {
			out = append(out, row{&r.Runs[i], &r.Runs[i].Streams[j]})
		}
	}
	return out
}

// WriteTable writes what a person reads: one line for each stream, then what was checked.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RUN\tSTREAM\tMESSAGES\tMSG/S\tMB/S\tP50\tP90\tP99\tP99.9\tP99.99\tMAX\tERRORS")
	for _, x := range r.rows() {
		l := x.stream.Latency
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.1f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.run.Name, x.stream.Name, count(x.stream.Messages), count(int64(x.stream.Rate+.5)), x.stream.MBps,
			micros(l.P50), micros(l.P90), micros(l.P99), micros(l.P999), micros(l.P9999), micros(l.Max), count(x.stream.Errors))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range r.Runs {
		run := &r.Runs[i]
		for _, line := range append(run.findings(), run.caveats()...) {
			fmt.Fprintf(w, "%s: %s\n", run.Name, line)
		}
	}
	if r.Search != nil {
		fmt.Fprintln(w, r.Search.Text())
	}
	fmt.Fprintf(w, "%s\n", r.Environment.Text())
	return nil
}

// findings are the faults, the gap and the checks of a run, a line each.
func (r *Run) findings() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, f := range r.Faults {
		text := fmt.Sprintf("%.2fs %s", f.From, f.Name)
		if f.Detail != "" {
			text += " (" + f.Detail + ")"
		}
		if f.Error != "" {
			text += " FAILED: " + f.Error
		}
		say("%s; longest gap until the next fault %.1f ms, from %.2fs on", text, f.Gap.Millis, f.Gap.From)
	}
	if r.Gap != nil {
		say("longest gap between acknowledgements %.1f ms, from %.2fs on", r.Gap.Millis, r.Gap.From)
	}
	if c := r.Checks; c != nil {
		say("sent %s, acked %s, found %s: lost %d, unread %d, misplaced %d, out of order %d, duplicates %d, stored without an acknowledgement %d, foreign %d",
			count(c.Sent), count(c.Acked), count(c.Found), c.Lost, c.Unread, c.Misplaced, c.OutOfOrder, c.Duplicates, c.StoredUnacked, c.Foreign)
	}
	return out
}

// caveats are what one has to know before believing the figures of a run, a line each.
func (r *Run) caveats() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(r.Failures) > 0 {
		say("errors: %s", strings.Join(byFrequency(r.Failures), ", "))
	}
	if r.Unsent > 0 {
		say("%s messages were due and could not be sent: the cluster is slower than the rate", count(r.Unsent))
	}
	if r.Tool.Late != nil && r.Settings.Rate > 0 {
		say("the tool itself was late by p50 %s, p99 %s", micros(r.Tool.Late.P50), micros(r.Tool.Late.P99))
	}
	for _, note := range r.Notes {
		say("%s", note)
	}
	if r.Interrupted {
		say("interrupted: the figures are those of the time until then")
	}
	return out
}

// csvColumns names the columns of WriteCSV.
var csvColumns = []string{"run", "kind", "stream", "size_bytes", "concurrency", "connections", "queues", "rate", "seconds", "messages", "messages_per_second", "mb_per_second",
	"errors", "mean_us", "p50_us", "p90_us", "p99_us", "p99_9_us", "p99_99_us", "max_us", "lost", "duplicates", "out_of_order", "longest_gap_ms", "tool_cores"}

// WriteCSV writes a line for each stream under a heading.
func (r *Report) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write(csvColumns)
	for _, x := range r.rows() {
		s, l := x.run.Settings, x.stream.Latency
		cells := []any{x.run.Name, s.Kind, x.stream.Name, s.Size, s.Concurrency, s.Connections, s.Queues, s.Rate, x.stream.Seconds, x.stream.Messages, x.stream.Rate, x.stream.MBps,
			x.stream.Errors, l.Mean, l.P50, l.P90, l.P99, l.P999, l.P9999, l.Max}
		if c := x.run.Checks; c != nil {
			cells = append(cells, c.Lost, c.Duplicates, c.OutOfOrder)
		} else {
			cells = append(cells, "", "", "")
		}
		if g := x.run.Gap; g != nil {
			cells = append(cells, g.Millis)
		} else {
			cells = append(cells, "")
		}
		line := make([]string, 0, len(csvColumns))
		for _, c := range append(cells, x.run.Tool.Cores) {
			line = append(line, fmt.Sprint(c))
		}
		out.Write(line)
	}
	out.Flush()
	return out.Error()
}
