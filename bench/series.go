package bench

// Point is one step of the series.
type Point struct {
	At       float64    `json:"t"` // end of the step, in seconds since the start of the run
	Seconds  float64    `json:"seconds"`
	Messages int64      `json:"messages"`
	Bytes    int64      `json:"bytes"`
	Errors   int64      `json:"errors,omitempty"`
	Mean     float64    `json:"mean_us,omitempty"`
	P50      int64      `json:"p50_us,omitempty"`
	P99      int64      `json:"p99_us,omitempty"`
	Max      int64      `json:"max_us,omitempty"`
	Bands    [][2]int64 `json:"bands,omitempty"` // (band, count) for the heat map: docs/bench.md
	Born     Age        `json:"born,omitzero"`   // Consume: since the messages were sent, by the senders' clocks
	Stored   Age        `json:"stored,omitzero"` // Consume: since they were stored, by the brokers' clocks
}

// Age is how old messages were, in milliseconds by wall clocks, when they were read.
type Age struct {
	Mean float64 `json:"mean_ms"`
	Max  int64   `json:"max_ms"`

	sum, messages int64
}

func (a *Age) add(millis int64) {
	a.sum += millis
	a.messages++
	a.Max = max(a.Max, millis)
}

func (a *Age) merge(other Age) {
	a.sum += other.sum
	a.messages += other.messages
	a.Max = max(a.Max, other.Max)
	if a.messages > 0 {
		a.Mean = round(float64(a.sum)/float64(a.messages), 3)
	}
}

// MergePoints makes one point of neighbouring ones. Its quantiles are the worst of theirs, since quantiles cannot be added.
func MergePoints(points []Point) Point {
	var sum Point
	weighted := 0.0
	for _, p := range points {
		sum.At = p.At
		sum.Seconds = round(sum.Seconds+p.Seconds, 3)
		sum.Messages += p.Messages
		sum.Bytes += p.Bytes
		sum.Errors += p.Errors
		weighted += p.Mean * float64(p.Messages)
		sum.Born.merge(p.Born)
		sum.Stored.merge(p.Stored)
		sum.P50, sum.P99, sum.Max = max(sum.P50, p.P50), max(sum.P99, p.P99), max(sum.Max, p.Max)
	}
	if sum.Messages > 0 {
		sum.Mean = round(weighted/float64(sum.Messages), 1)
	}
	return sum
}
