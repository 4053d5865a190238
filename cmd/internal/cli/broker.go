package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/config"
)

type brokerCommand struct {
	settings  settings
	supervise bool
	pidFile   string
}

func newBroker(env Environment) *cobra.Command {
	o := &brokerCommand{settings: settings{env: env}}
	cmd := &cobra.Command{
		Use:   "broker -c FILE --node NODE",
		Short: "Run the broker of one node of a cluster file",
		Long: `Run a member of every broker group of which the node is a peer.

SIGTERM hands leadership over and leaves the routes. Clients that still have the address are served until they have all gone, at most
for the time that linger says; a second SIGTERM ends that wait, and SIGINT does without it. Then what has begun is finished and the exit code is 0. SIGHUP reads the file again: log level, retention, limits of messages and reads
and admin networks change at once, of other changes it says that they need a restart. A member that must not use its files ends with exit code 4 and says
which file, where in it, and the command that brings it back (raftmq raft rejoin).`,
		Example: `  raftmq broker -c cluster.hcl --node n0
  raftmq broker -c cluster.yaml --node n0 -n "ns1:9876;ns2:9876" --supervise`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.settings.addFile(cmd)
	o.settings.add(cmd, "node", "node", "", "`NODE` of the file that this machine is")
	o.settings.add(cmd, "namesrv.addrs", "namesrv", "n", "`ADDRESSES` of the NameServers, separated by ;")
	o.settings.add(cmd, "data_dir", "data", "", "`DIRECTORY` of the data of all nodes")
	o.settings.add(cmd, "log.level", "log-level", "", "`LEVEL` of the log")
	cmd.Flags().BoolVar(&o.supervise, "supervise", false, "hold the client ports in a parent process that restarts the broker at once when it crashes")
	cmd.Flags().StringVar(&o.pidFile, "pid-file", "", "`FILE` for the pid of the serving process")
	return cmd
}

func (o *brokerCommand) run(cmd *cobra.Command) error {
	if o.settings.file == "" {
		return usageError("name the cluster file with -c (raftmq config init FILE makes one), or run raftmq server for a first look")
	}
	c, err := o.settings.load(cmd, nil)
	if err != nil {
		return err
	}
	self, err := node(c)
	if err != nil {
		return err
	}
	if o.supervise {
		return supervise(cmd.Context(), o.supervisor(c, self))
	}
	asked, atOnce, cancel := withStop(cmd.Context())
	defer cancel()
	p, err := newProcess(o.settings.env, c)
	if err != nil {
		return err
	}
	if err := writePID(o.pidFile); err != nil {
		return err
	}
	members, err := p.brokers(self)
	if err != nil {
		return err
	}
	members.rejoin = o.rejoin(self)
	services := members.services()
	admin, err := p.adminOf(self, members, "")
	if err != nil {
		return err
	}
	defer p.notifier.stopping()
	reload := p.reload(func() (*config.Loaded, error) { return o.settings.load(cmd, nil) }, members.reload)
	ctx, wait := members.leave(asked, atOnce)
	defer wait()
	defer cancel()
	return runAll(ctx, p.logger, append(services, admin, reload)...)
}

// rejoin is the command that brings a damaged member of this node back.
func (o *brokerCommand) rejoin(self string) string {
	return "raftmq raft rejoin -c " + o.settings.file + " --node " + self + dataFlag(*o.settings.flags["data_dir"])
}

// supervisor holds the ports that clients use; the Raft port is the child's own, so that its death refuses the dials of the other
// members, which is how they notice it at once (design D19).
func (o *brokerCommand) supervisor(c *config.Loaded, self string) supervisor {
	s := supervisor{env: o.settings.env, stopTime: c.Linger + stopTimeout + 5*time.Second, logger: newLogger(c.Log, o.settings.env.Stderr).Named("supervisor"), args: withoutFlag(o.settings.env.Args[1:], "--supervise")}
	for _, g := range c.Groups(self) {
		client := g.Peer(self).Client
		s.ports = append(s.ports, port{"client." + g.Name, g.Bind(client)})
		if vip := g.VIP(client); vip != "" {
			s.ports = append(s.ports, port{"vip." + g.Name, g.Bind(vip)})
		}
	}
	s.ports = append(s.ports, port{"admin", c.AdminAddress(self)})
	return s
}
