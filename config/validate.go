package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Validate checks what needs more than one value. Every single value is taken to be in its range, as Load has checked.
func (c *Config) Validate() Problems {
	v := validator{config: c}
	for i := range c.Brokers {
		v.group(&c.Brokers[i])
	}
	v.node()
	v.addresses()
	if c.DataDir == "" || filepath.Clean(c.DataDir) == "/" {
		v.problem("data_dir", fmt.Sprintf("data_dir is %q", c.DataDir), "name a directory of its own, e.g. \"/var/lib/raftmq\"")
	}
	if len(c.Namesrv.Addrs) == 0 {
		v.problem("namesrv.addrs", "namesrv addrs is empty", "brokers register there and clients ask there: name at least one NameServer")
	}
	v.namesrv()
	return v.problems
}

func (v *validator) namesrv() {
	n := v.config.Namesrv
	if n.Secret != "" && n.SecretFile != "" {
		v.problem("namesrv.secret", "namesrv has a secret and a secret_file", "keep one of them")
	}
	if n.Secret != "" && len(n.Secret) < SecretBytesMin {
		v.problem("namesrv.secret", fmt.Sprintf("namesrv: the secret is shorter than %d characters", SecretBytesMin), "openssl rand -hex 32 makes a good one")
	}
}

type validator struct {
	config   *Config
	problems Problems
}

func (v *validator) problem(key, message, hint string) {
	v.problems = append(v.problems, Problem{Key: key, Message: message, Hint: hint})
}

func (v *validator) group(b *Broker) {
	key, where := "broker."+b.Name, fmt.Sprintf("broker %q", b.Name)
	switch n := len(b.Peers); {
	case n == 0:
		v.problem(key, where+" has no peers", `add a peer "ID" { raft = "host:port"  client = "host:port" } for each member`)
	case n%2 == 0:
		v.problem(key, fmt.Sprintf("%s has %d voters", where, n), fmt.Sprintf("an even number survives no more failures than %d: use 1, 3, 5 or 7", n-1))
	case n > 7:
		v.problem(key, fmt.Sprintf("%s has %d voters", where, n), "use at most 7: every member acknowledges every message")
	}
	v.raft(b, key, where)
	s := b.Store
	if s.BoundarySize < s.CommitlogFileSize/16 {
		v.problem(key+".store.boundary_size", fmt.Sprintf("%s store: boundary_size %s is far below commitlog_file_size %s", where, s.BoundarySize, s.CommitlogFileSize), "images would follow each other too closely: use at least a sixteenth")
	}
	if s.DiskFreeMin > 0 && s.DiskFreeMin < s.DiskReserve {
		v.problem(key+".store.disk_free_min", fmt.Sprintf("%s store: disk_free_min %s is below disk_reserve %s", where, s.DiskFreeMin, s.DiskReserve), "sends would be refused before old messages are removed")
	}
}

func (v *validator) raft(b *Broker, key, where string) {
	r := b.Raft
	if r.ElectionTimeout < r.HeartbeatTimeout {
		v.problem(key+".raft.election_timeout", fmt.Sprintf("%s raft: election_timeout %s is below heartbeat_timeout %s", where, FormatDuration(r.ElectionTimeout), FormatDuration(r.HeartbeatTimeout)), "make it at least as long")
	}
	if r.LeaseTimeout > r.HeartbeatTimeout {
		v.problem(key+".raft.lease_timeout", fmt.Sprintf("%s raft: lease_timeout %s is above heartbeat_timeout %s", where, FormatDuration(r.LeaseTimeout), FormatDuration(r.HeartbeatTimeout)), "a leader must step down before the others elect: make it shorter")
	}
	if r.PreferredLeader != "" && b.Peer(r.PreferredLeader) == nil {
		v.problem(key+".raft.preferred_leader", fmt.Sprintf("%s raft: preferred_leader %q is no peer", where, r.PreferredLeader), meant(r.PreferredLeader, b.nodes()))
	}
	if r.Secret != "" && r.SecretFile != "" {
		v.problem(key+".raft.secret", where+" raft has a secret and a secret_file", "keep one of them")
	}
	if r.Secret != "" && len(r.Secret) < SecretBytesMin {
		v.problem(key+".raft.secret", fmt.Sprintf("%s raft: the secret is shorter than %d characters", where, SecretBytesMin), "raftmq config init makes one")
	}
	if r.Secret == "" && r.SecretFile == "" && !r.Insecure {
		v.openRaft(b, key, where)
	}
}

// openRaft complains about a Raft listener that others can reach and that asks for no secret.
func (v *validator) openRaft(b *Broker, key, where string) {
	if b.Listen != "" && !IsLoopback(b.Listen) {
		v.problem(key+".listen", fmt.Sprintf("%s raft has no secret, but listen %s is not a loopback address", where, b.Listen),
			"set raft secret_file (raftmq config init makes one), or insecure = true if the network is closed")
		return
	}
	for _, p := range b.Peers {
		if host, _, err := SplitAddress(p.Raft); err == nil && !IsLoopback(host) {
			v.problem(key+".peer."+p.ID+".raft", fmt.Sprintf("%s raft has no secret, but %s is not a loopback address", where, p.Raft),
				"set raft secret_file (raftmq config init makes one), or insecure = true if the network is closed")
			return
		}
	}
}

func (v *validator) node() {
	c := v.config
	if c.Node == "" || len(c.Brokers) == 0 {
		return
	}
	if len(c.Groups(c.Node)) == 0 {
		v.problem("node", fmt.Sprintf("node %q is a peer of no broker group", c.Node), meant(c.Node, c.Nodes()))
	}
}

// meant proposes the nearest of names, or lists them.
func meant(name string, names []string) string {
	if near := nearest(name, names); near != "" && len(names) > 3 {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "the file has " + strings.Join(names, ", ")
}
