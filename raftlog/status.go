package raftlog

import (
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// Member is one server of the group's configuration.
type Member struct {
	ID      ServerID
	Address string
	Voter   bool
	Leader  bool
	// MatchIndex and LastContact are known to the leader only; Zero otherwise.
	MatchIndex  offset.Index
	LastContact time.Time
	// Stuck is for how long the member has been answering heartbeats without taking entries that it lacks; known to the leader, 0 if it is
	// in order. Refused says why this member talks to the other no more: it is an old copy, or a second process; "" if it does.
	Stuck   time.Duration
	Refused string
}

// Status is a consistent view for status output and metrics.
type Status struct {
	Group, UUID   string
	Self          ServerID
	State         string // leader, follower, candidate, waiting, installing, stopped
	Waiting       string // what a waiting member waits for
	Term          offset.Term
	Leader        ServerID
	LastIndex     offset.Index
	CommitIndex   offset.Index
	AppliedIndex  offset.Index
	FirstIndex    offset.Index
	FirstPosition offset.Physical
	NextPosition  offset.Physical
	// LeaderCommit and LeaderNextPosition are what the leader's last heartbeat carried (design D8); equal to our own on the leader.
	LeaderCommit       offset.Index
	LeaderNextPosition offset.Physical
	LeaderContact      time.Time
	Members            []Member // in member order
	Flush              string   // "sync" or "async (relaxed)"
	Images             []offset.Index
	Stalled            time.Duration // age of the oldest storage call under way
	Damage             string        // file, position and reason of a bad record that was found while serving
	Scrub              ScrubStatus
}

// Status returns what is known now. It may be called at any time and takes no part in what it describes.
func (n *Node) Status() Status {
	id := n.dir.identity()
	s := Status{Group: n.opts.Group, Self: id.serverID(), State: "stopped", Flush: "sync"}
	if id.hasGroup() {
		s.UUID = id.group().String()
	}
	if n.opts.Flush == commitlog.FlushAsync {
		s.Flush = "async (relaxed)"
	}
	if why := n.waiting.Load(); why != nil {
		s.State, s.Waiting = "waiting", *why
	}
	if n.isOpen() {
		n.statusOfStorage(&s)
	}
	if in := n.running(); in != nil {
		n.statusOfRaft(&s, in)
	}
	if n.switching.Load() {
		s.State = "installing"
	}
	return s
}

func (n *Node) statusOfStorage(s *Status) {
	log := n.store.log
	s.LastIndex, s.FirstIndex = log.LastIndex(), log.FirstIndex()
	s.FirstPosition, s.NextPosition = log.FirstPosition(), log.NextPosition()
	s.AppliedIndex = n.appliedIndex()
	s.Images = n.store.images.list()
	s.Stalled = n.stalled()
	s.Scrub = n.scrubbing.look()
	if d := n.damage.found.Load(); d != nil {
		s.Damage = d.Error()
	}
}

func (n *Node) statusOfRaft(s *Status, in *instance) {
	l := n.lookAtLeadership()
	s.Term, s.Leader = l.Term, l.Leader
	s.State = strings.ToLower(in.raft.State().String())
	s.CommitIndex = offset.Index(in.raft.CommitIndex())
	servers := in.servers()
	if len(servers) == 0 {
		s.State, s.Waiting = "waiting", "it was handed the group and waits for the leader"
	}
	if l.Self {
		s.LeaderCommit, s.LeaderNextPosition, s.LeaderContact = s.CommitIndex, s.NextPosition, time.Now()
	} else if leader, commit, next, contact := n.follows.last(); leader == l.Leader {
		s.LeaderCommit, s.LeaderNextPosition, s.LeaderContact = commit, next, contact
	}
	for _, server := range servers {
		s.Members = append(s.Members, n.statusOfMember(server, l))
	}
}

func (n *Node) statusOfMember(server raft.Server, l Leadership) Member {
	m := Member{ID: ServerID(server.ID), Voter: server.Suffrage == raft.Voter, Leader: ServerID(server.ID) == l.Leader}
	if m.ID == n.ID() {
		m.Address = n.net.book.own()
	} else if addrs := n.net.book.candidates(m.ID, n.net.peer(m.ID).address()); len(addrs) > 0 {
		m.Address = addrs[0]
	}
	if m.ID != n.ID() {
		if err := n.net.peer(m.ID).complaintNow(); err != nil {
			m.Refused = err.Error()
		}
	}
	if !l.Self {
		return m
	}
	m.Stuck = n.laggards.stuck(m.ID)
	if m.ID == n.ID() {
		m.MatchIndex, m.LastContact = n.store.log.LastIndex(), time.Now()
		return m
	}
	m.MatchIndex, _, m.LastContact = n.net.peer(m.ID).progress(uint64(l.Term))
	return m
}
