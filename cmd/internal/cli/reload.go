package cli

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/config"
)

// reloader reads the configuration again on SIGHUP. The log level and what apply takes over take effect at once; of everything else that has
// changed it says that a restart is needed, and of a file with problems what they are, and nothing changes.
type reloader struct {
	started config.Config // what the process was started with
	last    config.Config // what was read last
	load    func() (*config.Loaded, error)
	// apply takes over what may change while the process runs besides the log level; nil if there is nothing.
	apply  func(*config.Loaded) error
	logger hclog.Logger
}

// reload is the service of a process that was configured by load.
func (p *process) reload(load func() (*config.Loaded, error), apply func(*config.Loaded) error) service {
	return service{"reload", (&reloader{started: p.config.Config, last: p.config.Config, load: load, apply: apply, logger: p.logger}).run}
}

// reloadable are the settings that brokers take over while they run (broker.Broker.Reload), as they end.
var reloadable = []string{
	"admin.allow", "group.auto_create", "read.from_followers", "read.hot_window", "limits.message_size", "store.retention", "store.delete_at",
	"store.retention_size", "store.disk_free_min",
}

// takenOver reports whether a changed key needs no restart.
func (r *reloader) takenOver(key string) bool {
	if key == "log.level" {
		return true
	}
	return r.apply != nil && slices.ContainsFunc(reloadable, func(end string) bool { return key == end || strings.HasSuffix(key, "."+end) })
}

func (r *reloader) run(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			r.reload()
		}
	}
}

func (r *reloader) reload() {
	next, err := r.load()
	if err != nil {
		r.logger.Error("configuration not reloaded, the old one stays", "error", err)
		return
	}
	if r.apply != nil {
		if err := r.apply(next); err != nil {
			r.logger.Error("configuration not reloaded, the old one stays", "error", err)
			return
		}
	}
	changed := config.Diff(r.last, next.Config)
	if slices.Contains(changed, "log.level") {
		r.logger.SetLevel(hclog.LevelFromString(next.Log.Level))
	}
	restart := slices.DeleteFunc(config.Diff(r.started, next.Config), r.takenOver)
	r.logger.Info("configuration reloaded", "changed", strings.Join(changed, " "), "needRestart", strings.Join(restart, " "))
	r.last = next.Config
}

// reload hands new settings to the members that run.
func (m *members) reload(c *config.Loaded) error {
	for i, b := range m.all {
		for _, g := range c.Groups(m.node) {
			if g.Name != m.groups[i].Name {
				continue
			}
			o, err := brokerOptions(&c.Config, g, m.node)
			if err != nil {
				return err
			}
			if err := b.Reload(o); err != nil {
				return err
			}
		}
	}
	return nil
}
