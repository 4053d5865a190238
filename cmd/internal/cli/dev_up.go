package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

type devUpCommand struct {
	flags                   devFlags
	file                    string
	nodes, groups, portBase int
	noSupervise             bool
	timeout                 time.Duration
}

func newDevUp(env Environment) *cobra.Command {
	o := &devUpCommand{}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a NameServer and broker groups in the background",
		Long: `Start the processes of a cluster on loopback in the background and return when every leader is registered and a send would succeed. The
first time it writes a cluster file into the directory; later it starts what does not run, on the old data.`,
		Example: `  raftmq dev up
  raftmq dev up --nodes 5 --dir /tmp/mq --port-base 30000
  raftmq dev up --groups 2
  raftmq dev up -c cluster.hcl`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags.add(cmd, env)
	cmd.Flags().StringVarP(&o.file, "config", "c", "", "cluster `FILE` to run instead of a generated one; its addresses must be of this machine")
	cmd.Flags().IntVar(&o.nodes, "nodes", 3, "`N` members of a group: 1, 3, 5 or 7")
	cmd.Flags().IntVar(&o.groups, "groups", 1, "`K` broker groups, each with its own nodes")
	cmd.Flags().IntVar(&o.portBase, "port-base", 0, "use the ports `N` to N+99 instead of RocketMQ's usual ones")
	cmd.Flags().BoolVar(&o.noSupervise, "no-supervise", false, "run brokers without the parent that restarts them")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait until it is ready")
	return cmd
}

func (o *devUpCommand) run(cmd *cobra.Command) error {
	d, err := o.prepare(cmd)
	if err != nil {
		return err
	}
	d.env = o.flags.env
	for _, id := range d.ids() {
		if d.parent(id) != 0 || d.pid(id) != 0 {
			continue
		}
		if err := d.start(id); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
	defer cancel()
	s, err := d.waitReady(ctx)
	if err != nil {
		return err
	}
	if err := d.print(cmd, &outputFlag{format: "table"}, s); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "\nexport NAMESRV_ADDR=%s\n", d.namesrv())
	return nil
}

// prepare opens the cluster of the directory, or makes a new one.
func (o *devUpCommand) prepare(cmd *cobra.Command) (*dev, error) {
	d, err := openDev(o.flags.dir)
	if err == nil {
		return d, o.same(cmd, d)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.flags.dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	d = &dev{dir: dir, devState: devState{File: devClusterFile, Supervise: !o.noSupervise}}
	if o.file == "" {
		err = d.generate(o.groups, o.nodes, o.portBase)
	} else {
		d.File, err = filepath.Abs(o.file)
	}
	if err != nil {
		return nil, err
	}
	if d.file = d.File; o.file == "" {
		d.file = d.path(d.File)
	}
	if err := d.load(); err != nil {
		return nil, err
	}
	// Only now does the directory hold a cluster: with other ports the same command may be given again.
	for _, id := range d.ids() {
		if err := checkPorts(id, d.addresses(id)); err != nil {
			return nil, err
		}
	}
	return d, d.save()
}

func (o *devUpCommand) check() error {
	switch {
	case o.nodes < 1 || o.nodes > 7 || o.nodes%2 == 0:
		return usageError("--nodes %d: use 1, 3, 5 or 7; an even number survives no more failures than one less", o.nodes)
	case o.groups < 1 || o.groups*o.nodes > nodesMax:
		return usageError("--groups %d of %d nodes: there is room for %d nodes", o.groups, o.nodes, nodesMax)
	case o.portBase != 0 && (o.portBase < 1024 || o.portBase > 65536-portSpan):
		return usageError("--port-base %d: use 1024 to %d", o.portBase, 65536-portSpan)
	}
	return nil
}

// same refuses flags that would make another cluster than the one that is there.
func (o *devUpCommand) same(cmd *cobra.Command, d *dev) error {
	var different []string
	changed := func(name string, same bool) {
		if cmd.Flags().Changed(name) && !same {
			different = append(different, "--"+name)
		}
	}
	first := d.config.Brokers[0]
	changed("nodes", o.nodes == len(first.Peers))
	changed("groups", o.groups == len(d.config.Brokers))
	changed("port-base", first.Peers[0].Client == devConfig(1, 1, o.portBase).Brokers[0].Peers[0].Client)
	if file, err := filepath.Abs(o.file); o.file != "" {
		changed("config", err == nil && file == d.file)
	}
	changed("no-supervise", o.noSupervise != d.Supervise)
	if len(different) > 0 {
		return usageError("%s has another cluster than %s says; remove it with raftmq dev down --wipe --dir %s, or use another --dir", d.dir, strings.Join(different, " "), o.flags.dir)
	}
	return nil
}

// waitReady returns when every group has a leader that is registered and serves and every node serves. A process that ends meanwhile ends
// the waiting too, with the end of its log.
func (d *dev) waitReady(ctx context.Context) (devStatus, error) {
	var s devStatus
	var dead string
	err := poll(ctx, func() bool {
		if dead = d.anyDead(); dead != "" {
			return true
		}
		s = d.status(ctx)
		return d.ready(s)
	})
	switch {
	case dead != "":
		return s, fmt.Errorf("%s ended; its log %s says:\n%s", dead, d.logFile(dead), d.logTail(dead))
	case err != nil:
		late := d.late(s)
		return s, fmt.Errorf("not ready in time: %s; the end of the log %s:\n%s", late, d.logFile(late), d.logTail(late))
	}
	return s, nil
}

func (d *dev) anyDead() string {
	for _, id := range d.ids() {
		if d.parent(id) == 0 {
			return id
		}
	}
	return ""
}

func (d *dev) ready(s devStatus) bool { return d.late(s) == "" }

// late is a node that keeps the cluster from being ready: the leader-to-be of a group without leader, or one that does not serve.
func (d *dev) late(s devStatus) string {
	for i := range d.config.Brokers {
		g := &d.config.Brokers[i]
		leader := d.leader(s, g.Name)
		if leader == nil || leader.BrokerID != 0 || !registered(leader) {
			if leader != nil {
				return leader.ID
			}
			return g.Peers[0].ID
		}
	}
	for _, n := range s.Nodes {
		if n.view == nil || !n.view.Serving {
			return n.ID
		}
	}
	return ""
}

func registered(n *devNodeStatus) bool {
	if n.view == nil || len(n.view.NameServers) == 0 {
		return false
	}
	for _, result := range n.view.NameServers {
		if result != "ok" {
			return false
		}
	}
	return true
}
