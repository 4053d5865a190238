package namesrv

import (
	"context"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/remoting"
)

// Options configure a Server.
type Options struct {
	Listener net.Listener // already listening
	Limits   remoting.Limits
	// BrokerTimeout is the age of the last 103 or 904 after which a registration expires, unless it brought its own. Default 120 s.
	BrokerTimeout time.Duration
	ScanInterval  time.Duration // default 1 s
	// ReadyAfter is how long after an empty start unknown topics are answered "not ready". Default 30 s. Groups names the broker groups
	// whose registration ends that state early when all have come; may be empty.
	ReadyAfter time.Duration
	Groups     []string
	AdminAllow []string // CIDRs besides loopback from which admin requests are served
	Metrics    prometheus.Registerer
	Logger     hclog.Logger
}

// Server is one stateless NameServer.
type Server struct{}

func New(o Options) (*Server, error) { panic("contract") }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error { panic("contract") }
