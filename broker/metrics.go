package broker

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// declared is one metric of this package.
type declared struct{ name, help string }

// Metrics of this package, under RocketMQ's names where RocketMQ has them (design D28). All carry the labels cluster, broker and node.
var (
	metricPuts        = declared{"rocketmq_messages_in_total", "Messages stored for producers."}
	metricPutBytes    = declared{"rocketmq_throughput_in_total", "Bytes of message bodies stored for producers."}
	metricGets        = declared{"rocketmq_messages_out_total", "Messages delivered to consumers."}
	metricGetBytes    = declared{"rocketmq_throughput_out_total", "Bytes of messages delivered to consumers."}
	metricPutLatency  = declared{"raftmq_put_seconds", "Time from the arrival of a send to its answer."}
	metricPullLatency = declared{"raftmq_pull_seconds", "Time from the arrival of a pull that found messages to its answer; a parked pull's wait is in it."}
	metricApply       = declared{"raftmq_apply_seconds", "Time in which entries that were committed together were applied; nothing else is applied meanwhile."}
	metricReleased    = declared{"raftmq_delayed_released_total", "Delayed messages released to their topics by this leader."}
	metricConnections = declared{"raftmq_connections", "Client connections that sent a heartbeat and are open."}
	metricParked      = declared{"raftmq_parked_pulls", "Pulls that wait for messages."}
	metricState       = declared{"raftmq_raft_state", "1 for the state the member is in, by the label state."}
	metricTerm        = declared{"raftmq_raft_term", "Raft term."}
	metricCommit      = declared{"raftmq_raft_commit_index", "Highest committed index that this member knows."}
	metricApplied     = declared{"raftmq_raft_applied_index", "Highest applied index."}
	metricLastIndex   = declared{"raftmq_raft_last_index", "Highest index in the log."}
	metricFirstIndex  = declared{"raftmq_raft_first_index", "Lowest retained index."}
	metricLag         = declared{"raftmq_raft_lag_entries", "Entries that the leader has committed and this member has not applied."}
	metricLogBytes    = declared{"raftmq_log_bytes", "Bytes of retained log."}
	metricDamaged     = declared{"raftmq_log_damaged", "1 when a bad record was found in this member's log; see the log of the process and cluster status."}
	metricScrubbed    = declared{"raftmq_log_scrubbed_bytes_total", "Bytes of sealed segments that were read and verified in the background."}
	metricScrubPasses = declared{"raftmq_log_scrub_passes_total", "Times that all sealed segments were verified."}
	metricScrubbedAt  = declared{"raftmq_log_scrubbed_timestamp_seconds", "When all sealed segments were verified last, 0 if never since the start."}
	metricStalled     = declared{"raftmq_storage_stalled_seconds", "Age of the oldest storage call that has not returned."}
	metricStuck       = declared{"raftmq_raft_stuck_members", "Members that answer this leader's heartbeats and take no entries."}
	metricRefused     = declared{"raftmq_raft_refused_members", "Members that this one refuses: an old copy of the directory, or a second process of one member."}
	metricKeysBehind  = declared{"raftmq_key_index_lag_entries", "Applied entries whose messages the key index does not have yet."}
	metricReady       = declared{"raftmq_serving", "1 when the member serves its role."}
)

// declaredMetrics lists them for the docs and for tests.
var declaredMetrics = []declared{metricPuts, metricPutBytes, metricGets, metricGetBytes, metricPutLatency, metricPullLatency, metricApply, metricReleased,
	metricConnections, metricParked, metricState, metricTerm, metricCommit, metricApplied, metricLastIndex, metricFirstIndex, metricLag, metricLogBytes, metricDamaged,
	metricScrubbed, metricScrubPasses, metricScrubbedAt, metricStalled, metricStuck, metricRefused, metricKeysBehind, metricReady}

// latencyBuckets go from 100 µs to 10 s.
var latencyBuckets = prometheus.ExponentialBuckets(0.0001, 2, 18)

// metrics counts what requests do. Its methods may be called from any goroutine.
type metrics struct {
	puts, putBytes, gets, getBytes, released, misses meter
	putLatency, pullLatency, applyLatency            prometheus.Histogram
}

func newMetrics() *metrics {
	histogram := func(d declared) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: d.name, Help: d.help, Buckets: latencyBuckets})
	}
	return &metrics{putLatency: histogram(metricPutLatency), pullLatency: histogram(metricPullLatency), applyLatency: histogram(metricApply)}
}

