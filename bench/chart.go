package bench

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// Size of a chart in its own units, and the margins in which its axes are labelled.
const (
	chartWidth, chartHeight                        = 720, 220
	marginLeft, marginRight, marginTop, marginBase = 66, 14, 16, 26
)

// axis maps values to places of a chart. A logarithmic axis begins above 0.
type axis struct {
	from, to   float64 // values
	start, end float64 // places
	log        bool
	text       func(float64) string
}

// horizontal and vertical return an axis of a chart; the range is widened where it is empty.
func horizontal(from, to float64, log bool, text func(float64) string) axis {
	return axis{from, wider(from, to, log), marginLeft, chartWidth - marginRight, log, text}
}

func vertical(from, to float64, log bool, text func(float64) string) axis {
	return axis{from, wider(from, to, log), chartHeight - marginBase, marginTop, log, text}
}

func wider(from, to float64, log bool) float64 {
	switch {
	case to > from:
		return to
	case log:
		return from * 10
	}
	return from + 1
}

func (a axis) at(v float64) float64 {
	share := (v - a.from) / (a.to - a.from)
	if a.log {
		share = math.Log(max(v, a.from)/a.from) / math.Log(a.to/a.from)
	}
	return a.start + max(0, min(1, share))*(a.end-a.start)
}

// ticks are the values to label: the powers of ten of a logarithmic axis (with 2 and 5 between where few), else about five round ones.
func (a axis) ticks() []float64 {
	if a.log {
		return logTicks(a.from, a.to)
	}
	step := math.Pow10(int(math.Floor(math.Log10((a.to - a.from) / 5))))
	for _, f := range []float64{1, 2, 5, 10} {
		if (a.to-a.from)/(f*step) <= 6 {
			step *= f
			break
		}
	}
	var out []float64
	for i := math.Ceil(a.from / step); i*step <= a.to*(1+1e-9); i++ {
		out = append(out, i*step)
	}
	return out
}

func logTicks(from, to float64) []float64 {
	between := []float64{1}
	if to/from < 1000 {
		between = []float64{1, 2, 5}
	}
	var out []float64
	for p := math.Pow10(int(math.Floor(math.Log10(from)))); p <= to; p *= 10 {
		for _, f := range between {
			if v := p * f; v >= from*(1-1e-9) && v <= to*(1+1e-9) {
				out = append(out, v)
			}
		}
	}
	return out
}

// chart builds an inline SVG. All text is escaped, all else are numbers and the names of CSS classes.
type chart struct {
	title string
	x, y  axis
	body  strings.Builder
}

func newChart(title string, x, y axis) *chart {
	c := &chart{title: title, x: x, y: y}
	for _, v := range y.ticks() {
		at := y.at(v)
		c.add(`<path class="grid" d="M%d %sH%d"/><text x="%d" y="%s" text-anchor="end">%s</text>`, marginLeft, place(at), chartWidth-marginRight, marginLeft-6, place(at+4), html.EscapeString(y.text(v)))
	}
	for _, v := range x.ticks() {
		at := x.at(v)
		c.add(`<path class="grid" d="M%s %dV%d"/><text x="%s" y="%d" text-anchor="middle">%s</text>`, place(at), marginTop, chartHeight-marginBase, place(at), chartHeight-8, html.EscapeString(x.text(v)))
	}
	return c
}

func (c *chart) add(format string, args ...any) { fmt.Fprintf(&c.body, format, args...) }

// place prints a place with one digit.
func place(v float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}

// point is a value on both axes; a point that is not valid interrupts a line.
type point struct {
	x, y  float64
	valid bool
}

// line draws a line of class through the points.
func (c *chart) line(class string, points []point) {
	var d strings.Builder
	move := true
	for _, p := range points {
		if !p.valid {
			move = true
			continue
		}
		letter := "L"
		if move {
			letter = "M"
		}
		fmt.Fprintf(&d, "%s%s %s", letter, place(c.x.at(p.x)), place(c.y.at(p.y)))
		move = false
	}
	if d.Len() > 0 {
		c.add(`<path class="%s" d="%s"/>`, class, d.String())
	}
}

// dots draws a dot on each point, with a text that browsers show under the pointer.
func (c *chart) dots(class string, points []point, text func(point) string) {
	for _, p := range points {
		if p.valid {
			c.add(`<circle class="%s" cx="%s" cy="%s" r="3"><title>%s</title></circle>`, class, place(c.x.at(p.x)), place(c.y.at(p.y)), html.EscapeString(text(p)))
		}
	}
}

// shade marks a range of x.
func (c *chart) shade(class string, from, to float64) {
	c.add(`<rect class="%s" x="%s" y="%d" width="%s" height="%d"/>`, class, place(c.x.at(from)), marginTop, place(max(1, c.x.at(to)-c.x.at(from))), chartHeight-marginBase-marginTop)
}

// mark draws an upright line with a label.
func (c *chart) mark(at float64, label string) {
	x := c.x.at(at)
	anchor, shift := "start", 3.0
	if x > chartWidth*3/4 {
		anchor, shift = "end", -3
	}
	c.add(`<path class="fault" d="M%s %dV%d"/><text class="faulttext" x="%s" y="%d" text-anchor="%s">%s</text>`, place(x), marginTop, chartHeight-marginBase, place(x+shift), marginTop-4, anchor, html.EscapeString(label))
}

// cells draws one rectangle for each cell, all of a level in one path. A cell is (x from, x to, y from, y to) in values.
func (c *chart) cells(class string, cells [][4]float64) {
	var d strings.Builder
	for _, r := range cells {
		x0, x1, y0, y1 := c.x.at(r[0]), c.x.at(r[1]), c.y.at(r[2]), c.y.at(r[3])
		fmt.Fprintf(&d, "M%s %sh%sv%sh-%sz", place(x0), place(y0), place(x1-x0), place(y1-y0), place(x1-x0))
	}
	if d.Len() > 0 {
		c.add(`<path class="%s" d="%s"/>`, class, d.String())
	}
}

func (c *chart) svg() template.HTML {
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %d %d" role="img" aria-label="%s">%s</svg>`, chartWidth, chartHeight, html.EscapeString(c.title), c.body.String()))
}
