package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/config"
)

func newConfig(env Environment) *cobra.Command {
	return group("config", "Make, check and show cluster files", `  raftmq config init cluster.hcl --hosts 10.0.0.10,10.0.0.11,10.0.0.12
  raftmq config validate cluster.hcl
  raftmq config show cluster.hcl --node n0`,
		newConfigInit(), newConfigValidate(), newConfigShow(env))
}

type configInitCommand struct {
	hosts  []string
	name   string
	format string
	full   bool
}

func newConfigInit() *cobra.Command {
	o := &configInitCommand{}
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented cluster file with a fresh Raft secret",
		Long: `Write the file of a cluster of one broker group with a node on each host. With FILE, which must not exist, the secret goes into raft.secret
beside it; copy both to every machine. Without FILE everything is printed, the secret in it.`,
		Example: `  raftmq config init cluster.hcl --hosts 10.0.0.10,10.0.0.11,10.0.0.12
  raftmq config init cluster.yaml --full`,
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return o.printTo(cmd)
			}
			return o.writeTo(cmd, args[0])
		},
	}
	cmd.Flags().StringSliceVar(&o.hosts, "hosts", []string{"10.0.0.10", "10.0.0.11", "10.0.0.12"}, "`HOSTS`, one for each node")
	cmd.Flags().StringVar(&o.name, "name", "RaftNode00", "`NAME` of the broker group")
	cmd.Flags().StringVar(&o.format, "format", "hcl", "`FORMAT` when it is printed: hcl or yaml")
	cmd.Flags().BoolVar(&o.full, "full", false, "write every key with its default")
	return cmd
}

// cluster is a configuration with one node on each host.
func (o *configInitCommand) cluster() config.Config {
	c := config.Default()
	c.DataDir = "/var/lib/raftmq"
	c.Namesrv.Addrs = nil
	b := config.DefaultBroker()
	b.Name = o.name
	for i, host := range o.hosts {
		c.Namesrv.Addrs = append(c.Namesrv.Addrs, host+":9876")
		b.Peers = append(b.Peers, config.Peer{ID: fmt.Sprintf("n%d", i), Raft: host + ":40911", Client: host + ":10911"})
	}
	c.Brokers = []config.Broker{b}
	return c
}

func (o *configInitCommand) text(c config.Config, format string) []byte {
	head := "# Start on each machine: raftmq namesrv -c FILE, and raftmq broker -c FILE --node n0 (n1, n2, …).\n# See every key with its default: raftmq config show FILE\n\n"
	return append([]byte(head), config.Write(c, config.Writing{Format: format, Docs: true, OnlyChanged: !o.full, Reveal: true})...)
}

func (o *configInitCommand) printTo(cmd *cobra.Command) error {
	if o.format != "hcl" && o.format != "yaml" {
		return usageError("--format %s: write hcl or yaml", o.format)
	}
	c := o.cluster()
	c.Brokers[0].Raft.Secret = config.NewSecret()
	if problems := c.Validate(); len(problems) > 0 {
		return problems
	}
	_, err := cmd.OutOrStdout().Write(o.text(c, o.format))
	return err
}

func (o *configInitCommand) writeTo(cmd *cobra.Command, file string) error {
	format := strings.TrimPrefix(filepath.Ext(file), ".")
	switch format {
	case "yml":
		format = "yaml"
	case "hcl", "yaml":
	default:
		return usageError("%s: a configuration file ends in .hcl, .yaml or .yml", file)
	}
	c := o.cluster()
	c.Brokers[0].Raft.SecretFile = devSecretFile
	if problems := c.Validate(); len(problems) > 0 {
		return problems
	}
	secret := filepath.Join(filepath.Dir(file), devSecretFile)
	if err := createFile(file, o.text(c, format), 0o644); err != nil {
		return err
	}
	switch err := createFile(secret, []byte(config.NewSecret()+"\n"), 0o600); {
	case errors.Is(err, os.ErrExist):
		fmt.Fprintf(cmd.ErrOrStderr(), "%s is there already and is kept\n", secret)
	case err != nil:
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %s and %s\ncopy both to every machine, then: raftmq config validate %s\n", file, secret, file)
	return nil
}

// createFile writes a file that must not exist.
func createFile(name string, text []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists; choose another name or remove it (%w)", name, os.ErrExist)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func newConfigValidate() *cobra.Command {
	return &cobra.Command{
		Use:     "validate FILE...",
		Short:   "Check cluster files and report every problem with its line",
		Example: "  raftmq config validate cluster.hcl",
		Args:    usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var all config.Problems
			for _, file := range args {
				c, err := config.Load(config.Source{File: file})
				var problems config.Problems
				switch {
				case errors.As(err, &problems):
					all = append(all, problems...)
				case err != nil:
					return err
				default:
					fmt.Fprintf(cmd.OutOrStdout(), "%s: ok, broker groups: %d, nodes: %s\n", file, len(c.Brokers), strings.Join(c.Nodes(), " "))
				}
			}
			if len(all) > 0 {
				return all
			}
			return nil
		},
	}
}

func newConfigShow(env Environment) *cobra.Command {
	s := settings{env: env}
	var format string
	cmd := &cobra.Command{
		Use:     "show FILE",
		Short:   "Show the effective configuration with the origin of each value",
		Long:    "Merge the file, the environment (RAFTMQ_*, NAMESRV_ADDR) and flags over the defaults and show the result. Secrets are masked.",
		Example: "  raftmq config show cluster.hcl\n  NAMESRV_ADDR=ns1:9876 raftmq config show cluster.yaml -o yaml",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "hcl" && format != "yaml" {
				return usageError("--output %s: write hcl or yaml", format)
			}
			s.file = args[0]
			c, err := s.load(cmd, nil)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(config.Write(c.Config, config.Writing{Format: format, Origin: c.Origin}))
			return err
		},
	}
	s.add(cmd, "node", "node", "", "`NODE` of the file that this machine is")
	cmd.Flags().StringVarP(&format, "output", "o", "hcl", "`FORMAT`: hcl or yaml")
	return cmd
}