// timedApplier measures how long Apply takes.
type timedApplier struct {
	raftlog.Applier
	took prometheus.Histogram
}

func (a timedApplier) Apply(entries []raftlog.Committed) [][]raftlog.Result {
	began := time.Now()
	results := a.Applier.Apply(entries)
	a.took.Observe(time.Since(began).Seconds())
	return results
}

func (m *metrics) sent(messages, bytes int, took time.Duration) {
	m.puts.add(int64(messages))
	m.putBytes.add(int64(bytes))
	m.putLatency.Observe(took.Seconds())
}

func (m *metrics) pulled(code int32, messages, bytes int, took time.Duration) {
	if code != protocol.Success {
		m.misses.add(1)
		return
	}
	m.gets.add(int64(messages))
	m.getBytes.add(int64(bytes))
	m.pullLatency.Observe(took.Seconds())
}

// run samples the meters once a second until ctx ends.
func (m *metrics) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, meter := range []*meter{&m.puts, &m.putBytes, &m.gets, &m.getBytes, &m.released, &m.misses} {
				meter.tick(now)
			}
		}
	}
}

// gauges are read at each scrape.
type gauges struct {
	status      func() raftlog.Status
	connections func() int
	parked      func() int
	serving     func() bool
	keysBehind  func() int64
}

// collector exports metrics and gauges.
type collector struct {
	counts *metrics
	look   gauges
	descs  map[string]*prometheus.Desc
}

func newCollector(counts *metrics, look gauges) *collector {
	c := &collector{counts: counts, look: look, descs: map[string]*prometheus.Desc{}}
	for _, d := range declaredMetrics {
		var labels []string
		if d == metricState {
			labels = []string{"state"}
		}
		c.descs[d.name] = prometheus.NewDesc(d.name, d.help, labels, nil)
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	c.counts.putLatency.Collect(ch)
	c.counts.pullLatency.Collect(ch)
	c.counts.applyLatency.Collect(ch)
	for d, m := range map[declared]*meter{metricPuts: &c.counts.puts, metricPutBytes: &c.counts.putBytes, metricGets: &c.counts.gets,
		metricGetBytes: &c.counts.getBytes, metricReleased: &c.counts.released} {
		ch <- prometheus.MustNewConstMetric(c.descs[d.name], prometheus.CounterValue, float64(m.total.Load()))
	}
	s := c.look.status()
	stuck, refused := alarms(s.Members)
	for d, v := range map[declared]int64{metricScrubbed: s.Scrub.Bytes, metricScrubPasses: s.Scrub.Passes} {
		ch <- prometheus.MustNewConstMetric(c.descs[d.name], prometheus.CounterValue, float64(v))
	}
	ch <- prometheus.MustNewConstMetric(c.descs[metricState.name], prometheus.GaugeValue, 1, s.State)
	for d, v := range map[declared]float64{
		metricConnections: float64(c.look.connections()),
		metricParked:      float64(c.look.parked()),
		metricTerm:        float64(s.Term),
		metricCommit:      float64(s.CommitIndex),
		metricApplied:     float64(s.AppliedIndex),
		metricLastIndex:   float64(s.LastIndex),
		metricFirstIndex:  float64(s.FirstIndex),
		metricLag:         float64(max(s.LeaderCommit, s.AppliedIndex) - s.AppliedIndex),
		metricLogBytes:    float64(s.NextPosition - s.FirstPosition),
		metricDamaged:     truth(s.Damage != ""),
		metricScrubbedAt:  seconds(s.Scrub.LastPass),
		metricStalled:     s.Stalled.Seconds(),
		metricStuck:       float64(stuck),
		metricRefused:     float64(refused),
		metricReady:       truth(c.look.serving()),
		metricKeysBehind:  float64(c.look.keysBehind()),
	} {
		ch <- prometheus.MustNewConstMetric(c.descs[d.name], prometheus.GaugeValue, v)
	}
}

// alarms counts the members of which something is wrong.
func alarms(members []raftlog.Member) (stuck, refused int) {
	for _, m := range members {
		if m.Stuck > 0 {
			stuck++
		}
		if m.Refused != "" {
			refused++
		}
	}
	return stuck, refused
}

// seconds is a time since 1970, 0 for the zero time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
