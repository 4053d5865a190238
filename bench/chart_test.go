package bench

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAxesKeepTheirPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := rapid.Bool().Draw(t, "log")
		from := rapid.Float64Range(1, 1e9).Draw(t, "from")
		a := horizontal(from, from*rapid.Float64Range(1, 1e6).Draw(t, "factor"), log, nil)
		ticks := a.ticks()
		if len(ticks) > 30 || !slices.IsSorted(ticks) || !log && len(ticks) < 2 {
			t.Fatalf("from %g to %g: ticks %v", a.from, a.to, ticks)
		}
		for _, v := range append(ticks, a.from, a.to, a.from-1, a.to*2) {
			if at := a.at(v); at < marginLeft || at > chartWidth-marginRight {
				t.Fatalf("%g lies at %g", v, at)
			}
		}
		if a.at(a.from) != a.start || a.at(a.to) < a.end-1e-6 {
			t.Fatalf("ends at %g and %g", a.at(a.from), a.at(a.to))
		}
	})
}

func TestLineIsInterrupted(t *testing.T) {
	text := func(float64) string { return "<x>" }
	c := newChart("a <title>", horizontal(0, 10, false, text), vertical(0, 10, false, text))
	c.line("line", []point{{0, 0, true}, {1, 1, true}, {2, 0, false}, {3, 1, true}})
	c.mark(9, "a & b")
	svg := string(c.svg())
	if strings.Count(svg[strings.Index(svg, `class="line"`):], "M") < 2 || strings.Contains(svg, "<x>") || strings.Contains(svg, "<title>") || !strings.Contains(svg, "a &amp; b") {
		t.Errorf("%s", svg)
	}
}

func TestHeat(t *testing.T) {
	var series []Point
	for i := range 1000 {
		series = append(series, Point{At: float64(i + 1), Seconds: 1, Bands: [][2]int64{{3, 1}, {99, 5}}}) // 99 is of a damaged report
	}
	columns := heatColumns(series)
	total := int64(0)
	for _, c := range columns {
		total += c.counts[3]
	}
	if len(columns) > heatColumnsMax || total != 1000 || columns[0].from != 0 || columns[len(columns)-1].to != 1000 {
		t.Errorf("%d columns with %d messages", len(columns), total)
	}
	for n, want := range map[int64]int{1000: 5, 334: 5, 333: 4, 1: 0} {
		if got := heatLevel(n, 1000); got != want {
			t.Errorf("heatLevel(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestCommandLine(t *testing.T) {
	if got := commandLine([]string{"raftmq", "--label", "a b", "it's", "", "p99>+10%"}); got != `raftmq --label 'a b' 'it'\''s' '' 'p99>+10%'` {
		t.Errorf("got %s", got)
	}
}
