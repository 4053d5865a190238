package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
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
	RegisterSecret    []byte        // signs what is sent to NameServers that ask for it; empty: nothing is signed
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
	DeleteAt        []time.Duration  // times of day when what is older than Retention goes, each for an hour; none: at once
	RetentionBytes  int64            // 0: no limit
	DiskFreeMin     int64            // below this much free space the oldest boundary intervals go, bytes
	WallClock       func() time.Time // default time.Now

	Metrics prometheus.Registerer // nil: none
	Logger  hclog.Logger
}

// EnsureDefaults fills zero values. FollowerReads, AutoCreateTopic and AutoCreateGroup have none: false is false.
func (o *Options) EnsureDefaults() {
	if o.Cluster == "" {
		o.Cluster = "DefaultCluster"
	}
	if o.RealDir == "" {
		o.RealDir = o.Dir
	}
	if o.DelayLevels == "" {
		o.DelayLevels = message.DefaultDelayLevels
	}
	if o.WallClock == nil {
		o.WallClock = time.Now
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	orDuration(&o.RegisterInterval, 30*time.Second)
	orDuration(&o.HeartbeatInterval, time.Second)
	orDuration(&o.ForwardBudget, 2*time.Second)
	orDuration(&o.OffsetInterval, 100*time.Millisecond)
	orNumber(&o.DefaultQueues, 8)
	orNumber(&o.MessageBytesMax, 4<<20)
	orNumber(&o.HotBytes, 256<<20)
	orNumber(&o.PullsParkedMax, 100_000)
	orNumber(&o.BoundaryBytes, 1<<30)
}

func orDuration(d *time.Duration, v time.Duration) {
	if *d <= 0 {
		*d = v
	}
}

func orNumber[N int | int32 | int64](n *N, v N) {
	if *n <= 0 {
		*n = v
	}
}

// Validate returns everything that is wrong with o, joined.
func (o *Options) Validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(o.Listener != nil, "Listener is missing")
	need(o.FS != nil, "FS is missing")
	need(o.Dir != "", "Dir is missing")
	need(o.Node != "", "Node is missing")
	need(message.ValidateTopic(o.Name) == nil, "Name %q is not a name for a broker group", o.Name)
	need(message.ValidateTopic(o.Cluster) == nil, "Cluster %q is not a name for a cluster", o.Cluster)
	_, _, err := net.SplitHostPort(o.Advertise)
	need(err == nil, "Advertise %q is not host:port", o.Advertise)
	_, err = message.ParseDelayLevels(o.DelayLevels)
	need(err == nil, "DelayLevels: %w", err)
	_, err = parseAdmission(o.AdminAllow)
	need(err == nil, "AdminAllow: %w", err)
	return errors.Join(errs...)
}
