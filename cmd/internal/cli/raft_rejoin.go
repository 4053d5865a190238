package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/config"
	"github.com/raftmq/raftmq/console"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
)

const (
	// setAsideDir holds, within a node's directory, what rejoin has set aside.
	setAsideDir = "set-aside"
	// rejoinTimeout is how long everything may take, the transfer of the state above all.
	rejoinTimeout = 30 * time.Minute
	rejoinPoll    = 100 * time.Millisecond
)

type rejoinCommand struct {
	admin      adminFlags
	node, data string
}

func newRejoin(env Environment) *cobra.Command {
	o := &rejoinCommand{}
	cmd := &cobra.Command{
		Use:   "rejoin [NODE]",
		Short: "Bring a member back whose directory is damaged, lost or an old copy",
		Long: `Run it on the machine of the node, while the others of the group serve. It

  1. makes sure that the group has a serving leader without this member,
  2. moves the member's directory to data_dir/NODE/` + setAsideDir + `/ (nothing is deleted),
  3. starts the node if it belongs to a dev cluster, else asks you to start it and waits: over the empty place it is a new instance,
  4. has the leader send it the state and the log, and gives it a vote once it has caught up,
  5. removes the old instance from the group.

Interrupted, it can be run again and goes on where it was. A node whose directory was wiped, and which waits to be added, skips 2 and 3. A
member that runs and is in order is left alone.`,
		Example: `  raftmq raft rejoin n1 --dir ./raftmq-dev
  raftmq raft rejoin -c cluster.hcl --node n1
  raftmq raft rejoin -c cluster.hcl --node n1 --group RaftNode01`,
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.admin.add(cmd, env)
	o.admin.addToken(cmd)
	cmd.Flags().DurationVar(&o.admin.timeout, "timeout", rejoinTimeout, "how long to wait, for the start of the node too")
	cmd.Flags().StringVar(&o.node, "node", "", "`NODE` whose member it is, instead of the argument")
	cmd.Flags().StringVar(&o.data, "data", "", "`DIRECTORY` of the data of all nodes, if the node is started with --data")
	return cmd
}

// rejoining is one member that is to come back.
type rejoining struct {
	config    *config.Config
	dev       *dev // nil if somebody else starts the node
	node      string
	group     *config.Broker
	addresses []string // admin ports of the cluster
	token     string
	start     string // how the node is started, for people
	out       io.Writer
}

func (o *rejoinCommand) run(cmd *cobra.Command, args []string) error {
	r, err := o.resolve(cmd, args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), o.admin.timeout)
	defer cancel()
	f := lookAt(ctx, r.addresses)
	leader := f.leader(r.group.Name)
	if leader == nil || !leader.Serving {
		return unhealthyError("broker group %s has no serving leader, nothing was changed: a member comes back from the others; see: raftmq cluster status", r.group.Name)
	}
	self := r.self(f)
	if self == nil {
		if self, err = r.renew(ctx); err != nil {
			return err
		}
	}
	return r.replace(ctx, f, self, leader)
}

// resolve finds out which member of which cluster is meant.
func (o *rejoinCommand) resolve(cmd *cobra.Command, args []string) (*rejoining, error) {
	r := &rejoining{node: o.node, addresses: o.admin.addresses, out: cmd.OutOrStdout()}
	if len(args) == 1 {
		if o.node != "" && o.node != args[0] {
			return nil, usageError("which node: %s or %s?", args[0], o.node)
		}
		r.node = args[0]
	}
	if err := r.cluster(o); err != nil {
		return nil, err
	}
	if r.node == "" {
		return nil, usageError("which node is it? there are: %s", strings.Join(r.config.Nodes(), ", "))
	}
	if err := r.member(o.admin.group); err != nil {
		return nil, err
	}
	if len(r.addresses) == 0 {
		r.addresses = adminAddresses(r.config)
	}
	var err error
	r.token, err = config.Admin{TokenFile: o.admin.tokenFile}.LoadToken()
	return r, err
}

// cluster loads the cluster file, or the dev cluster. A cluster file whose data lies in a dev cluster's directory is that cluster's.
func (r *rejoining) cluster(o *rejoinCommand) (err error) {
	file, dir := o.admin.settings.file, o.admin.dir
	if file == "" {
		if dir == "" {
			dir = devDirDefault
		}
		if r.dev, err = openDev(dir); err != nil {
			return usageError("%w\nname the cluster file with -c, or the dev cluster with --dir", err)
		}
	} else {
		given := map[string]config.Flag{}
		if o.data != "" {
			given["data_dir"] = config.Flag{Name: "--data", Value: o.data}
		}
		c, err := config.Load(config.Source{File: file, Env: o.admin.settings.env.Environ, Flags: given})
		if err != nil {
			return err
		}
		if r.config = &c.Config; r.node == "" {
			r.node = c.Node
		}
		abs, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		if d, err := openDev(c.DataDir); err == nil && d.file == abs {
			r.dev = d
		}
		r.start = "raftmq broker -c " + file + " --node " + r.node + dataFlag(o.data)
	}
	if r.dev != nil {
		r.dev.env, r.config = o.admin.settings.env, r.dev.config
	}
	return nil
}

