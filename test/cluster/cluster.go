//go:build linux

package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/config"
	"github.com/raftmq/raftmq/console"
)

const (
	// GroupName is the one broker group of a cluster.
	GroupName = "RaftNode00"
	// Topic is what a Load sends to.
	Topic = "orders"

	nameServerPort = 9876
	clientPort     = 10911
	raftPort       = 40911
	adminPort      = 8082
	adminToken     = "cluster-test-token"
)

// Options are what a test may choose of a cluster. Zero fields take the defaults in brackets.
type Options struct {
	Seed        uint64
	Members     int   // [3]
	NameServers int   // [2]
	DiskBytes   int64 // of each node [512 MiB]
	FS          func(node int) string
	Queues      int32                // of the topic [4]
	Configure   func(*config.Broker) // changes to the group's settings
}

func (o *Options) ensureDefaults() {
	if o.Members == 0 {
		o.Members = 3
	}
	if o.NameServers == 0 {
		o.NameServers = 2
	}
	if o.DiskBytes == 0 {
		o.DiskBytes = 512 << 20
	}
	if o.FS == nil {
		o.FS = func(int) string { return "ext4" }
	}
	if o.Queues == 0 {
		o.Queues = 4
	}
}

// Cluster is a broker group, its NameServers and the network between them.
type Cluster struct {
	t           testing.TB
	opts        Options
	dir, file   string
	net         *Network
	client      *Host // the test itself
	nameServers []*nameServer
	Nodes       []*Node
}

type nameServer struct {
	*Host
	process *process
}

// New makes a cluster with a topic, and waits until it serves. It is taken down at the end of the test; a test that failed keeps logs and
// files in a directory that is printed.
func New(t testing.TB, o Options) *Cluster {
	t.Helper()
	Require(t, base...)
	o.ensureDefaults()
	dir, err := os.MkdirTemp(os.Getenv(insideVariable), "cluster-")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t, opts: o, dir: dir, file: filepath.Join(dir, "cluster.hcl"), net: newNetwork(o.Seed)}
	t.Cleanup(c.close)
	if err := c.build(); err != nil {
		t.Fatal(err)
	}
	c.AwaitHealthy(30 * time.Second)
	if err := c.createTopic(); err != nil {
		t.Fatalf("create topic: %v", err)
	}
	return c
}

