package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/config"
)

const (
	devDirDefault  = "./raftmq-dev"
	devStateFile   = "dev.json"
	devClusterFile = "cluster.hcl"
	devSecretFile  = "raft.secret"
	devNamesrv     = "namesrv" // the id of the NameServer process beside the nodes
)

func newDev(env Environment) *cobra.Command {
	return group("dev", "Run a whole cluster of real processes on this machine", `  raftmq dev up
  raftmq dev kill leader
  raftmq dev status
  raftmq dev down --wipe`,
		newDevUp(env), newDevStatus(env), newDevKill(env), newDevCrash(env), newDevStart(env), newDevDown(env))
}

// dev is a cluster on this machine: its directory holds the cluster file, one directory of data for each node, log/ and run/.
type dev struct {
	env    Environment
	dir    string // absolute
	file   string // cluster file, absolute
	config *config.Config
	devState
}

// devState is what dev.json remembers between commands.
type devState struct {
	File      string `json:"config"`    // cluster file; absolute, or relative to the directory
	Supervise bool   `json:"supervise"` // brokers run under a supervisor
}

// openDev loads the cluster that dev up made in dir. It wraps os.ErrNotExist if there is none.
func openDev(dir string) (*dev, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	d := &dev{dir: abs}
	b, err := os.ReadFile(d.path(devStateFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no dev cluster in %s; raftmq dev up makes one (%w)", abs, os.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &d.devState); err != nil {
		return nil, fmt.Errorf("%s: %w", d.path(devStateFile), err)
	}
	if d.file = d.File; !filepath.IsAbs(d.file) {
		d.file = d.path(d.file)
	}
	return d, d.load()
}

// load reads the cluster file. The data is in the dev directory, wherever the file would have it.
func (d *dev) load() error {
	c, err := config.Load(config.Source{File: d.file, Flags: map[string]config.Flag{"data_dir": {Name: "--dir", Value: d.dir}}})
	if err != nil {
		return err
	}
	d.config = &c.Config
	return nil
}

func (d *dev) save() error {
	b, err := json.MarshalIndent(d.devState, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(d.path(devStateFile), append(b, '\n'), 0o644)
}

func (d *dev) path(parts ...string) string {
	return filepath.Join(append([]string{d.dir}, parts...)...)
}

// namesrv is the address of the NameServer of the cluster, for clients.
func (d *dev) namesrv() string { return d.config.Namesrv.Addrs[0] }

// ids are the ids of all processes: the NameServer, then the nodes.
func (d *dev) ids() []string { return append([]string{devNamesrv}, d.config.Nodes()...) }

// known checks an id that a user gave.
func (d *dev) known(id string) error {
	if !slices.Contains(d.ids(), id) {
		return usageError("no node %q; there are: %v", id, d.ids())
	}
	return nil
}

// devFlags are the flags of every dev command.
type devFlags struct {
	env Environment
	dir string
}

func (f *devFlags) add(cmd *cobra.Command, env Environment) {
	f.env = env
	cmd.Flags().StringVar(&f.dir, "dir", devDirDefault, "`DIRECTORY` of the cluster")
	cmd.MarkFlagDirname("dir")
}

func (f *devFlags) open() (*dev, error) {
	d, err := openDev(f.dir)
	if err != nil {
		return nil, err
	}
	d.env = f.env
	return d, nil
}
