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

// reloader reads the configuration again on SIGHUP. The log level takes effect at once; of everything else that has changed it says that
// a restart is needed, and of a file with problems what they are, and nothing changes.
type reloader struct {
	current *config.Loaded
	load    func() (*config.Loaded, error)
	logger  hclog.Logger
}

// reload is the service of a process that was configured by load.
func (p *process) reload(load func() (*config.Loaded, error)) service {
	return service{"reload", (&reloader{current: p.config, load: load, logger: p.logger}).run}
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
	changed := config.Diff(r.current.Config, next.Config)
	if slices.Contains(changed, "log.level") {
		r.logger.SetLevel(hclog.LevelFromString(next.Log.Level))
	}
	restart := slices.DeleteFunc(slices.Clone(changed), func(key string) bool { return key == "log.level" })
	r.logger.Info("configuration reloaded", "changed", strings.Join(changed, " "), "needRestart", strings.Join(restart, " "))
	r.current.Log.Level = next.Log.Level // the rest is still what runs
}
