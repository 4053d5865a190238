package namesrv

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the NameServer's. Without a registry they count into nothing.
//
//	raftmq_namesrv_requests_total{request}     requests by the name of their code; "unknown" for all others
//	raftmq_namesrv_departures_total{cause}     registrations that ended: expired, connection closed, unregistered
//	raftmq_namesrv_brokers                     registered broker members
//	raftmq_namesrv_topics                      topics in the route table, counted per broker group
type metrics struct {
	requests   *prometheus.CounterVec
	departures *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer, s *Server) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "raftmq_namesrv_requests_total", Help: "Requests by the name of their code.",
		}, []string{"request"}),
		departures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "raftmq_namesrv_departures_total", Help: "Registrations that ended, by cause.",
		}, []string{"cause"}),
	}
	if registry == nil {
		return m, nil
	}
	gauge := func(name, help string, value func(*table) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			s.mu.Lock()
			defer s.mu.Unlock()
			return float64(value(s.mu.table))
		})
	}
	for _, c := range []prometheus.Collector{
		m.requests, m.departures,
		gauge("raftmq_namesrv_brokers", "Registered broker members.", (*table).members),
		gauge("raftmq_namesrv_topics", "Topics in the route table, counted per broker group.", func(t *table) int { return t.topics }),
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) request(name string)   { m.requests.WithLabelValues(name).Inc() }
func (m *metrics) departed(cause string) { m.departures.WithLabelValues(cause).Inc() }
