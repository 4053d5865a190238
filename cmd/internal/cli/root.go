package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/config"
)

// Environment is what the commands see of the process they run in.
type Environment struct {
	Args           []string // with the program's name
	Environ        []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Process is the environment of this process.
func Process() Environment {
	return Environment{Args: os.Args, Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
}

// Run executes the command that the arguments name and prints its error, if any, before returning it.
func Run(ctx context.Context, env Environment) error {
	root := newRoot(env)
	args, err := rocketMQOptions(arguments(env.Args))
	root.SetArgs(args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	report(env.Stderr, err)
	return err
}

// report prints an error: problems of a configuration as they are, with their number, since each begins with its place.
func report(out io.Writer, err error) {
	var said *exitError
	var problems config.Problems
	switch {
	case err == nil, errors.As(err, &said) && said.err == nil:
	case errors.As(err, &problems):
		fmt.Fprintf(out, "%v\n%d problems in the configuration\n", problems, len(problems))
	default:
		fmt.Fprintf(out, "error: %v\n", err)
	}
}

// arguments lets the binary be called by the names of RocketMQ's scripts.
func arguments(args []string) []string {
	switch filepath.Base(args[0]) {
	case "mqnamesrv":
		return append([]string{"namesrv"}, args[1:]...)
	case "mqbroker":
		return append([]string{"broker"}, args[1:]...)
	}
	return args[1:]
}

func newRoot(env Environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "raftmq",
		Short: "A message broker for RocketMQ clients in which every broker group is a Raft group",
		Example: `  raftmq server                          # NameServer and broker in one process, for a first look
  raftmq dev up                          # three brokers and a NameServer on this machine
  raftmq broker -c cluster.hcl --node n0 # one node of a real cluster`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usage(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%w\nsee: %s --help", err, cmd.CommandPath())
	})
	root.AddGroup(&cobra.Group{ID: "run", Title: "Processes:"}, &cobra.Group{ID: "use", Title: "Topics and messages:"}, &cobra.Group{ID: "operate", Title: "Operation:"})
	for _, c := range []struct {
		group   string
		command *cobra.Command
	}{
		{"run", newServer(env)}, {"run", newNamesrv(env)}, {"run", newBroker(env)}, {"run", newDev(env)},
		{"use", newTopic(env)},
		{"operate", newCluster(env)}, {"operate", newRaft(env)}, {"operate", newConfig(env)}, {"operate", newDebug(env)}, {"", newVersion()},
	} {
		c.command.GroupID = c.group
		root.AddCommand(c.command)
	}
	root.AddCommand(extraCommands(env)...)
	return root
}

// group makes a command that only holds others; called alone it shows them, called with a wrong word it fails.
func group(use, short, example string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Example: example, Args: usage(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(commands...)
	return c
}
