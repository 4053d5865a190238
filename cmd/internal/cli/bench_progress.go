package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/bench"
)

// benchProgress shows how a run goes on: a bar on a terminal, else a plain line for each interval; with -o rocketmq RocketMQ's lines on the
// standard output.
type benchProgress struct {
	out      io.Writer // nil: show nothing
	terminal bool
	rocketmq io.Writer // nil: another format
	interval time.Duration

	settings *bench.Settings
	began    time.Time

	mu     sync.Mutex
	bar    *progressbar.ProgressBar
	points []bench.Point // since the last line
}

func newBenchProgress(f *benchFlags, cmd *cobra.Command) *benchProgress {
	p := &benchProgress{out: cmd.ErrOrStderr(), interval: f.interval}
	file, ok := p.out.(*os.File)
	if ok {
		info, err := file.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	if f.quiet || p.interval <= 0 && !p.terminal {
		p.out = nil
	}
	if f.output == "rocketmq" {
		p.rocketmq, p.out = cmd.OutOrStdout(), nil
	}
	return p
}

func (p *benchProgress) begin(s *bench.Settings) {
	p.settings, p.began, p.points = s, time.Now(), nil
	if total := s.Warmup.Duration + s.Duration.Duration; p.out != nil && p.terminal {
		p.bar = progressbar.NewOptions64(max(total.Milliseconds(), -1), progressbar.OptionSetWriter(p.out), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetWidth(20), progressbar.OptionSetPredictTime(false), progressbar.OptionSetDescription(s.Name()))
	}
}

// point takes a step of the series; it runs beside fault.
func (p *benchProgress) point(point bench.Point) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.points = append(p.points, point)
	sum := bench.MergePoints(p.points)
	every := p.interval
	if p.terminal && p.rocketmq == nil {
		every = 500 * time.Millisecond
	}
	if time.Duration(sum.Seconds*float64(time.Second)) < every-p.settings.Step.Duration/2 {
		return
	}
	p.points = nil
	switch {
	case p.rocketmq != nil:
		fmt.Fprintln(p.rocketmq, bench.RocketMQLine(p.settings.Kind, sum, time.Now()))
	case p.out == nil:
	case p.bar != nil:
		p.bar.Describe(fmt.Sprintf("%s  %s", p.settings.Name(), progressText(sum)))
		p.bar.Set64(min(time.Since(p.began).Milliseconds(), max(p.bar.GetMax64(), 0)))
	default:
		fmt.Fprintf(p.out, "%6.1fs  %s  %s\n", sum.At, p.settings.Name(), progressText(sum))
	}
}

func progressText(p bench.Point) string {
	seconds := max(p.Seconds, 1e-3)
	text := fmt.Sprintf("%.0f msg/s  %.1f MB/s  p50 %s  p99 %s  max %s", float64(p.Messages)/seconds, float64(p.Bytes)/seconds/1e6, microsText(p.P50), microsText(p.P99), microsText(p.Max))
	if p.Errors > 0 {
		text += fmt.Sprintf("  %d errors", p.Errors)
	}
	return text
}

func microsText(us int64) string {
	return (time.Duration(us) * time.Microsecond).Round(10 * time.Microsecond).String()
}

func (p *benchProgress) fault(m bench.Mark) {
	text := m.Name
	if m.Detail != "" {
		text += ": " + m.Detail
	}
	if m.Error != "" {
		text += " FAILED: " + m.Error
	}
	p.say("%6.1fs  %s", m.From, text)
}

// say prints a line between the others.
func (p *benchProgress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil {
		return
	}
	if p.bar != nil {
		p.bar.Clear()
	}
	fmt.Fprintf(p.out, format+"\n", args...)
}

// complete prints the closing line of RocketMQ's form.
func (p *benchProgress) complete(r *bench.Run) {
	if p.rocketmq != nil && r.Settings.Kind != bench.Consume {
		fmt.Fprintln(p.rocketmq, bench.RocketMQComplete(r))
	}
}

func (p *benchProgress) end() {
	if p.bar != nil {
		p.bar.Finish()
		p.bar = nil
	}
}
