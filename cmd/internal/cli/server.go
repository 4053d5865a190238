package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/config"
)

type serverCommand struct {
	settings                settings
	host                    string
	namesrvPort, clientPort int
	raftPort, adminPort     int
	pidFile                 string
}

func newServer(env Environment) *cobra.Command {
	o := &serverCommand{settings: settings{env: env}}
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run NameServer, a one-member broker group and the admin port in one process",
		Long: `Run everything in one process on loopback, with data in ./raftmq-data: for a first look, for development and for tests. It takes no
cluster file; a real deployment runs raftmq namesrv and raftmq broker.`,
		Example: `  raftmq server
  raftmq server --data /tmp/mq --namesrv-port 19876 --port 11911 --raft-port 41911 --admin-port 18082`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.settings.add(cmd, "data_dir", "data", "", "`DIRECTORY` of the data (default ./raftmq-data)")
	o.settings.add(cmd, "log.level", "log-level", "", "`LEVEL` of the log (default warn)")
	cmd.Flags().StringVar(&o.host, "host", "127.0.0.1", "`HOST` that clients are told; unless it is loopback, NameServer and broker listen on all interfaces")
	cmd.Flags().IntVar(&o.namesrvPort, "namesrv-port", 9876, "`PORT` of the NameServer")
	cmd.Flags().IntVar(&o.clientPort, "port", 10911, "`PORT` of the broker")
	cmd.Flags().IntVar(&o.raftPort, "raft-port", 40911, "`PORT` for other members, of which there are none")
	cmd.Flags().IntVar(&o.adminPort, "admin-port", 8082, "`PORT` of the admin API, always on loopback")
	cmd.Flags().StringVar(&o.pidFile, "pid-file", "", "`FILE` for the pid of the serving process")
	return cmd
}

// base is the configuration of a server before environment and flags.
func (o *serverCommand) base() config.Config {
	at := func(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
	c := config.Default()
	c.Node = "n0"
	c.Log.Level = "warn"
	c.Namesrv.Listen = at("127.0.0.1", o.namesrvPort)
	if !config.IsLoopback(o.host) {
		c.Namesrv.Listen = at("", o.namesrvPort)
	}
	c.Namesrv.Addrs = []string{at("127.0.0.1", o.namesrvPort)}
	c.Namesrv.ReadyAfter = 3 * time.Second // its only broker is in the same process
	c.Admin.Listen = at("127.0.0.1", o.adminPort)
	g := config.DefaultBroker()
	g.Name = "RaftNode00"
	g.Peers = []config.Peer{{ID: "n0", Raft: at("127.0.0.1", o.raftPort), Client: at(o.host, o.clientPort)}}
	g.Topic.AutoCreate = true
	g.Store.CommitlogFileSize = 64 * config.MiB
	c.Brokers = []config.Broker{g}
	return c
}

func (o *serverCommand) run(cmd *cobra.Command) error {
	base := o.base()
	c, err := o.settings.load(cmd, &base)
	if err != nil {
		return err
	}
	// NAMESRV_ADDR tells clients where to go; a server registers at its own NameServer whatever it says.
	c.Namesrv.Addrs = base.Namesrv.Addrs
	p, err := newProcess(o.settings.env, c)
	if err != nil {
		return err
	}
	if err := writePID(o.pidFile); err != nil {
		return err
	}
	services, err := p.everything()
	if err != nil {
		return err
	}
	ctx, cancel := withSignals(cmd.Context())
	defer cancel()
	defer p.notifier.stopping()
	services.banner.run = services.members.welcome(cmd.OutOrStdout(), net.JoinHostPort(o.host, strconv.Itoa(o.namesrvPort)))
	return runAll(ctx, p.logger, services.inOrder()...)
}

// serverServices are the parts of a server, stopped in the order in which inOrder has them: the broker unregisters before its
// NameServer goes.
type serverServices struct {
	members    *members
	nameServer []service
	banner     service
	admin      service
}

func (p *process) everything() (*serverServices, error) {
	c := p.config
	ln, err := p.ports.listen("namesrv", c.Namesrv.Listen)
	if err != nil {
		return nil, err
	}
	s := &serverServices{banner: service{name: "banner"}}
	if s.nameServer, err = p.nameServer(ln); err != nil {
		return nil, err
	}
	if s.members, err = p.brokers(c.Node); err != nil {
		return nil, err
	}
	s.admin, err = p.adminOf(c.Node, s.members, c.Namesrv.Addrs[0])
	return s, err
}

func (s *serverServices) inOrder() []service {
	all := append([]service{s.banner}, s.members.services()...)
	return append(append(all, s.nameServer...), s.admin)
}

// welcome says where everything is as soon as a send would succeed; namesrv is what clients are told.
func (m *members) welcome(out io.Writer, namesrv string) func(context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for !ready(m.all[0].Status()) {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
		c := m.process.config
		fmt.Fprint(out, "raftmq is ready.\n",
			header("NameServer", namesrv),
			header("Broker", m.groups[0].Peers[0].Client+"  ("+m.groups[0].Name+", one member, acknowledges after fsync)"),
			header("Admin", "http://"+c.AdminAddress(m.node)+"  (/readyz, /metrics, /v1/cluster)"),
			header("Data", c.MemberDir(m.node, m.groups[0].Name)),
			"\nTry, in another terminal:\n",
			"  export NAMESRV_ADDR="+namesrv+"\n",
			"  raftmq topic produce TopicTest -m hello && raftmq topic consume TopicTest --from first --count 1\n")
		<-ctx.Done()
		return nil
	}
}