func dataFlag(dir string) string {
	if dir == "" {
		return ""
	}
	return " --data " + dir
}

// member finds the group of which the node is a peer.
func (r *rejoining) member(group string) error {
	var names []string
	for _, g := range r.config.Groups(r.node) {
		if g.Name == group || group == "" {
			r.group = g
		}
		names = append(names, g.Name)
	}
	switch {
	case len(names) == 0:
		return usageError("no broker group has a peer %q; there are: %s", r.node, strings.Join(r.config.Nodes(), ", "))
	case r.group == nil:
		return usageError("%s is no peer of broker group %q; its groups: %s", r.node, group, strings.Join(names, ", "))
	case group == "" && len(names) > 1:
		return usageError("%s is a peer of several groups; add --group %s", r.node, strings.Join(names, "|"))
	}
	if len(r.group.Peers) < 2 {
		return usageError("broker group %s has one member only: there is nobody to come back from", r.group.Name)
	}
	return nil
}

// self is the member as it answers now, nil if it does not run.
func (r *rejoining) self(f *found) *foundMember {
	for i := range f.members {
		if m := &f.members[i]; m.Group == r.group.Name && m.Node == r.node {
			return m
		}
	}
	return nil
}

// renew sets the directory aside and returns the new instance as soon as it runs.
func (r *rejoining) renew(ctx context.Context) (*foundMember, error) {
	dir := r.config.MemberDir(r.node, r.group.Name)
	aside := filepath.Join(r.config.NodeDir(r.node), setAsideDir, r.group.Name+"-"+time.Now().UTC().Format("20060102T150405.000Z"))
	switch err := raftlog.SetAside(vfs.OS(), dir, aside); {
	case errors.Is(err, vfs.ErrLocked):
		return nil, fmt.Errorf("%w\na process uses it, but the admin port %s does not answer; stop the node first, nothing was changed", err, r.config.DialAdmin(r.node))
	case errors.Is(err, fs.ErrNotExist):
		fmt.Fprintf(r.out, "%s has no directory %s: nothing to set aside\n", r.node, dir)
	case err != nil:
		return nil, err
	default:
		fmt.Fprintf(r.out, "set aside %s, now %s; remove it when nothing in it is needed any more\n", dir, aside)
	}
	if r.dev == nil {
		fmt.Fprintf(r.out, "start the node now, for instance with: %s\nwaiting for %s\n", r.start, r.config.DialAdmin(r.node))
	} else if r.dev.parent(r.node) == 0 {
		if err := r.dev.start(r.node); err != nil {
			return nil, err
		}
	}
	return r.await(ctx)
}

// await returns the member once it runs and says what it is.
func (r *rejoining) await(ctx context.Context) (*foundMember, error) {
	tick := time.NewTicker(rejoinPoll)
	defer tick.Stop()
	for {
		if m := r.self(lookAt(ctx, []string{r.config.DialAdmin(r.node)})); m != nil && m.ID != "" {
			return m, nil
		}
		if r.dev != nil && r.dev.parent(r.node) == 0 {
			return nil, fmt.Errorf("%s did not come up; the end of its log %s:\n%s", r.node, r.dev.logFile(r.node), r.dev.logTail(r.node))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%s was not started in time; start it and run this command again", r.node)
		}
	}
}

// replace gives the running instance the vote of the one before it. f is how the group was before.
func (r *rejoining) replace(ctx context.Context, f *found, self, leader *foundMember) error {
	group := r.group.Name
	var old []string
	member := false
	for _, p := range f.raft[group].Members {
		if p.Node == r.node && p.ID != self.ID {
			old = append(old, p.ID)
		}
		member = member || p.ID == self.ID && p.Voter
	}
	if member && len(old) == 0 {
		return usageError("%s runs and is a member of %s in order; to replace its directory all the same, stop the node first", self.ID, group)
	}
	c := console.Client{Address: leader.Admin, Token: r.token}
	if !member {
		fmt.Fprintf(r.out, "%s receives what the group has\n", self.ID)
		if err := c.AddMember(ctx, group, console.NewMember{Node: r.node, Address: r.group.Peer(r.node).Raft, Voter: true}); err != nil {
			return fmt.Errorf("%s was not added: %w\nrun the command again to go on", self.ID, err)
		}
	}
	slices.Sort(old)
	for _, id := range old {
		if err := c.RemoveMember(ctx, group, id); err != nil {
			return fmt.Errorf("%s votes now, but %s was not removed: %w\nrun the command again to go on", self.ID, id, err)
		}
	}
	fmt.Fprintf(r.out, "%s is a member of %s with a vote; removed: %s\n", self.ID, group, orDash(strings.Join(old, ", ")))
	return nil
}
