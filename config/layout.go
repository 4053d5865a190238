package config

import (
	"path/filepath"
	"slices"
)

// Peer returns the member named id, nil if the group has none.
func (b *Broker) Peer(id string) *Peer {
	for i := range b.Peers {
		if b.Peers[i].ID == id {
			return &b.Peers[i]
		}
	}
	return nil
}

func (b *Broker) nodes() []string {
	var ids []string
	for _, p := range b.Peers {
		ids = append(ids, p.ID)
	}
	return ids
}

// Nodes returns the ids of all nodes in the order of the file.
func (c *Config) Nodes() []string {
	var all []string
	for i := range c.Brokers {
		for _, id := range c.Brokers[i].nodes() {
			if !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	return all
}

// Groups returns the broker groups of which node is a peer.
func (c *Config) Groups(node string) []*Broker {
	var groups []*Broker
	for i := range c.Brokers {
		if c.Brokers[i].Peer(node) != nil {
			groups = append(groups, &c.Brokers[i])
		}
	}
	return groups
}

// NodeDir is where a node keeps its data, MemberDir where it keeps that of one group.
func (c *Config) NodeDir(node string) string { return filepath.Join(c.DataDir, node) }

func (c *Config) MemberDir(node, group string) string {
	return filepath.Join(c.DataDir, node, group)
}

// AdminAddress is where the admin port of a node listens: the admin address of its peer block, else that of the admin block, where nodes
// that share a host take the following ports in the order of the file, so that one file also serves a cluster on one machine.
func (c *Config) AdminAddress(node string) string {
	for _, g := range c.Groups(node) {
		if p := g.Peer(node); p.Admin != "" {
			return p.Admin
		}
	}
	host, port, err := SplitAddress(c.Admin.Listen)
	if err != nil || port == 0 {
		return c.Admin.Listen
	}
	own := c.host(node)
	for _, other := range c.Nodes() {
		if other == node {
			break
		}
		if c.host(other) == own {
			port++
		}
	}
	return JoinAddress(host, port)
}

// host is the host that clients are told for a node.
func (c *Config) host(node string) string {
	for _, g := range c.Groups(node) {
		if host, _, err := SplitAddress(g.Peer(node).Client); err == nil {
			return host
		}
	}
	return ""
}

// Bind is the address at which a peer listens to serve advertised ("host:port"): its port on Listen of the group, else on loopback if the
// advertised host is loopback, else on all interfaces.
func (b *Broker) Bind(advertised string) string {
	host, port, err := SplitAddress(advertised)
	if err != nil {
		return advertised
	}
	switch {
	case b.Listen != "":
		host = b.Listen
	case !IsLoopback(host):
		host = ""
	}
	return JoinAddress(host, port)
}

// VIP is the address two ports below a client address, which old clients use, "" if the group does not serve it.
func (b *Broker) VIP(client string) string {
	host, port, err := SplitAddress(client)
	if err != nil || !b.VIPChannel || port <= 2 {
		return ""
	}
	return JoinAddress(host, port-2)
}

// DialAdmin is where commands reach the admin port of a node: AdminAddress, with the host that clients are told when it listens on all
// interfaces.
func (c *Config) DialAdmin(node string) string {
	host, port, err := SplitAddress(c.AdminAddress(node))
	if err != nil {
		return c.AdminAddress(node)
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = c.host(node)
	}
	return JoinAddress(host, port)
}
