package bench

import (
	"fmt"
	"html/template"
	"slices"
)

// figures are the charts of a run: those over time for each of its streams, and the distribution of all.
func (r *Run) figures() []figure {
	var out []figure
	for i := range r.Streams {
		s := &r.Streams[i]
		if len(s.Series) > 1 {
			out = append(out, r.rateFigure(s), r.latencyFigure(s), r.heatFigure(s))
		}
	}
	return append(out, r.percentileFigure())
}

// timeAxis spans the series.
func timeAxis(s *Stream) axis {
	return horizontal(0, s.Series[len(s.Series)-1].At, false, func(v float64) string { return fmt.Sprintf("%gs", round(v, 2)) })
}

// overTime begins a chart over time with the warm-up and draws the faults over what drawn draws.
func (r *Run) overTime(title string, s *Stream, y axis, draw func(*chart)) template.HTML {
	c := newChart(title, timeAxis(s), y)
	if w := r.Settings.Warmup.Seconds(); w > 0 {
		c.shade("warmup", 0, w)
	}
	draw(c)
	for _, f := range r.Faults {
		c.mark(f.From, f.Name)
	}
	return c.svg()
}

func (r *Run) rateFigure(s *Stream) figure {
	highest := 1.0
	var points []point
	for _, p := range s.Series {
		if p.Seconds > r.Settings.Step.Seconds()/2 { // not the stump at the end
			x := point{p.At - p.Seconds/2, float64(p.Messages) / p.Seconds, true}
			highest = max(highest, x.y)
			points = append(points, x)
		}
	}
	title := s.Name + ": messages a second"
	y := vertical(0, highest*1.05, false, func(v float64) string { return count(int64(v + .5)) })
	return figure{Title: title, SVG: r.overTime(title, s, y, func(c *chart) { c.line("line s0", points) })}
}

func (r *Run) latencyFigure(s *Stream) figure {
	least, most := int64(0), int64(1)
	for _, p := range s.Series {
		if p.Messages > 0 {
			most = max(most, p.Max)
			if least == 0 || p.P50 < least {
				least = p.P50
			}
		}
	}
	title := s.Name + ": latency over time"
	y := vertical(max(1, float64(least)*.8), float64(most)*1.2, true, func(v float64) string { return microsTick(v) })
	of := []struct {
		text, class string
		value       func(Point) int64
	}{
		{"max", "s2", func(p Point) int64 { return p.Max }}, {"p99", "s1", func(p Point) int64 { return p.P99 }}, {"p50", "s0", func(p Point) int64 { return p.P50 }},
	}
	f := figure{Title: title}
	f.SVG = r.overTime(title, s, y, func(c *chart) {
		for _, o := range of {
			var points []point
			for _, p := range s.Series {
				points = append(points, point{p.At - p.Seconds/2, float64(o.value(p)), p.Messages > 0})
			}
			c.line("line "+o.class, points)
		}
	})
	for _, o := range slices.Backward(of) {
		f.Legend = append(f.Legend, legend{o.class, o.text})
	}
	return f
}

// microsTick prints a round latency of an axis.
func microsTick(v float64) string {
	switch {
	case v < 1e3:
		return fmt.Sprintf("%gµs", round(v, 1))
	case v < 1e6:
		return fmt.Sprintf("%gms", round(v/1e3, 2))
	}
	return fmt.Sprintf("%gs", round(v/1e6, 2))
}

const (
	heatColumnsMax = 150
	heatLevels     = 6
)

// heatFigure shows how many messages had which latency when. Each level of colour stands for about three times the count of the one below.
func (r *Run) heatFigure(s *Stream) figure {
	columns := heatColumns(s.Series)
	lowest, highest, most := bandsMax, 0, int64(1)
	for _, c := range columns {
		for band, n := range c.counts {
			if n > 0 {
				lowest, highest, most = min(lowest, band), max(highest, band), max(most, n)
			}
		}
	}
	lowest = min(lowest, highest)
	title := s.Name + ": heat map of latency"
	y := vertical(max(16, float64(bandFrom(lowest))), float64(bandFrom(highest+1)), true, func(v float64) string { return microsTick(v) })
	levels := make([][][4]float64, heatLevels)
	for _, c := range columns {
		for band, n := range c.counts {
			if n > 0 {
				l := heatLevel(n, most)
				levels[l] = append(levels[l], [4]float64{c.from, c.to, float64(bandFrom(band)), float64(bandFrom(band + 1))})
			}
		}
	}
	return figure{Title: title, SVG: r.overTime(title, s, y, func(c *chart) {
		for l, cells := range levels {
			c.cells(fmt.Sprintf("heat h%d", l), cells)
		}
	})}
}

// heatLevel is 0 for the rarest and heatLevels-1 for the most frequent.
func heatLevel(n, most int64) int {
	level := heatLevels - 1
	for n*3 <= most && level > 0 {
		n *= 3
		level--
	}
	return level
}

