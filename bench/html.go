package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

// page is what page.html shows.
type page struct {
	*Report
	Sweeps []figure
	Parts  []part
	Broken []string
}

// part is a run on the page.
type part struct {
	*Run
	Caveats []string
	Figures []figure
	Open    bool
}

// figure is a chart with its heading and legend.
type figure struct {
	Title  string
	Legend []legend
	SVG    template.HTML
}

type legend struct{ Class, Text string }

// partsOpen is the number of runs up to which all are unfolded.
const partsOpen = 3

// WriteHTML writes the report as one page that needs nothing else: no script, no font, no other file.
func (r *Report) WriteHTML(w io.Writer) error {
	p := page{Report: r, Sweeps: r.sweepFigures(), Broken: r.Broken()}
	for i := range r.Runs {
		run := &r.Runs[i]
		p.Parts = append(p.Parts, part{Run: run, Caveats: run.caveats(), Figures: run.figures(), Open: len(r.Runs) <= partsOpen})
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"count": count, "micros": micros, "rate": func(x float64) string { return count(int64(x + .5)) }, "commandLine": commandLine,
		"settings": func(s Settings) [][2]string { return s.pairs() },
		"pairs":    sortedPairs,
	}).Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

// commandLine joins words so that a shell divides them again.
func commandLine(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		if out[i] = w; w == "" || strings.ContainsAny(w, " \t\n\"'$&|;<>()*?[]{}\\`!#~") {
			out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

func sortedPairs(m map[string]string) [][2]string {
	var out [][2]string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, [2]string{key, m[key]})
	}
	return out
}

// pairs are the settings as a page shows them.
func (s *Settings) pairs() [][2]string {
	loop := "closed loop: latency from sending"
	if s.Rate > 0 {
		loop = fmt.Sprintf("open loop, %g messages a second: latency from the intended time", s.Rate)
	}
	out := [][2]string{{"topic", s.Topic}, {"queues", fmt.Sprint(s.Queues)}, {"concurrency", fmt.Sprint(s.Concurrency)}, {"connections", fmt.Sprint(s.Connections)},
		{"warm-up", s.Warmup.String()}, {"duration", s.Duration.String()}, {"timeout", s.Timeout.String()}}
	if s.Kind == Consume {
		return append(out, [2]string{"messages of a pull", fmt.Sprint(s.PullMax)})
	}
	return append(out, [2]string{"body", sizeText(s.Size) + " " + s.Payload}, [2]string{"load", loop})
}
