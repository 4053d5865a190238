package cli

import "github.com/spf13/cobra"

// extraCommands are the commands that bring their own subsystem.
func extraCommands(env Environment) []*cobra.Command { return []*cobra.Command{newBench(env)} }
