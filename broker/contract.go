package broker

import (
	"context"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting"
)

// Options configure one member of one broker group. EnsureDefaults fills zero values.
type Options struct {
	Cluster   string // cluster name, "DefaultCluster"
	Name      string // broker name = group name
	Node      string // this member's name
	Advertise string // "host:port" that clients are told
	// Advertised maps every member's name to the address clients are told for it.
	Advertised map[string]string

	Listener    net.Listener // client port, already listening
	VIPListener net.Listener // port - 2, optional
	Limits      remoting.Limits

	NameServers       []string
	RegisterInterval  time.Duration // full registration, default 30 s
	HeartbeatInterval time.Duration // light heartbeat (904), default 1 s
	// Dial opens connections to NameServers. Default TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	FS      vfs.FS
	Dir     string
	RealDir string          // for bbolt; default Dir
	Raft    raftlog.Options // Applier, OnStream, GroupTime, FS, Dir and Logger are set by New

	AutoCreateTopic bool
	AutoCreateGroup bool
	DefaultQueues   int32            // of the template topic, default 8
	DelayLevels     string           // "1s 5s 10s …"
	MessageBytesMax int              // default 4 MiB
	ForwardBudget   time.Duration    // how long a request waits for a leader, default 2 s (design D21)
	FollowerReads   bool             // design D22
	HotBytes        int64            // the hot window of RocketMQ's slow-consumer rule, default 256 MiB
	OffsetInterval  time.Duration    // gathering of one-way offset commits, default 100 ms (design D20)
	PullsParkedMax  int              // default 100,000
	AdminAllow      []string         // CIDRs besides loopback from which admin requests are served (design D26)
	BoundaryBytes   int64            // a boundary every so many bytes of log, default 1 GiB (design D13)
	Retention       time.Duration    // default 72 h; 0 keeps everything
	RetentionBytes  int64            // 0: no limit
	DiskFreeMin     int64            // below this much free space the oldest boundary intervals go, bytes
	WallClock       func() time.Time // default time.Now

	Metrics prometheus.Registerer // nil: none
	Logger  hclog.Logger
}

// Broker is one member of one broker group: it serves clients, takes part in the Raft group, and registers at the NameServers.
type Broker struct{}

// New validates o. It starts nothing.
func New(o Options) (*Broker, error) { panic("contract") }

// Run serves until ctx ends, then stops in order: leadership handed over, requests drained, connections closed, Raft and
// stores closed. The client port serves from the start and forwards until the member has recovered (design D19).
func (b *Broker) Run(ctx context.Context) error { panic("contract") }

// Status is what status output and health checks show.
type Status struct {
	Cluster, Name, Node string
	Address             string // advertised
	BrokerID            int64  // 0 leader, 1… followers, -1 while unknown
	Raft                raftlog.Status
	Recovered           bool              // log and state are open
	Serving             bool              // as leader: LeaderStart applied; as follower: leader known and applied close to it
	NameServers         map[string]string // address → "ok" or the last error
	Topics, Groups      int
	ParkedPulls         int
	Connections         int
	DiskRemark          string // why writes are refused, "" if they are not
}

func (b *Broker) Status() Status { panic("contract") }

// Node returns the group member for administration; nil until it has recovered.
func (b *Broker) Node() *raftlog.Node { panic("contract") }

// State returns the state machine for administration; nil until it has recovered.
func (b *Broker) State() *state.State { panic("contract") }

// Boundary proposes a boundary and returns its index once applied.
func (b *Broker) Boundary(ctx context.Context) (offset.Index, error) { panic("contract") }
