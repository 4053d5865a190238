package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/raftmq/raftmq/config"
)

// process is what the parts of one serving process share.
type process struct {
	config   *config.Loaded
	logger   hclog.Logger
	metrics  *prometheus.Registry
	ports    *listeners
	notifier notifier
}

// newProcess makes the logger and the registry, bounds memory by the cgroup and logs the effective configuration once.
func newProcess(env Environment, c *config.Loaded) (*process, error) {
	ports, err := inheritedListeners(env.Environ)
	if err != nil {
		return nil, err
	}
	p := &process{
		config:   c,
		logger:   newLogger(c.Log, env.Stderr),
		metrics:  prometheus.NewRegistry(),
		ports:    ports,
		notifier: notifier(envValue(env.Environ, "NOTIFY_SOCKET")),
	}
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	limitMemory(env.Environ, p.logger)
	p.logger.Info("effective configuration, as far as it is not default", "version", Version(), "config", string(config.Write(c.Config, config.Writing{Format: "yaml", OnlyChanged: true})))
	return p, nil
}

func newLogger(c config.Log, out io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: "raftmq", Level: hclog.LevelFromString(c.Level), JSONFormat: c.JSON, Output: out})
}

// writePID writes the pid of this process in one step, so that a reader sees a whole number.
func writePID(file string) error {
	if file == "" {
		return nil
	}
	temporary := file + ".new"
	if err := os.WriteFile(temporary, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	return os.Rename(temporary, filepath.Clean(file))
}
