package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/config"
)

// settings are the flags that change a configuration.
type settings struct {
	env   Environment
	file  string
	flags map[string]*string // dotted key → flag of that key
	names map[string]string  // dotted key → name of the flag
}

// addFile adds -c.
func (s *settings) addFile(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.file, "config", "c", "", "cluster `FILE` in HCL or YAML")
	cmd.MarkFlagFilename("config", "hcl", "yaml", "yml")
}

// add adds a flag that sets a key.
func (s *settings) add(cmd *cobra.Command, key, name, short, help string) {
	if s.flags == nil {
		s.flags, s.names = map[string]*string{}, map[string]string{}
	}
	s.flags[key], s.names[key] = cmd.Flags().StringP(name, short, "", help), name
}

// load merges base (nil: the defaults), file, environment and the flags that were given.
func (s *settings) load(cmd *cobra.Command, base *config.Config) (*config.Loaded, error) {
	given := map[string]config.Flag{}
	for key, value := range s.flags {
		if cmd.Flags().Changed(s.names[key]) {
			given[key] = config.Flag{Name: "--" + s.names[key], Value: *value}
		}
	}
	return config.Load(config.Source{Base: base, File: s.file, Env: s.env.Environ, Flags: given})
}

// node returns the node that this process is: the configured one, or the only one of the file.
func node(c *config.Loaded) (string, error) {
	nodes := c.Nodes()
	switch {
	case c.Node != "":
		return c.Node, nil
	case len(nodes) == 1:
		return nodes[0], nil
	case len(nodes) == 0:
		return "", usageError("no broker group is configured; name a cluster file with -c (raftmq config init FILE makes one)")
	}
	return "", usageError("which node is this machine? add --node %s, or set RAFTMQ_NODE", strings.Join(nodes, "|"))
}

// header is what a process prints about where it stands.
func header(what, value string) string { return fmt.Sprintf("  %-12s %s\n", what, value) }
