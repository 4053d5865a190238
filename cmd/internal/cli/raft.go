package cli

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/console"
)

func newRaft(env Environment) *cobra.Command {
	return group("raft", "Look at and change the Raft group of a broker group", `  raftmq raft list-peers
  raftmq raft transfer-leader --to n2
  raftmq raft rejoin n1`,
		newListPeers(env), newTransferLeader(env), newAddPeer(env), newRemovePeer(env), newDemotePeer(env), newRejoin(env), newBoundary(env))
}

func newTransferLeader(env Environment) *cobra.Command {
	var a adminFlags
	var to string
	cmd := &cobra.Command{
		Use:     "transfer-leader",
		Short:   "Hand leadership to another member",
		Example: "  raftmq raft transfer-leader\n  raftmq raft transfer-leader --to n2 --group RaftNode00",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onLeader(cmd, func(ctx context.Context, c console.Client, group string) error {
				if err := c.Transfer(ctx, group, to); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "leadership of %s handed over\n", group)
				return nil
			})
		},
	}
	a.add(cmd, env)
	a.addChange(cmd)
	cmd.Flags().StringVar(&to, "to", "", "`NODE` that is to lead (default: the most advanced one)")
	return cmd
}

func newAddPeer(env Environment) *cobra.Command {
	var a adminFlags
	var nonVoter bool
	cmd := &cobra.Command{
		Use:   "add-peer NODE RAFT-ADDRESS",
		Short: "Add a member; it votes once it has caught up",
		Long: `Add the member that listens at RAFT-ADDRESS and waits to be added: start it first, with an empty directory and with itself in its cluster
file. It receives the state, catches up and becomes a voter; the command returns then. To bring a damaged or wiped member of the file back, use
raft rejoin.`,
		Example: "  raftmq raft add-peer n3 10.0.0.13:40911\n  raftmq raft add-peer n4 10.0.0.14:40911 --non-voter",
		Args:    usage(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, _, err := net.SplitHostPort(args[1]); err != nil {
				return usageError("RAFT-ADDRESS %q: write it as host:port", args[1])
			}
			return a.onLeader(cmd, func(ctx context.Context, c console.Client, group string) error {
				if err := c.AddMember(ctx, group, console.NewMember{Node: args[0], Address: args[1], Voter: !nonVoter}); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s added to %s\n", args[0], group)
				return nil
			})
		},
	}
	a.add(cmd, env)
	a.addChange(cmd)
	cmd.Flags().BoolVar(&nonVoter, "non-voter", false, "let it replicate without a vote")
	return cmd
}

func newRemovePeer(env Environment) *cobra.Command {
	return memberChange(env, "remove-peer NODE", "Remove a member for good",
		"  raftmq raft remove-peer n1\n  raftmq raft remove-peer n1@3f2a… # one of two instances of a name", "removed from",
		console.Client.RemoveMember)
}

func newDemotePeer(env Environment) *cobra.Command {
	return memberChange(env, "demote NODE", "Take the vote of a member; it goes on replicating", "  raftmq raft demote n2", "no longer votes in",
		console.Client.DemoteMember)
}

// memberChange is a command about one member, by node name or by name@instance.
func memberChange(env Environment, use, short, example, done string, change func(console.Client, context.Context, string, string) error) *cobra.Command {
	var a adminFlags
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example, Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onLeader(cmd, func(ctx context.Context, c console.Client, group string) error {
				if err := change(c, ctx, group, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s\n", args[0], done, group)
				return nil
			})
		},
	}
	a.add(cmd, env)
	a.addChange(cmd)
	return cmd
}

func newBoundary(env Environment) *cobra.Command {
	var a adminFlags
	cmd := &cobra.Command{
		Use:     "boundary",
		Short:   "Have every member write an image of its state now",
		Long:    "Propose a boundary: every member writes an image of the state at exactly this place of the log. Retention removes whole intervals between boundaries, and new members start from an image.",
		Example: "  raftmq raft boundary --group RaftNode00",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onLeader(cmd, func(ctx context.Context, c console.Client, group string) error {
				index, err := c.Boundary(ctx, group)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "boundary of %s at index %d\n", group, index)
				return nil
			})
		},
	}
	a.add(cmd, env)
	a.addChange(cmd)
	return cmd
}
