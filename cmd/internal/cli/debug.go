package cli

import "github.com/spf13/cobra"

func newDebug(env Environment) *cobra.Command {
	return group("debug", "Look at the files of a stopped member", "  raftmq debug verify ./raftmq-dev/n0/RaftNode00", newDebugVerify(env), newDebugCompare(env))
}
