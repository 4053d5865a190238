package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/config"
)

func newCluster(env Environment) *cobra.Command {
	return group("cluster", "Look at a whole cluster", "  raftmq cluster status -w", newClusterStatus(env))
}

type clusterStatusCommand struct {
	admin  adminFlags
	output outputFlag
	watch  bool
}

func newClusterStatus(env Environment) *cobra.Command {
	o := &clusterStatusCommand{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show every member of every broker group",
		Long: `Ask the admin ports of all members. Exit code 3 if a group has no serving leader, a member does not answer, its log is damaged, it does not advance or
is refused by the others, or one refuses sends because its disk is full.`,
		Example: "  raftmq cluster status\n  raftmq cluster status -w --dir ./raftmq-dev\n  raftmq cluster status -c cluster.hcl -o json",
		Args:    usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.admin.add(cmd, env)
	o.output.add(cmd)
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "show it again every second until interrupted")
	return cmd
}

func (o *clusterStatusCommand) run(cmd *cobra.Command) error {
	if !o.watch {
		return o.once(cmd)
	}
	ctx, cancel := withSignals(cmd.Context())
	defer cancel()
	cmd.SetContext(ctx)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		fmt.Fprint(cmd.OutOrStdout(), "\x1b[H\x1b[2J") // home, clear
		if err := o.once(cmd); err != nil && ctx.Err() == nil {
			fmt.Fprintln(cmd.OutOrStdout(), err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (o *clusterStatusCommand) once(cmd *cobra.Command) error {
	f, err := o.admin.look(cmd)
	if err != nil {
		return err
	}
	if g := o.admin.group; g != "" {
		f.members = slices.DeleteFunc(f.members, func(m foundMember) bool { return m.Group != g })
	}
	if err := o.output.print(cmd, f.members, func() { table(cmd.OutOrStdout(), statusTable(f)) }); err != nil {
		return err
	}
	if wrong := f.unhealthy(); len(wrong) > 0 {
		return unhealthyError("%s", strings.Join(wrong, "\n       "))
	}
	return nil
}

// unhealthy says what an operator should look at.
func (f *found) unhealthy() []string {
	var wrong []string
	for _, g := range f.groups() {
		if l := f.leader(g); l == nil || !l.Serving {
			wrong = append(wrong, "broker group "+g+" has no serving leader")
		}
	}
	for _, m := range f.members {
		if m.Disk != "" {
			wrong = append(wrong, fmt.Sprintf("%s of %s refuses sends: %s", m.Node, m.Group, m.Disk))
		}
		if m.Damage != "" {
			wrong = append(wrong, fmt.Sprintf("%s of %s is %s; it leaves as soon as the others suffice, then: raftmq raft rejoin %s", m.Node, m.Group, m.Damage, m.Node))
		}
	}
	for _, g := range f.groups() {
		for _, p := range f.raft[g].Members {
			if p.StuckMS > 0 {
				wrong = append(wrong, fmt.Sprintf("%s of %s answers the leader and has taken no entry for %v: see its log and its disk", p.Node, g, time.Duration(p.StuckMS)*time.Millisecond))
			}
			if p.Refused != "" {
				wrong = append(wrong, fmt.Sprintf("%s of %s is refused by the others: %s; bring it back with: raftmq raft rejoin %s", p.Node, g, p.Refused, p.Node))
			}
		}
	}
	return append(wrong, f.silent...)
}

func statusTable(f *found) [][]string {
	out := [][]string{{"GROUP", "NODE", "ROLE", "ID", "TERM", "CLIENT", "ADMIN", "COMMIT", "APPLIED", "LOG", "FLUSH", "NAMESRV", "CONNECTIONS", "NOTE"}}
	for _, m := range f.members {
		registered := 0
		for _, result := range m.NameServers {
			if result == "ok" {
				registered++
			}
		}
		out = append(out, []string{
			m.Group, m.Node, m.Role, strconv.FormatInt(m.BrokerID, 10), strconv.FormatUint(m.Term, 10), m.Address, m.Admin,
			strconv.FormatUint(m.CommitIndex, 10), strconv.FormatUint(m.Applied, 10), roundSize(m.LogBytes), orDash(m.Flush),
			fmt.Sprintf("%d/%d", registered, len(m.NameServers)), strconv.Itoa(m.Connections), note(m),
		})
	}
	return out
}

// note is what is unusual about a member.
func note(m foundMember) string {
	switch {
	case m.Damage != "":
		return m.Damage
	case m.Disk != "":
		return m.Disk
	case m.StalledMS >= 1000:
		return fmt.Sprintf("storage hangs since %dms", m.StalledMS)
	case !m.Recovered:
		return "recovering"
	case !m.Serving:
		return "not serving"
	}
	return "-"
}

// roundSize shows a size to one digit after the point.
func roundSize(n int64) string {
	for _, unit := range []config.Bytes{config.GiB, config.MiB, config.KiB} {
		if config.Bytes(n) >= unit {
			return fmt.Sprintf("%.1f%s", float64(n)/float64(unit), strings.TrimPrefix(unit.String(), "1"))
		}
	}
	return config.Bytes(n).String()
}
