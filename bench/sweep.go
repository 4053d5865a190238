package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Sweep is a set of values for some settings. An empty list leaves the setting as it is.
type Sweep struct {
	Sizes       []int
	Concurrency []int
	Connections []int
	Queues      []int
	Rates       []float64
}

// Runs returns base with every combination, the concurrency varying fastest, with their defaults filled in. Runs with different numbers of
// queues have topics of their own, as the number of queues of a topic is not made smaller.
func (w Sweep) Runs(base Settings) []Settings {
	out := []Settings{base}
	out = each(out, w.Queues, func(s *Settings, n int) {
		s.Queues = n
		if len(w.Queues) > 1 {
			s.Topic = fmt.Sprintf("%s-q%d", base.Topic, n)
		}
	})
	out = each(out, w.Sizes, func(s *Settings, n int) { s.Size = n })
	out = each(out, w.Connections, func(s *Settings, n int) { s.Connections = n })
	out = each(out, w.Rates, func(s *Settings, x float64) { s.Rate = x })
	out = each(out, w.Concurrency, func(s *Settings, n int) { s.Concurrency = n })
	for i := range out {
		out[i].EnsureDefaults()
	}
	return out
}

// each returns a copy of every settings for every value.
func each[T any](all []Settings, values []T, set func(*Settings, T)) []Settings {
	if len(values) == 0 {
		return all
	}
	var out []Settings
	for _, s := range all {
		for _, v := range values {
			changed := s
			set(&changed, v)
			out = append(out, changed)
		}
	}
	return out
}

// SuiteNames lists the suites.
func SuiteNames() []string { return []string{"quick", "standard"} }

// Suite returns the runs of a named suite without fail-over: sends by size and concurrency, each size to a topic of its own that is read
// back, and end to end at fixed rates.
func Suite(name string, base Settings) ([]Settings, error) {
	if !slices.Contains(SuiteNames(), name) {
		return nil, fmt.Errorf("no suite %q; there are: %s", name, strings.Join(SuiteNames(), ", "))
	}
	sizes, concurrency, rates, length := []int{1024}, []int{1, 16, 128, 1024}, []float64{1000}, 5*time.Second
	if name == "standard" {
		sizes, rates, length = []int{100, 1024, 16 << 10}, []float64{1000, 5000}, 10*time.Second
	}
	base.Warmup.Duration, base.Duration.Duration = 2*time.Second, length
	var out []Settings
	for _, size := range sizes {
		topic := base
		topic.Topic = fmt.Sprintf("%s-%s", base.Topic, sizeText(size))
		topic.Kind, topic.Size = Produce, size
		out = append(out, Sweep{Concurrency: concurrency}.Runs(topic)...)
		topic.Kind, topic.Queues, topic.Warmup, topic.Duration = Consume, -1, Duration{}, Duration{}
		topic.EnsureDefaults()
		out = append(out, topic)
	}
	base.Kind = EndToEnd
	return append(out, Sweep{Rates: rates}.Runs(base)...), nil
}
