package broker

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// meter counts events and knows their rate over the last 10 s, 1 min and 10 min, which is how RocketMQ's tools show throughput.
type meter struct {
	total atomic.Int64

	mu      sync.Mutex
	samples [601]sample // one a second, newest at place count-1 modulo their number
	count   int
}

type sample struct {
	at    time.Time
	total int64
}

func (m *meter) add(n int64) { m.total.Add(n) }

// tick records a sample; it is called once a second.
func (m *meter) tick(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.samples[m.count%len(m.samples)] = sample{now, m.total.Load()}
	m.count++
}

// rate is the mean number of events per second over the last back seconds, or since the first sample.
func (m *meter) rate(back int) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.count < 2 {
		return 0
	}
	back = min(back, m.count-1, len(m.samples)-1)
	newest := m.samples[(m.count-1)%len(m.samples)]
	oldest := m.samples[(m.count-1-back)%len(m.samples)]
	seconds := newest.at.Sub(oldest.at).Seconds()
	if seconds <= 0 {
		return 0
	}
	return float64(newest.total-oldest.total) / seconds
}

// String prints the three rates as GET_BROKER_RUNTIME_INFO does.
func (m *meter) String() string {
	return fmt.Sprintf("%.2f %.2f %.2f", m.rate(10), m.rate(60), m.rate(600))
}