// heatColumn is the bands of some neighbouring points.
type heatColumn struct {
	from, to float64
	counts   [bandsMax]int64
}

func heatColumns(series []Point) []heatColumn {
	each := (len(series) + heatColumnsMax - 1) / heatColumnsMax
	var out []heatColumn
	for points := range slices.Chunk(series, each) {
		c := heatColumn{from: points[0].At - points[0].Seconds, to: points[len(points)-1].At}
		for _, p := range points {
			for _, b := range p.Bands {
				if b[0] >= 0 && b[0] < bandsMax {
					c.counts[b[0]] += b[1]
				}
			}
		}
		out = append(out, c)
	}
	return out
}

// percentileFigure draws the latency that a share of the messages does not exceed; the axis gives each further nine the same room.
func (r *Run) percentileFigure() figure {
	most, total := 1.0, int64(10)
	least := 0.0
	for _, s := range r.Streams {
		most, total = max(most, float64(s.Latency.Max)), max(total, s.Latency.Count)
		if s.Latency.Count > 0 && (least == 0 || float64(s.Latency.Min) < least) {
			least = float64(s.Latency.Min)
		}
	}
	title := "latency by percentile"
	x := horizontal(1, float64(total), true, func(v float64) string {
		if v <= 1 {
			return "0%"
		}
		return fmt.Sprintf("%.6g%%", 100*(1-1/v))
	})
	c := newChart(title, x, vertical(max(1, least*.8), most*1.2, true, func(v float64) string { return microsTick(v) }))
	f := figure{Title: title}
	for i, s := range r.Streams {
		class := fmt.Sprintf("s%d", i)
		var points []point
		seen := int64(0)
		for _, b := range s.Bars {
			// Below this latency lie seen messages: the curve rises to it there.
			points = append(points, point{1 / max(1-float64(seen)/float64(s.Latency.Count), 1/float64(total)), float64(b[0]), true})
			seen += b[1]
		}
		c.line("line "+class, thinned(points, c.x))
		f.Legend = append(f.Legend, legend{class, s.Name})
	}
	f.SVG = c.svg()
	return f
}

// thinned leaves out points that lie within one place of the one before; the last stays.
func thinned(points []point, x axis) []point {
	var out []point
	for i, p := range points {
		if n := len(out); n == 0 || i == len(points)-1 || x.at(p.x)-x.at(out[n-1].x) >= 1 {
			out = append(out, p)
		}
	}
	return out
}

// sweepFigures compare the closed-loop sends of a report by concurrency, a line for each size; none if there is nothing to compare.
func (r *Report) sweepFigures() []figure {
	lines := map[string][]*Run{}
	var names []string
	for i := range r.Runs {
		run := &r.Runs[i]
		if s := &run.Settings; s.Kind == Produce && s.Rate == 0 {
			name := sizeText(s.Size)
			if s.Queues > 0 && s.Queues != 8 {
				name += fmt.Sprintf(", %d queues", s.Queues)
			}
			if lines[name] == nil {
				names = append(names, name)
			}
			lines[name] = append(lines[name], run)
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return len(lines[n]) < 2 })
	if len(names) == 0 {
		return nil
	}
	return []figure{
		sweepFigure("messages a second by concurrency", names, lines, func(r *Run) float64 { return r.Main().Rate }, func(v float64) string { return count(int64(v + .5)) }),
		sweepFigure("p99 by concurrency", names, lines, func(r *Run) float64 { return float64(r.Main().Latency.P99) }, microsTick),
	}
}

func sweepFigure(title string, names []string, lines map[string][]*Run, value func(*Run) float64, text func(float64) string) figure {
	x, y := [2]float64{1e9, 1}, [2]float64{1e12, 1}
	for _, name := range names {
		for _, run := range lines[name] {
			c, v := float64(run.Settings.Concurrency), max(1, value(run))
			x, y = [2]float64{min(x[0], c), max(x[1], c)}, [2]float64{min(y[0], v), max(y[1], v)}
		}
	}
	c := newChart(title, horizontal(x[0], x[1], true, func(v float64) string { return count(int64(v + .5)) }), vertical(y[0]*.8, y[1]*1.2, true, text))
	f := figure{Title: title}
	for i, name := range names {
		class := fmt.Sprintf("s%d", i%6)
		var points []point
		for _, run := range lines[name] {
			points = append(points, point{float64(run.Settings.Concurrency), value(run), value(run) > 0})
		}
		slices.SortStableFunc(points, func(a, b point) int { return int(a.x - b.x) })
		c.line("line "+class, points)
		c.dots("dot "+class, points, func(p point) string { return fmt.Sprintf("%s, %g in flight: %s", name, p.x, text(p.y)) })
		f.Legend = append(f.Legend, legend{class, name})
	}
	f.SVG = c.svg()
	return f
}
