package bench

import (
	"math/bits"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// latencyMax is the largest latency that a Histogram tells apart; longer ones count as this.
const latencyMax = 10 * time.Minute

// Histogram counts latencies from 1 µs to latencyMax with three significant digits. It is not safe for concurrent use.
type Histogram struct{ counts *hdrhistogram.Histogram }

func NewHistogram() *Histogram {
	return &Histogram{hdrhistogram.New(1, latencyMax.Microseconds(), 3)}
}

// Record counts one latency; one below 1 µs, which a clock may give, counts as 1 µs.
func (h *Histogram) Record(d time.Duration) {
	h.counts.RecordValue(min(max(d, time.Microsecond), latencyMax).Microseconds()) // in range, so that it cannot fail
}

// Merge adds the counts of other.
func (h *Histogram) Merge(other *Histogram) { h.counts.Merge(other.counts) }

// Reset forgets all counts.
func (h *Histogram) Reset() { h.counts.Reset() }

// Count is the number of latencies recorded.
func (h *Histogram) Count() int64 { return h.counts.TotalCount() }

// Latency is the summary of a Histogram in microseconds.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_us"`
	Min   int64   `json:"min_us"`
	P50   int64   `json:"p50_us"`
	P90   int64   `json:"p90_us"`
	P99   int64   `json:"p99_us"`
	P999  int64   `json:"p99_9_us"`
	P9999 int64   `json:"p99_99_us"`
	Max   int64   `json:"max_us"`
}

// Summary returns all zeros when nothing was recorded.
func (h *Histogram) Summary() Latency {
	if h.Count() == 0 {
		return Latency{}
	}
	bars := h.Bars()
	at := func(percent float64) int64 { return percentile(bars, percent) }
	return Latency{Count: h.Count(), Mean: round(h.counts.Mean(), 1), Min: h.counts.Min(),
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), P9999: at(99.99), Max: h.counts.Max()}
}

// Bars lists (latency in µs, count) with rising latencies, without empty ones. A latency stands for the range that three digits leave open.
func (h *Histogram) Bars() [][2]int64 {
	var out [][2]int64
	for _, b := range h.counts.Distribution() {
		if b.Count > 0 {
			out = append(out, [2]int64{b.To, b.Count})
		}
	}
	return out
}

// percentile returns the least latency in µs that percent of what Bars returned do not exceed; 0 of nothing.
func percentile(bars [][2]int64, percent float64) int64 {
	total := int64(0)
	for _, b := range bars {
		total += b[1]
	}
	seen := int64(0)
	for _, b := range bars {
		seen += b[1]
		if 100*float64(seen) >= percent*float64(total)*(1-1e-12) { // as 99.9 is no binary fraction
			return b[0]
		}
	}
	return 0
}

// A band is one row of the heat map: latencies from bandFrom(b) to bandFrom(b+1). There are two bands to each doubling from 32 µs on;
// band 0 holds all below. The upper band of a doubling begins at 1.5 times the lower.
const bandsMax = 48

func bandOf(micros int64) int {
	if micros < 32 {
		return 0
	}
	doubling := bits.Len64(uint64(micros)) - 6 // 0 for 32 to 63
	half := int(micros>>(doubling+4)) & 1
	return min(1+2*doubling+half, bandsMax-1)
}

// bandFrom is the least latency of a band in µs.
func bandFrom(band int) int64 {
	if band <= 0 {
		return 0
	}
	doubling, half := (band-1)/2, int64((band-1)%2)
	return (32 + 16*half) << doubling
}

// bands counts a histogram by band, as (band, count).
func (h *Histogram) bands() [][2]int64 {
	var out [][2]int64
	for _, b := range h.Bars() {
		band := int64(bandOf(b[0]))
		if n := len(out); n > 0 && out[n-1][0] == band {
			out[n-1][1] += b[1]
		} else {
			out = append(out, [2]int64{band, b[1]})
		}
	}
	return out
}
