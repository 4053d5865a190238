package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// metrics are the figures that reports are compared by. Higher is whether more is better.
var metrics = []struct {
	name   string
	higher bool
	of     func(*Run) (float64, bool)
}{
	{"rate", true, func(r *Run) (float64, bool) { return r.Main().Rate, true }},
	{"mbps", true, func(r *Run) (float64, bool) { return r.Main().MBps, true }},
	{"mean", false, latencyMetric(func(l *Latency) float64 { return l.Mean })},
	{"p50", false, latencyMetric(func(l *Latency) float64 { return float64(l.P50) })},
	{"p90", false, latencyMetric(func(l *Latency) float64 { return float64(l.P90) })},
	{"p99", false, latencyMetric(func(l *Latency) float64 { return float64(l.P99) })},
	{"p99.9", false, latencyMetric(func(l *Latency) float64 { return float64(l.P999) })},
	{"p99.99", false, latencyMetric(func(l *Latency) float64 { return float64(l.P9999) })},
	{"max", false, latencyMetric(func(l *Latency) float64 { return float64(l.Max) })},
	{"errors", false, func(r *Run) (float64, bool) { return float64(r.Main().Errors), true }},
	{"gap", false, func(r *Run) (float64, bool) {
		if r.Gap == nil {
			return 0, false
		}
		return r.Gap.Millis * 1000, true
	}},
	{"lost", false, checkMetric(func(c *Checks) int64 { return c.Lost })},
	{"duplicates", false, checkMetric(func(c *Checks) int64 { return c.Duplicates })},
	{"cores", false, func(r *Run) (float64, bool) { return r.Tool.Cores, true }},
}

func latencyMetric(of func(*Latency) float64) func(*Run) (float64, bool) {
	return func(r *Run) (float64, bool) { return of(&r.Main().Latency), r.Main().Latency.Count > 0 }
}

func checkMetric(of func(*Checks) int64) func(*Run) (float64, bool) {
	return func(r *Run) (float64, bool) {
		if r.Checks == nil {
			return 0, false
		}
		return float64(of(r.Checks)), true
	}
}

// Difference is one figure of one run in two reports. Latencies and gaps are in µs.
type Difference struct {
	Run    string  `json:"run"`
	Metric string  `json:"metric"`
	A      float64 `json:"a"`
	B      float64 `json:"b"`
	// Percent is the change from a to b; 0 if a is 0.
	Percent float64 `json:"percent"`
	Failed  string  `json:"failed,omitempty"` // the condition that it meets
}

// Condition is what --fail-if says: that a metric of b is more (or less) than so much beyond that of a, or than a fixed value.
type Condition struct {
	text    string
	metric  string
	above   bool
	percent bool
	value   float64 // percent of a, or a fixed value
}

// ParseCondition reads "p99>+10%", "rate<-5%", "p99>12ms" or "lost>0".
func ParseCondition(text string) (Condition, error) {
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return Condition{}, fmt.Errorf("condition %q: write it as p99>+10%%, rate<-5%%, p99>12ms or lost>0", text)
	}
	c := Condition{text: text, metric: strings.ToLower(strings.TrimSpace(text[:at])), above: text[at] == '>'}
	var known []string
	for _, m := range metrics {
		known = append(known, m.name)
	}
	if !strings.Contains(" "+strings.Join(known, " ")+" ", " "+c.metric+" ") {
		return Condition{}, fmt.Errorf("condition %q: no metric %q; there are %s", text, c.metric, strings.Join(known, ", "))
	}
	limit := strings.TrimSpace(text[at+1:])
	number, percent := strings.CutSuffix(limit, "%")
	if value, err := strconv.ParseFloat(number, 64); err == nil {
		c.value, c.percent = value, percent
		return c, nil
	}
	if d, err := time.ParseDuration(limit); err == nil {
		c.value = float64(d.Microseconds())
		return c, nil
	}
	return Condition{}, fmt.Errorf("condition %q: %q is no percentage, number or duration", text, limit)
}

// met reports whether the difference meets the condition. A percentage of 0 is met by any change in its direction.
func (c *Condition) met(d *Difference) bool {
	if c.metric != d.Metric {
		return false
	}
	limit := c.value
	if c.percent {
		limit = d.A * (1 + c.value/100)
	}
	return c.above && d.B > limit || !c.above && d.B < limit
}

// Compare sets the runs of two reports side by side that have the same name, the n-th of a name with the n-th. It returns the names that
// only one report has.
func Compare(a, b *Report, conditions []Condition) (out []Difference, unmatched []string) {
	byName := map[string][]*Run{}
	for i := range a.Runs {
		byName[a.Runs[i].Name] = append(byName[a.Runs[i].Name], &a.Runs[i])
	}
	for i := range b.Runs {
		rb := &b.Runs[i]
		candidates := byName[rb.Name]
		if len(candidates) == 0 {
			unmatched = append(unmatched, rb.Name)
			continue
		}
		byName[rb.Name] = candidates[1:]
		out = append(out, differences(candidates[0], rb, conditions)...)
	}
	for i := range a.Runs {
		name := a.Runs[i].Name
		if len(byName[name]) > 0 {
			byName[name] = byName[name][1:]
			unmatched = append(unmatched, name)
		}
	}
	return out, unmatched
}

func differences(a, b *Run, conditions []Condition) []Difference {
	var out []Difference
	for _, m := range metrics {
		x, okA := m.of(a)
		y, okB := m.of(b)
		if !okA || !okB {
			continue
		}
		d := Difference{Run: b.Name, Metric: m.name, A: x, B: y}
		if x != 0 {
			d.Percent = round(100*(y-x)/x, 1)
		}
		for _, c := range conditions {
			if c.met(&d) {
				d.Failed = c.text
			}
		}
		out = append(out, d)
	}
	return out
}

// WriteDifferences writes a table; figures that became worse by 5 % or more have a mark.
func WriteDifferences(w io.Writer, all []Difference) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RUN\tMETRIC\tA\tB\tCHANGE\t")
	for i := range all {
		d := &all[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%+.1f%%\t%s\n", d.Run, d.Metric, d.value(d.A), d.value(d.B), d.Percent, d.verdict())
	}
	return t.Flush()
}

func (d *Difference) value(x float64) string {
	switch d.Metric {
	case "rate", "errors", "lost", "duplicates":
		return count(int64(x + .5))
	case "mbps", "cores":
		return fmt.Sprintf("%.2f", x)
	}
	return micros(int64(x + .5))
}

func (d *Difference) verdict() string {
	if d.Failed != "" {
		return "FAILED: " + d.Failed
	}
	for _, m := range metrics {
		worse := d.Percent >= 5
		if m.higher {
			worse = d.Percent <= -5
		}
		if m.name == d.Metric && worse {
			return "worse"
		}
	}
	return ""
}
