package broker

import (
	"fmt"

	"github.com/raftmq/raftmq/raftlog"
)

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

// Status returns a view for people and probes; it may be called from any goroutine at any time.
func (b *Broker) Status() Status {
	s := Status{Cluster: b.options.Cluster, Name: b.options.Name, Node: b.options.Node, Address: b.options.Advertise, BrokerID: -1}
	if node := b.node.Load(); node != nil {
		s.Raft = node.Status()
	}
	m := b.member.Load()
	if m == nil {
		return s
	}
	s.Recovered, s.Serving = true, m.serving()
	s.BrokerID = brokerID(s.Raft.Members, b.roles.load().leader, s.Raft.Self)
	s.NameServers = m.registrar.nameServers()
	topics, _ := m.state.Topics()
	groups, _ := m.state.Groups()
	s.Topics, s.Groups = len(topics), len(groups)
	s.DiskRemark = b.diskRemark(m)
	s.ParkedPulls, s.Connections = m.services.pulls.hold.parked(), m.services.heartbeats.clients.count()
	return s
}

// diskReserve is commitlog's default for the free space below which messages are refused.
const diskReserve = 256 << 20

// diskRemark says why messages are refused for lack of disk space, "" if they are not.
func (b *Broker) diskRemark(m *member) string {
	reserve := b.options.Raft.ReserveBytes
	if reserve <= 0 {
		reserve = diskReserve
	}
	total, free := m.diskUsage()
	if free < 0 || free >= reserve {
		return ""
	}
	return fmt.Sprintf("%s has %d bytes free of %d, messages are refused below %d", b.options.Dir, free, total, reserve)
}
