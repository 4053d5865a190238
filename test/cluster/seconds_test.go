package cluster

import (
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/client"
)

// acksAt is a history with an acknowledgement at each of the times, in milliseconds.
func acksAt(millis ...int) *History {
	h := &History{}
	for _, at := range millis {
		end := time.Duration(at) * time.Millisecond
		h.Sends = append(h.Sends, Send{Start: end - 2*time.Millisecond, End: end, Outcome: client.Sent})
	}
	return h
}

func TestGapIsTheLongestTimeWithoutAnAcknowledgement(t *testing.T) {
	h := acksAt(10, 20, 5000, 30, 900, 910, 4990)
	for _, test := range []struct{ from, to, want int }{
		{0, 5, 10},
		{35, 100, 870},
		{35, 905, 870},
		{905, 1000, 4080},
		{0, 6000, 4080},
		{4995, 9000, 4000}, // none after 5000
	} {
		got := h.Gap(time.Duration(test.from)*time.Millisecond, time.Duration(test.to)*time.Millisecond)
		if got != time.Duration(test.want)*time.Millisecond {
			t.Errorf("gap between %d and %d ms: %v, want %d ms", test.from, test.to, got, test.want)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(100-i))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 51, 0.99: 100, 1: 100} {
		if got := Quantile(times, q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
	if Quantile(nil, 0.5) != 0 {
		t.Error("of nothing")
	}
}

func TestSecondsSayWhatTheClientsSaw(t *testing.T) {
	h := acksAt(100, 200, 2100)
	h.Sends = append(h.Sends, Send{End: 1500 * time.Millisecond, Outcome: client.Unknown, Err: "send to topic orders, attempt 1: code 310 to 10.77.0.4:10911: i/o timeout"})
	table := Table(h.Seconds(), map[int]string{1: "cut"})
	for _, line := range []string{"| 0 |  | 2 | 2ms |  |", "| 1 | cut | 0 | 0s | 1 × unknown: : i/o timeout |", "| 2 |  | 1 | 2ms |  |"} {
		if !strings.Contains(table, line) {
			t.Errorf("no line %q in\n%s", line, table)
		}
	}
}
