package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/raftmq/raftmq/config"
)

// devPorts are the ports of node i and of the NameServer.
type devPorts struct {
	namesrv int
	node    func(i int) (client, raft, admin int)
}

const (
	// portSpan is how many ports a cluster with a port base may use, from the base on.
	portSpan = 100
	// portStride is what one node takes of them: VIP channel, raft, client, admin.
	portStride = 4
	// portFirst is where the nodes begin behind the base, which is the NameServer's.
	portFirst = 2
	nodesMax  = (portSpan - portFirst) / portStride
)

// portsOf lays the ports out: the usual ones of RocketMQ without a base, else all within base to base+99.
func portsOf(base int) devPorts {
	if base == 0 {
		return devPorts{9876, func(i int) (int, int, int) { return 10911 + 10*i, 40911 + i, 8082 + i }}
	}
	return devPorts{base, func(i int) (int, int, int) {
		first := base + portFirst + portStride*i
		return first + 2, first + 1, first + 3 // first is the client port - 2: the VIP channel
	}}
}

// devConfig is the cluster file of groups broker groups of nodes members each: the nodes are numbered through, each is a process.
func devConfig(groups, nodes, base int) config.Config {
	at := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	ports := portsOf(base)
	c := config.Default()
	c.Namesrv.Listen = at(ports.namesrv)
	c.Namesrv.Addrs = []string{at(ports.namesrv)}
	for g := range groups {
		b := config.DefaultBroker()
		b.Name = fmt.Sprintf("RaftNode%02d", g)
		b.Raft.SecretFile = devSecretFile
		b.Store.CommitlogFileSize = 64 * config.MiB
		b.Topic.AutoCreate = true
		for n := range nodes {
			i := g*nodes + n
			client, raft, admin := ports.node(i)
			b.Peers = append(b.Peers, config.Peer{ID: fmt.Sprintf("n%d", i), Raft: at(raft), Client: at(client), Admin: at(admin)})
		}
		c.Brokers = append(c.Brokers, b)
	}
	return c
}

// generate writes the cluster file and its secret.
func (d *dev) generate(groups, nodes, base int) error {
	if err := os.WriteFile(d.path(devSecretFile), []byte(config.NewSecret()+"\n"), 0o600); err != nil {
		return err
	}
	text := "# Made by raftmq dev up. Change what you like and run it again.\n" +
		string(config.Write(devConfig(groups, nodes, base), config.Writing{Format: "hcl", OnlyChanged: true}))
	return os.WriteFile(d.path(devClusterFile), []byte(text), 0o644)
}

// checkPorts tells which port of a process that is to be started is taken by somebody else.
func checkPorts(id string, addresses []string) error {
	for _, a := range addresses {
		ln, err := net.Listen("tcp", a)
		if err != nil {
			var op *net.OpError
			if errors.As(err, &op) {
				err = op.Err
			}
			return fmt.Errorf("%s cannot have %s: %w\nstop what runs there, or choose other ports: raftmq dev up --port-base 30000", id, a, err)
		}
		ln.Close()
	}
	return nil
}

// addresses are where a process of the cluster will listen.
func (d *dev) addresses(id string) []string {
	if id == devNamesrv {
		return []string{d.config.Namesrv.Listen}
	}
	all := []string{d.config.AdminAddress(id)}
	for _, g := range d.config.Groups(id) {
		p := g.Peer(id)
		all = append(all, g.Bind(p.Raft), g.Bind(p.Client))
		if vip := g.VIP(p.Client); vip != "" {
			all = append(all, g.Bind(vip))
		}
	}
	return all
}
