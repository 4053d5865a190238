package console

import (
	"context"
	"net"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/broker"
	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

// Member is what the console needs of a *broker.Broker. Node and State are nil until it has recovered.
type Member interface {
	Status() broker.Status
	Node() *raftlog.Node
	State() *state.State
	Boundary(ctx context.Context) (offset.Index, error)
}

// Options configure the admin port of one process.
type Options struct {
	Listener net.Listener
	// Brokers are the members that run in this process; NameServer is its address, "" if none runs here.
	Brokers    []Member
	NameServer string
	// AdminOf returns the admin address of another node of a group, "" if it is not known. Optional.
	AdminOf  func(group, node string) string
	Gatherer prometheus.Gatherer // nil: no /metrics
	// Token, if set, is the bearer token that changes from elsewhere than loopback carry. Empty: they are refused.
	Token string
	// Pprof serves /debug/pprof. Only on loopback listeners.
	Pprof   bool
	Version string
	Logger  hclog.Logger // nil: none
}
