package bench

import (
	"fmt"
	"time"
)

// This file writes the lines of RocketMQ's own benchmark (org.apache.rocketmq.example.benchmark Producer and Consumer), which scripts parse.

// humanTime is UtilAll.timeMillisToHumanString2.
const humanTime = "2006-01-02 15:04:05,000"

func millis(us int64) int64 { return (us + 500) / 1000 }

// RocketMQLine is a step of a series in RocketMQ's form. at is the wall clock at its end.
func RocketMQLine(kind Kind, p Point, at time.Time) string {
	clock := at.Format(humanTime)
	rate := int64(0)
	if p.Seconds > 0 {
		rate = int64(float64(p.Messages)/p.Seconds + .5)
	}
	if kind == Consume {
		return fmt.Sprintf("Current Time: %s | Consume TPS: %d | AVG(B2C) RT(ms): %7.3f | AVG(S2C) RT(ms): %7.3f | MAX(B2C) RT(ms): %d | MAX(S2C) RT(ms): %d | Consume Fail: %d",
			clock, rate, p.Born.Mean, p.Stored.Mean, p.Born.Max, p.Stored.Max, p.Errors)
	}
	return fmt.Sprintf("Current Time: %s | Send TPS: %d | Max RT(ms): %d | Average RT(ms): %7.3f | Send Failed: %d | Response Failed: %d",
		clock, rate, millis(p.Max), p.Mean/1e3, 0, p.Errors)
}

// RocketMQComplete is the closing line of a run that sends.
func RocketMQComplete(r *Run) string {
	notSent, s := r.Failures["not sent"], r.Main()
	return fmt.Sprintf("[Complete] Send Total: %d | Send TPS: %d | Max RT(ms): %d | Average RT(ms): %7.3f | Send Failed: %d | Response Failed: %d",
		s.Messages, int64(s.Rate+.5), millis(s.Latency.Max), s.Latency.Mean/1e3, notSent, s.Errors-notSent)
}