// build makes hosts and disks, writes the cluster file, and starts everything.
func (c *Cluster) build() error {
	if err := c.buildHosts(); err != nil {
		return err
	}
	if err := c.configure(); err != nil {
		return err
	}
	for _, s := range c.nameServers {
		var err error
		if s.process, err = run(s.Host, c.logOf(s.Name), "namesrv", "-c", c.file); err != nil {
			return err
		}
	}
	for _, n := range c.Nodes {
		if err := n.Start(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) buildHosts() (err error) {
	if c.client, err = here(); err != nil {
		return err
	}
	c.net.attach(c.client)
	next := c.client.Addr
	host := func(format string, i int) (*Host, error) {
		next = next.Next()
		h, err := newHost(fmt.Sprintf(format, i), next)
		if err == nil {
			c.net.attach(h)
		}
		return h, err
	}
	for i := range c.opts.NameServers {
		h, err := host("ns%d", i)
		if err != nil {
			return err
		}
		c.nameServers = append(c.nameServers, &nameServer{Host: h})
	}
	for i := range c.opts.Members {
		h, err := host("n%d", i)
		if err != nil {
			return err
		}
		n := &Node{Host: h, cluster: c, log: c.logOf(h.Name)}
		c.Nodes = append(c.Nodes, n)
		if n.Disk, err = newDisk(c.dir, h.Name, c.opts.FS(i), c.opts.DiskBytes); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) logOf(name string) string { return filepath.Join(c.dir, name+".log") }

// configure writes the cluster file: small segments and images, so that a short run has several of each.
func (c *Cluster) configure() error {
	conf := config.Default()
	conf.Admin.Listen, conf.Admin.Token, conf.Admin.Allow = fmt.Sprintf(":%d", adminPort), adminToken, []string{"10.77.0.0/16"}
	conf.Linger = 500 * time.Millisecond // a Load asks for the route twice meanwhile
	conf.Namesrv.Listen = fmt.Sprintf(":%d", nameServerPort)
	conf.Namesrv.Addrs = c.NameServers()
	b := config.DefaultBroker()
	b.Name = GroupName
	b.VIPChannel = false
	b.Raft.Secret = config.NewSecret()
	b.Store.CommitlogFileSize, b.Store.BoundarySize, b.Store.TailCache = 4*config.MiB, 16*config.MiB, 4*config.MiB
	b.Store.Retention = 0
	b.Store.DiskFreeMin, b.Store.DiskReserve = 0, 32*config.MiB
	for _, n := range c.Nodes {
		b.Peers = append(b.Peers, config.Peer{ID: n.Name, Raft: n.RaftAddr(), Client: n.ClientAddr(), Admin: n.AdminAddr()})
	}
	if c.opts.Configure != nil {
		c.opts.Configure(&b)
	}
	conf.Brokers = []config.Broker{b}
	return os.WriteFile(c.file, config.Write(conf, config.Writing{Format: "hcl", OnlyChanged: true, Reveal: true}), 0o600)
}

// NameServers are the addresses that clients are given.
func (c *Cluster) NameServers() []string {
	var all []string
	for _, s := range c.nameServers {
		all = append(all, config.JoinAddress(s.Addr.String(), nameServerPort))
	}
	return all
}

func (c *Cluster) close() {
	if c.t.Failed() {
		c.keep()
	}
	for _, n := range c.Nodes {
		if n.Disk != nil {
			n.Disk.Thaw()
		}
		n.Kill()
	}
	for _, s := range c.nameServers {
		if s.process.running() {
			s.process.signal(9)
			s.process.wait(10 * time.Second)
		}
		s.Close()
	}
	for _, n := range c.Nodes {
		if n.Disk != nil {
			n.Disk.Close()
		}
		n.Close()
	}
	if c.client != nil && c.client.tun != nil {
		c.client.Close()
	}
	c.net.wait()
	os.RemoveAll(c.dir)
}

// keep copies logs and members' files of a test that failed to a directory of their own, and shows the end of the logs.
func (c *Cluster) keep() {
	kept, err := os.MkdirTemp("", "raftmq-failed-")
	if err != nil {
		c.t.Log(err)
		return
	}
	c.t.Logf("logs and files are kept in %s", kept)
	logs, _ := filepath.Glob(c.dir + "/*.log")
	extra, _ := filepath.Glob(c.dir + "/*.json*")
	for _, file := range slices.Concat(logs, extra, []string{c.file}) {
		if out, err := exec.Command("cp", file, kept).CombinedOutput(); err != nil {
			c.t.Logf("%s", out)
		}
	}
	for _, n := range c.Nodes {
		if n.Disk == nil {
			continue
		}
		if out, err := exec.Command("timeout", "10", "cp", "-r", "--sparse=always", filepath.Join(n.Disk.Path, n.Name), kept).CombinedOutput(); err != nil {
			c.t.Logf("%s", out)
		}
	}
	for _, log := range logs {
		out, _ := exec.Command("tail", "-n", "15", log).CombinedOutput()
		c.t.Logf("%s:\n%s", filepath.Base(log), out)
	}
}

// NewClient makes a client on the test's host.
func (c *Cluster) NewClient(o client.Options) *client.Client {
	c.t.Helper()
	o.NameServers = c.NameServers()
	cl, err := client.New(o)
	if err != nil {
		c.t.Fatal(err)
	}
	return cl
}

func (c *Cluster) createTopic() error {
	cl := c.NewClient(client.Options{})
	defer cl.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), 15*time.Second)
	defer cancel()
	err := poll(ctx, func() error {
		return cl.Admin().CreateTopic(ctx, "DefaultCluster", client.TopicSpec{Name: Topic, ReadQueues: c.opts.Queues, WriteQueues: c.opts.Queues, Perm: 6})
	})
	if err != nil {
		return err
	}
	return poll(ctx, func() error {
		_, err := cl.RefreshRoute(ctx, Topic)
		return err
	})
}

// poll tries until there is no error or ctx ends; then the last error is returned.
func poll(ctx context.Context, try func() error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// isolate cuts a node off from everybody.
func (c *Cluster) isolate(n *Node) {
	for _, h := range c.hosts() {
		c.net.SetBoth(n.Host, h, Link{Cut: true})
	}
}

// rejoin undoes isolate.
func (c *Cluster) rejoin(n *Node) {
	for _, h := range c.hosts() {
		c.net.SetBoth(n.Host, h, Link{})
	}
}

// hosts are all machines, the test's too.
func (c *Cluster) hosts() []*Host {
	all := []*Host{c.client}
	for _, s := range c.nameServers {
		all = append(all, s.Host)
	}
	for _, n := range c.Nodes {
		all = append(all, n.Host)
	}
	return all
}

// Leader is the node that leads in the highest term, nil if none says so.
func (c *Cluster) Leader() *Node {
	var leader *Node
	term := uint64(0)
	for _, n := range c.Nodes {
		if !n.Running() {
			continue
		}
		if v, err := n.View(c.t.Context()); err == nil && v.Role == "leader" && v.Term >= term {
			leader, term = n, v.Term
		}
	}
	return leader
}

// Followers are the other nodes.
func (c *Cluster) Followers(leader *Node) []*Node {
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(n *Node) bool { return n == leader })
}

// AwaitHealthy waits until every node runs, one leads and is registered, and all have applied what it has committed.
func (c *Cluster) AwaitHealthy(limit time.Duration) time.Duration {
	c.t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(c.t.Context(), limit)
	defer cancel()
	if err := poll(ctx, func() error { return c.unhealthy(ctx) }); err != nil {
		c.t.Fatalf("the cluster is not healthy after %v: %v", limit, err)
	}
	return time.Since(began)
}

// unhealthy says what is not as it should be.
func (c *Cluster) unhealthy(ctx context.Context) error {
	var views []console.MemberView
	for _, n := range c.Nodes {
		if !n.Running() {
			return fmt.Errorf("%s does not run", n.Name)
		}
		v, err := n.View(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		views = append(views, v)
	}
	leads := slices.IndexFunc(views, func(v console.MemberView) bool { return v.Role == "leader" && v.BrokerID == 0 && v.Serving })
	if leads < 0 {
		return fmt.Errorf("nobody leads and serves: %s, %s", views[0].Role, views[len(views)-1].Role)
	}
	for _, v := range views {
		for addr, result := range v.NameServers {
			if result != "ok" {
				return fmt.Errorf("%s at NameServer %s: %s", v.Node, addr, result)
			}
		}
		if v.Term != views[leads].Term || v.Applied+1 < views[leads].CommitIndex {
			return fmt.Errorf("%s is in term %d and has applied %d; %s is in term %d and has committed %d", v.Node, v.Term, v.Applied, views[leads].Node, views[leads].Term, views[leads].CommitIndex)
		}
	}
	return nil
}

// replica is a client that reads from one node only, whatever the route says.
func (c *Cluster) replica(n *Node) *client.Client {
	brokers := map[string]bool{}
	for _, m := range c.Nodes {
		brokers[m.ClientAddr()] = true
	}
	return c.NewClient(client.Options{Timeout: 5 * time.Second, Dial: func(ctx context.Context, addr string) (net.Conn, error) {
		if brokers[addr] {
			addr = n.ClientAddr()
		}
		return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addr)
	}})
}
