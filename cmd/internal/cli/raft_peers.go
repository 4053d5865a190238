package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/console"
)

// peerRow is one member of a Raft group: what its leader says of it, and what it says itself if it answers.
type peerRow struct {
	Group         string `json:"group"`
	Node          string `json:"node"`
	ID            string `json:"id"`
	Address       string `json:"address"`
	State         string `json:"state"` // its own role; unreachable if it does not answer
	Voter         bool   `json:"voter"`
	Term          uint64 `json:"term"`
	LastIndex     uint64 `json:"last_index"`
	CommitIndex   uint64 `json:"commit_index"`
	AppliedIndex  uint64 `json:"applied_index"`
	Behind        int64  `json:"behind"` // entries behind the leader, -1 unknown
	LastContactMS int64  `json:"last_contact_ms"`
	Admin         string `json:"admin"`
}

func newListPeers(env Environment) *cobra.Command {
	var a adminFlags
	var output outputFlag
	cmd := &cobra.Command{
		Use:     "list-peers",
		Short:   "List the members of the Raft groups and how far they are",
		Example: "  raftmq raft list-peers\n  raftmq raft list-peers --admin 10.0.0.10:8082 -o json",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := a.look(cmd)
			if err != nil {
				return err
			}
			rows := peerRows(f, a.group)
			return output.print(cmd, rows, func() { table(cmd.OutOrStdout(), peerTable(rows)) })
		},
	}
	a.add(cmd, env)
	output.add(cmd)
	return cmd
}

func peerRows(f *found, group string) []peerRow {
	rows := []peerRow{}
	for _, name := range f.groups() {
		if group != "" && group != name {
			continue
		}
		for _, p := range f.raft[name].Members {
			rows = append(rows, f.peerRow(name, p))
		}
	}
	return rows
}

func (f *found) peerRow(group string, p console.RaftPeer) peerRow {
	row := peerRow{Group: group, Node: p.Node, ID: p.ID, Address: p.Address, State: "unreachable", Voter: p.Voter, Behind: -1, LastContactMS: p.LastContactMS, Admin: p.Admin}
	leader := f.leader(group)
	for _, m := range f.members {
		if m.Group != group || m.ID != p.ID {
			continue // also another instance of the same name: a directory that was emptied
		}
		row.State, row.Term, row.LastIndex, row.CommitIndex, row.AppliedIndex, row.Admin = m.Role, m.Term, m.LastIndex, m.CommitIndex, m.Applied, m.Admin
		if leader != nil {
			row.Behind = max(int64(leader.LastIndex)-int64(m.LastIndex), 0)
		}
	}
	return row
}

func peerTable(rows []peerRow) [][]string {
	out := [][]string{{"GROUP", "NODE", "ADDRESS", "STATE", "VOTER", "TERM", "LAST LOG", "COMMIT", "APPLIED", "TRAILS LEADER BY", "LAST CONTACT"}}
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	for _, r := range rows {
		trails, contact := "-", "-"
		if r.Behind >= 0 && r.State != "leader" {
			trails = fmt.Sprintf("%d entries", r.Behind)
		}
		if r.LastContactMS >= 0 && r.State != "leader" {
			contact = (time.Duration(r.LastContactMS) * time.Millisecond).String()
		}
		out = append(out, []string{r.Group, r.Node, r.Address, r.State, strconv.FormatBool(r.Voter), number(r.Term), number(r.LastIndex), number(r.CommitIndex), number(r.AppliedIndex), trails, contact})
	}
	return out
}
