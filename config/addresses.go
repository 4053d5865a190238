package config

import (
	"fmt"
)

// use is one port that the file asks for.
type use struct{ key, what, address string }

// addresses finds two uses of one port on one host.
func (v *validator) addresses() {
	taken := map[string]use{}
	for _, u := range v.config.uses() {
		host, port, err := SplitAddress(u.address)
		if err != nil || port == 0 {
			continue
		}
		if host == "localhost" {
			host = "127.0.0.1"
		}
		at := JoinAddress(host, port)
		if first, clash := taken[at]; clash {
			v.clash(first, u)
			continue
		}
		taken[at] = u
	}
}

func (v *validator) clash(first, second use) {
	hint := "give one of them another port"
	for _, u := range []use{first, second} {
		if u.isVIP() {
			hint = "a broker also listens on its client port - 2: leave room, or set vip_channel = false"
		}
	}
	v.problem(second.key, fmt.Sprintf("%s and %s both use %s", first.what, second.what, second.address), hint)
}

func (u use) isVIP() bool { return len(u.what) > 3 && u.what[:3] == "VIP" }

// uses lists every port of the file with the host it is used on.
func (c *Config) uses() []use {
	var all []use
	for _, a := range c.Namesrv.Addrs {
		all = append(all, use{"namesrv.addrs", "a NameServer", a})
	}
	adminOf := map[string]bool{}
	for i := range c.Brokers {
		b := &c.Brokers[i]
		for _, p := range b.Peers {
			key, who := "broker."+b.Name+".peer."+p.ID, fmt.Sprintf("of peer %q of %q", p.ID, b.Name)
			all = append(all, use{key + ".raft", "raft " + who, p.Raft}, use{key + ".client", "client " + who, p.Client})
			if vip := b.VIP(p.Client); vip != "" {
				all = append(all, use{key + ".client", "VIP channel " + who, vip})
			}
			if !adminOf[p.ID] {
				adminOf[p.ID] = true
				all = append(all, use{key + ".admin", fmt.Sprintf("admin of node %q", p.ID), c.adminOnHost(p.ID)})
			}
		}
	}
	return all
}

// adminOnHost is the admin address of a node on the host that its clients are told, if it listens there or on all interfaces; an
// admin port on loopback of another host clashes with nothing that the file can tell.
func (c *Config) adminOnHost(node string) string {
	host, _, err := SplitAddress(c.AdminAddress(node))
	own := c.host(node)
	if err != nil || own == "" || IsLoopback(host) && !IsLoopback(own) {
		return ""
	}
	return c.DialAdmin(node)
}
