package cli

import (
	"net"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/broker"
	"github.com/raftmq/raftmq/config"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/namesrv"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting"
)

// brokerOptions are the settings of the member that node is of group g, without listeners, metrics and logger.
func brokerOptions(c *config.Config, g *config.Broker, node string) (broker.Options, error) {
	raft, err := raftOptions(g, node)
	if err != nil {
		return broker.Options{}, err
	}
	deleteAt := make([]time.Duration, len(g.Store.DeleteAt))
	for i, at := range g.Store.DeleteAt {
		if deleteAt[i], err = config.ParseTimeOfDay(at); err != nil {
			return broker.Options{}, err
		}
	}
	secret, err := c.Namesrv.LoadSecret()
	if err != nil {
		return broker.Options{}, err
	}
	advertised := map[string]string{}
	for _, p := range g.Peers {
		advertised[p.ID] = p.Client
	}
	return broker.Options{
		Cluster:           c.Cluster,
		Name:              g.Name,
		Node:              node,
		Advertise:         g.Peer(node).Client,
		Advertised:        advertised,
		Limits:            limits(g.Limits),
		NameServers:       c.Namesrv.Addrs,
		RegisterSecret:    secret,
		RegisterInterval:  c.Namesrv.RegisterInterval,
		HeartbeatInterval: c.Namesrv.HeartbeatInterval,
		FS:                vfs.OS(),
		Dir:               c.MemberDir(node, g.Name),
		Raft:              raft,
		AutoCreateTopic:   g.Topic.AutoCreate,
		AutoCreateGroup:   g.Group.AutoCreate,
		DefaultQueues:     int32(g.Topic.DefaultQueues),
		DelayLevels:       g.Delay.Levels,
		MessageBytesMax:   int(g.Limits.MessageSize),
		ForwardBudget:     g.Limits.ForwardBudget,
		FollowerReads:     g.Read.FromFollowers,
		HotBytes:          int64(g.Read.HotWindow),
		OffsetInterval:    g.Group.OffsetCommitInterval,
		PullsParkedMax:    g.Limits.ParkedPulls,
		AdminAllow:        c.Admin.Allow,
		BoundaryBytes:     int64(g.Store.BoundarySize),
		Retention:         g.Store.Retention,
		DeleteAt:          deleteAt,
		RetentionBytes:    int64(g.Store.RetentionSize),
		DiskFreeMin:       int64(g.Store.DiskFreeMin),
	}, nil
}

func raftOptions(g *config.Broker, node string) (raftlog.Options, error) {
	secret, err := g.Raft.LoadSecret()
	if err != nil {
		return raftlog.Options{}, err
	}
	peers := make([]raftlog.Peer, len(g.Peers))
	for i, p := range g.Peers {
		peers[i] = raftlog.Peer{Name: p.ID, Address: p.Raft}
	}
	flush := commitlog.FlushSync
	if g.Store.Flush == "async" {
		flush = commitlog.FlushAsync
	}
	return raftlog.Options{
		Group:              g.Name,
		Name:               node,
		Peers:              peers,
		Secret:             secret,
		Insecure:           g.Raft.Insecure,
		HeartbeatTimeout:   g.Raft.HeartbeatTimeout,
		ElectionTimeout:    g.Raft.ElectionTimeout,
		LeaderLeaseTimeout: g.Raft.LeaseTimeout,
		SegmentBytes:       int64(g.Store.CommitlogFileSize),
		Flush:              flush,
		FlushInterval:      g.Store.FlushInterval,
		TailCacheBytes:     int64(g.Store.TailCache),
		ReserveBytes:       int64(g.Store.DiskReserve),
		ScrubRate:          int64(g.Store.ScrubRate),
		EntryBytesMax:      int(g.Raft.EntrySize),
		EntriesInFlight:    g.Raft.EntriesInFlight,
		QueueBytesMax:      int64(g.Raft.QueueSize),
	}, nil
}

func limits(l config.Limits) remoting.Limits {
	return remoting.Limits{
		Connections:  l.Connections,
		InFlight:     l.InflightRequests,
		InFlightSize: int64(l.InflightSize),
		IdleTimeout:  l.IdleTimeout,
	}
}

func namesrvOptions(c *config.Config, ln net.Listener, logger hclog.Logger) (namesrv.Options, error) {
	secret, err := c.Namesrv.LoadSecret()
	if err != nil {
		return namesrv.Options{}, err
	}
	groups := make([]string, len(c.Brokers))
	for i, g := range c.Brokers {
		groups[i] = g.Name
	}
	readyAfter := c.Namesrv.ReadyAfter
	if readyAfter == 0 {
		readyAfter = -1 // zero would be the default
	}
	return namesrv.Options{
		Listener:      ln,
		Secret:        secret,
		BrokerTimeout: c.Namesrv.BrokerTimeout,
		ScanInterval:  c.Namesrv.ExpireScan,
		ReadyAfter:    readyAfter,
		Groups:        groups,
		AdminAllow:    c.Admin.Allow,
		Logger:        logger,
	}, nil
}
