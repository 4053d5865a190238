package console

import (
	"time"

	"github.com/raftmq/raftmq/broker"
)

// Process is the answer of GET /v1/cluster: what runs in one process.
type Process struct {
	Version    string       `json:"version"`
	PID        int          `json:"pid"`
	Started    time.Time    `json:"started"`
	NameServer string       `json:"namesrv,omitempty"` // that runs in it
	Members    []MemberView `json:"members"`
}

// MemberView is one member of one group as it sees itself.
type MemberView struct {
	Cluster     string            `json:"cluster"`
	Group       string            `json:"group"`
	Node        string            `json:"node"`
	ID          string            `json:"id"`        // name@instance; "" before it has one
	Address     string            `json:"address"`   // that clients are told
	BrokerID    int64             `json:"broker_id"` // 0 leader, -1 not registered yet
	Role        string            `json:"role"`      // leader, follower, candidate, waiting, installing, stopped, starting
	Term        uint64            `json:"term"`
	Leader      string            `json:"leader"` // node, "" while unknown
	Recovered   bool              `json:"recovered"`
	Serving     bool              `json:"serving"`
	FirstIndex  uint64            `json:"first_index"`
	LastIndex   uint64            `json:"last_index"`
	CommitIndex uint64            `json:"commit_index"`
	Applied     uint64            `json:"applied_index"`
	LogBytes    int64             `json:"log_bytes"`
	Flush       string            `json:"flush"`   // sync, or async (relaxed)
	NameServers map[string]string `json:"namesrv"` // address → ok or the last error
	Topics      int               `json:"topics"`
	Groups      int               `json:"consumer_groups"`
	ParkedPulls int               `json:"parked_pulls"`
	Connections int               `json:"connections"`
	Disk        string            `json:"disk,omitempty"`       // why sends are refused
	StalledMS   int64             `json:"stalled_ms,omitempty"` // age of a storage call that does not return
	Damage      string            `json:"damage,omitempty"`     // file, position and reason of a bad record in its log
	Scrub       Scrub             `json:"scrub"`
}

// Scrub is what the background check of the sealed segments has done since the start.
type Scrub struct {
	BytesPerSecond int64     `json:"bytes_per_second"` // 0: off
	Bytes          int64     `json:"bytes"`
	Passes         int64     `json:"passes"`
	LastPass       time.Time `json:"last_pass,omitzero"`
}

// Raft is the answer of GET /v1/groups/{group}/raft: a member's view of its Raft group.
type Raft struct {
	Group   string     `json:"group"`
	UUID    string     `json:"uuid"`
	Self    string     `json:"self"` // name@instance
	Term    uint64     `json:"term"`
	Leader  string     `json:"leader"` // name@instance, "" while unknown
	Images  []uint64   `json:"images"` // indexes of the images of the state
	Members []RaftPeer `json:"members"`
}

// RaftPeer is one server of the Raft configuration. MatchIndex and LastContactMS are known on the leader; -1 there means never.
type RaftPeer struct {
	ID            string `json:"id"` // name@instance
	Node          string `json:"node"`
	Address       string `json:"address"`
	Admin         string `json:"admin,omitempty"`
	Voter         bool   `json:"voter"`
	Leader        bool   `json:"leader"`
	MatchIndex    uint64 `json:"match_index"`
	LastContactMS int64  `json:"last_contact_ms"`
	StuckMS       int64  `json:"stuck_ms,omitempty"` // it answers the leader and takes no entries, for so long
	Refused       string `json:"refused,omitempty"`  // why it is not talked to
}

// Topic is one element of the answer of GET /v1/groups/{group}/topics.
type Topic struct {
	Name        string `json:"name"`
	ReadQueues  int32  `json:"read_queues"`
	WriteQueues int32  `json:"write_queues"`
	Perm        string `json:"perm"` // rw, r, w, each with x if other topics inherit it
	Messages    int64  `json:"messages"`
}

// Boundary is the answer of POST /v1/groups/{group}/raft/boundary.
type Boundary struct {
	Index uint64 `json:"index"`
}

// Transfer is the body of POST /v1/groups/{group}/raft/transfer; To is a node, "" for the most advanced one.
type Transfer struct {
	To string `json:"to"`
}

// NewMember is the body of POST /v1/groups/{group}/members.
type NewMember struct {
	Node    string `json:"node"`
	Address string `json:"address"` // of its Raft listener
	Voter   bool   `json:"voter"`
}

// Failure is the body of every answer that is not a success. Leader and LeaderAdmin are set where only the leader could have done it.
type Failure struct {
	Error       string `json:"error"`
	Leader      string `json:"leader,omitempty"`
	LeaderAdmin string `json:"leader_admin,omitempty"`
}

// viewMember turns a member's status into its view.
func viewMember(s broker.Status) MemberView {
	r := s.Raft
	v := MemberView{
		Cluster: s.Cluster, Group: s.Name, Node: s.Node, ID: string(r.Self), Address: s.Address, BrokerID: s.BrokerID,
		Role: r.State, Term: uint64(r.Term), Leader: nodeOf(string(r.Leader)), Recovered: s.Recovered, Serving: s.Serving,
		FirstIndex: uint64(r.FirstIndex), LastIndex: uint64(r.LastIndex), CommitIndex: uint64(r.CommitIndex), Applied: uint64(r.AppliedIndex),
		LogBytes: int64(r.NextPosition - r.FirstPosition), Flush: r.Flush, NameServers: s.NameServers, Topics: s.Topics, Groups: s.Groups,
		ParkedPulls: s.ParkedPulls, Connections: s.Connections, Disk: s.DiskRemark, StalledMS: r.Stalled.Milliseconds(),
		Damage: r.Damage, Scrub: Scrub{BytesPerSecond: r.Scrub.Rate, Bytes: r.Scrub.Bytes, Passes: r.Scrub.Passes, LastPass: r.Scrub.LastPass},
	}
	if v.Role == "" || !s.Recovered && v.Role != "waiting" {
		v.Role = "starting"
	}
	if v.NameServers == nil {
		v.NameServers = map[string]string{}
	}
	return v
}
