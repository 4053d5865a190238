package cli

import "github.com/spf13/cobra"

// extraCommands are the commands that bring their own subsystem.
func extraCommands(Environment) []*cobra.Command { return nil }
