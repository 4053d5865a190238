package console

import (
	"context"
	"net"
	"net/http"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/broker"
)

// Options configure the admin port of one process.
type Options struct {
	Listener net.Listener
	// Brokers are the members that run in this process; NameServer is its address, "" if none runs here.
	Brokers    []*broker.Broker
	NameServer string
	Gatherer   prometheus.Gatherer
	// Pprof serves /debug/pprof. Only on loopback listeners.
	Pprof   bool
	Version string
	Logger  hclog.Logger
}

// Server is the HTTP admin port: /healthz, /readyz, /startupz, /metrics and the JSON API under /v1 that the commands use.
type Server struct{}

func New(o Options) *Server { panic("contract") }

// Handler is the HTTP handler, for tests.
func (s *Server) Handler() http.Handler { panic("contract") }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error { panic("contract") }
