package bench

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SLO is a limit on one latency: "p99=10ms".
type SLO struct {
	Percent float64  `json:"percent"` // of the messages; 100: max
	Limit   Duration `json:"limit"`
}

// ParseSLO reads "p99=10ms", "p99.9<50ms" or "max=1s".
func ParseSLO(text string) (SLO, error) {
	wrong := fmt.Errorf("SLO %q: write it as p99=10ms", text)
	at := strings.IndexAny(text, "=<")
	if at < 0 {
		return SLO{}, wrong
	}
	name, limit := strings.ToLower(strings.TrimSpace(text[:at])), strings.TrimLeft(text[at:], "=<")
	d, err := time.ParseDuration(strings.TrimSpace(limit))
	if err != nil || d <= 0 {
		return SLO{}, wrong
	}
	if name == "max" {
		return SLO{100, Duration{d}}, nil
	}
	percent, err := strconv.ParseFloat(strings.TrimPrefix(name, "p"), 64)
	if err != nil || !strings.HasPrefix(name, "p") || percent <= 0 || percent > 100 {
		return SLO{}, wrong
	}
	return SLO{percent, Duration{d}}, nil
}

func (s SLO) String() string {
	if s.Percent == 100 {
		return "max=" + s.Limit.String()
	}
	return fmt.Sprintf("p%g=%v", s.Percent, s.Limit)
}

// Meets says whether a run held the SLO: its latency within the limit, nothing failed, and no more than 1 % of the rate left undone. The text
// is why not.
func (s SLO) Meets(r *Run) (ok bool, why string) {
	m := r.Main()
	latency := percentile(m.Bars, s.Percent)
	switch {
	case r.Interrupted:
		return false, "interrupted"
	case m.Errors > 0:
		return false, fmt.Sprintf("%d errors", m.Errors)
	case r.Unsent > 0:
		return false, fmt.Sprintf("%d messages could not be sent in time", r.Unsent)
	case m.Rate < .99*r.Settings.Rate:
		return false, fmt.Sprintf("only %.0f a second were acknowledged", m.Rate)
	case latency > s.Limit.Microseconds():
		return false, fmt.Sprintf("latency %s", micros(latency))
	}
	return true, fmt.Sprintf("latency %s", micros(latency))
}

// Search is the course of a search for the highest rate that holds an SLO.
type Search struct {
	SLO    SLO     `json:"slo"`
	Best   float64 `json:"best_rate"` // 0: not even the first rate held
	Trials []Trial `json:"trials"`
}

// Trial is one rate that was tried.
type Trial struct {
	Rate float64 `json:"rate"`
	OK   bool    `json:"ok"`
	Why  string  `json:"why"`
}

// Text is the result in one line.
func (s *Search) Text() string {
	if s.Best == 0 {
		return fmt.Sprintf("find-max: no rate that was tried holds %v", s.SLO)
	}
	return fmt.Sprintf("find-max: %s messages a second hold %v (%d trials)", count(int64(s.Best)), s.SLO, len(s.Trials))
}

// searchPrecision ends the search: the rates that hold and do not hold are that close.
const searchPrecision = 1.05

// searchTrialsMax bounds the trials.
const searchTrialsMax = 24

// FindMax looks for the highest rate for which try says that it holds: it doubles from first on (or halves, if not even first holds), then
// bisects. It ends early with ctx.
func FindMax(ctx context.Context, slo SLO, first float64, try func(rate float64) (ok bool, why string, err error)) (*Search, error) {
	s := &Search{SLO: slo}
	bad := 0.0
	for rate := first; len(s.Trials) < searchTrialsMax && ctx.Err() == nil && rate >= 1; {
		ok, why, err := try(rate)
		if err != nil {
			return s, err
		}
		s.Trials = append(s.Trials, Trial{round(rate, 1), ok, why})
		if ok {
			s.Best = round(rate, 1)
		} else {
			bad = rate
		}
		switch {
		case bad == 0:
			rate = 2 * rate
		case s.Best == 0:
			rate = rate / 2
		case bad/s.Best <= searchPrecision:
			return s, nil
		default:
			rate = (bad + s.Best) / 2
		}
	}
	return s, nil
}
