package cluster

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/raftmq/raftmq/client"
)

// Second is what the clients saw in one second: the sends that ended in it.
type Second struct {
	At     int // seconds from the start of the load
	Acked  int
	Worst  time.Duration  // longest time that an acknowledged send took
	Failed map[string]int // the others by what they were told
}

// Seconds is the record of a history, second by second.
func (h *History) Seconds() []Second {
	var all []Second
	for _, s := range h.Sends {
		at := int(s.End / time.Second)
		for len(all) <= at {
			all = append(all, Second{At: len(all), Failed: map[string]int{}})
		}
		if s.Outcome == client.Sent {
			all[at].Acked++
			all[at].Worst = max(all[at].Worst, s.End-s.Start)
		} else {
			all[at].Failed[s.Outcome.String()+": "+brief(s.Err)]++
		}
	}
	return all
}

// varying are the parts of an error that differ from send to send.
var (
	varying = regexp.MustCompile(`^.*attempt \d+: |code 310 to |\d+\.\d+\.\d+\.\d+(:\d+)?(->)?|/tmp/\S*/`)
	numbers = regexp.MustCompile(`\d{5,}`)
)

func brief(err string) string {
	err = numbers.ReplaceAllString(varying.ReplaceAllString(err, ""), "N")
	return strings.Join(strings.Fields(err), " ")
}

// Table prints the seconds as lines of Markdown.
func Table(seconds []Second, events map[int]string) string {
	var b strings.Builder
	b.WriteString("| s | event | acked | slowest | not acked |\n|---|---|---|---|---|\n")
	for _, s := range seconds {
		var failed []string
		for _, why := range sortedKeys(s.Failed) {
			failed = append(failed, fmt.Sprintf("%d × %s", s.Failed[why], why))
		}
		fmt.Fprintf(&b, "| %d | %s | %d | %v | %s |\n", s.At, events[s.At], s.Acked, s.Worst.Round(time.Millisecond), strings.Join(failed, "; "))
	}
	return b.String()
}

// Gap is the longest time without an acknowledgement that touches the time between from and to.
func (h *History) Gap(from, to time.Duration) time.Duration {
	var acks []time.Duration
	for _, s := range h.Sends {
		if s.Outcome == client.Sent {
			acks = append(acks, s.End)
		}
	}
	slices.Sort(acks)
	longest, before := time.Duration(0), time.Duration(0)
	for _, at := range acks {
		if before < to && at > from {
			longest = max(longest, at-before)
		}
		before = at
	}
	if before < to {
		longest = max(longest, to-before)
	}
	return longest
}

// Quantile returns the value below which the share q of times lie: 0.5 is the median, 1 the worst.
func Quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// latencies are the times that the sends took which were acknowledged between from and to.
func (h *History) latencies(from, to time.Duration) []time.Duration {
	var all []time.Duration
	for _, s := range h.Sends {
		if s.Outcome == client.Sent && s.End >= from && s.End < to {
			all = append(all, s.End-s.Start)
		}
	}
	return all
}
