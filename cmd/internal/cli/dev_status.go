package cli

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/console"
)

// localTimeout bounds a question to a node on this machine: one that is frozen should not hold up the others for long.
const localTimeout = time.Second

// devStatus is the output of dev status -o json.
type devStatus struct {
	Namesrv string          `json:"namesrv"`
	Nodes   []devNodeStatus `json:"nodes"`
}

// devNodeStatus is one node. PID is the serving process (under a supervisor: its child), 0 if it is dead. BrokerID is -1 while it is not
// known. Group is set where the cluster has several.
type devNodeStatus struct {
	ID           string `json:"id"`
	PID          int    `json:"pid"`
	Alive        bool   `json:"alive"`
	Role         string `json:"role"` // leader, follower, …; dead; silent if its admin port does not answer
	Term         uint64 `json:"term"`
	Client       string `json:"client"`
	Raft         string `json:"raft"`
	Admin        string `json:"admin"`
	Dir          string `json:"dir"`
	AppliedIndex uint64 `json:"applied_index"`
	CommitIndex  uint64 `json:"commit_index"`
	BrokerID     int64  `json:"broker_id"`
	Group        string `json:"group,omitempty"`

	view *console.MemberView // nil if it did not answer
}

func newDevStatus(env Environment) *cobra.Command {
	var f devFlags
	var output outputFlag
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show the nodes of the cluster",
		Example: "  raftmq dev status\n  raftmq dev status -o json --dir /tmp/mq",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := f.open()
			if err != nil {
				return err
			}
			return d.print(cmd, &output, d.status(cmd.Context()))
		},
	}
	f.add(cmd, env)
	output.add(cmd)
	return cmd
}

// status asks all nodes at the same time, each for at most localTimeout. A node that is a peer of several groups has a line for each.
func (d *dev) status(ctx context.Context) devStatus {
	s := devStatus{Namesrv: d.namesrv(), Nodes: []devNodeStatus{}}
	for _, g := range d.config.Brokers {
		for _, p := range g.Peers {
			n := devNodeStatus{ID: p.ID, Role: "dead", Client: p.Client, Raft: p.Raft, Admin: d.config.DialAdmin(p.ID), Dir: d.config.MemberDir(p.ID, g.Name), BrokerID: -1, Group: g.Name}
			s.Nodes = append(s.Nodes, n)
		}
	}
	var wg sync.WaitGroup
	for i := range s.Nodes {
		wg.Go(func() { d.ask(ctx, &s.Nodes[i]) })
	}
	wg.Wait()
	if len(d.config.Brokers) == 1 {
		for i := range s.Nodes {
			s.Nodes[i].Group = ""
		}
	}
	return s
}

func (d *dev) ask(ctx context.Context, n *devNodeStatus) {
	if n.PID = d.pid(n.ID); n.PID == 0 {
		n.Alive = d.parent(n.ID) != 0 // a supervisor between two children
		if n.Alive {
			n.Role = "starting"
		}
		return
	}
	n.Alive, n.Role = true, "silent"
	ctx, cancel := context.WithTimeout(ctx, localTimeout)
	defer cancel()
	p, err := console.Client{Address: n.Admin}.Process(ctx)
	if err != nil {
		return
	}
	for i, m := range p.Members {
		if m.Group == n.Group {
			n.view = &p.Members[i]
			n.Role, n.Term, n.AppliedIndex, n.CommitIndex, n.BrokerID = m.Role, m.Term, m.Applied, m.CommitIndex, m.BrokerID
		}
	}
}

func (d *dev) print(cmd *cobra.Command, output *outputFlag, s devStatus) error {
	return output.print(cmd, s, func() {
		rows := [][]string{{"NODE", "PID", "ROLE", "ID", "TERM", "CLIENT", "RAFT", "ADMIN", "COMMIT", "APPLIED", "DIR"}}
		several := len(d.config.Brokers) > 1
		if several {
			rows[0] = append([]string{"GROUP"}, rows[0]...)
		}
		for _, n := range s.Nodes {
			row := []string{n.ID, orDash(nonZero(n.PID)), n.Role, strconv.FormatInt(n.BrokerID, 10), strconv.FormatUint(n.Term, 10), n.Client, n.Raft, n.Admin,
				strconv.FormatUint(n.CommitIndex, 10), strconv.FormatUint(n.AppliedIndex, 10), n.Dir}
			if several {
				row = append([]string{n.Group}, row...)
			}
			rows = append(rows, row)
		}
		table(cmd.OutOrStdout(), rows)
	})
}

func nonZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// leader is the node that leads group ("" for the only or first one), by the highest term; nil if none says so.
func (d *dev) leader(s devStatus, group string) *devNodeStatus {
	return d.pick(s, group, func(n, best *devNodeStatus) bool { return n.Role == "leader" && (best == nil || n.Term > best.Term) })
}

// follower is the first node of group that follows.
func (d *dev) follower(s devStatus, group string) *devNodeStatus {
	return d.pick(s, group, func(n, best *devNodeStatus) bool { return best == nil && n.Role == "follower" })
}

func (d *dev) pick(s devStatus, group string, better func(n, best *devNodeStatus) bool) *devNodeStatus {
	if group == "" && len(d.config.Brokers) > 1 {
		group = d.config.Brokers[0].Name
	}
	if len(d.config.Brokers) == 1 {
		group = "" // status leaves it out
	}
	var best *devNodeStatus
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.Group == group && better(n, best) {
			best = n
		}
	}
	return best
}
