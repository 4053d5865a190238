package cli

import (
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/config"
	"github.com/raftmq/raftmq/console"
	"github.com/raftmq/raftmq/namesrv"
)

type namesrvCommand struct {
	settings settings
	pidFile  string
}

func newNamesrv(env Environment) *cobra.Command {
	o := &namesrvCommand{settings: settings{env: env}}
	cmd := &cobra.Command{
		Use:   "namesrv",
		Short: "Run a NameServer",
		Long:  "Run a NameServer. It keeps what brokers tell it in memory; any number of them run beside each other and never talk to each other.",
		Example: `  raftmq namesrv -c cluster.hcl
  raftmq namesrv --listen :9876`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.settings.addFile(cmd)
	o.settings.add(cmd, "namesrv.listen", "listen", "", "`ADDRESS` to listen on, e.g. :9876")
	o.settings.add(cmd, "namesrv.admin_listen", "admin", "", "`ADDRESS` of an admin port")
	o.settings.add(cmd, "log.level", "log-level", "", "`LEVEL` of the log")
	cmd.Flags().StringVar(&o.pidFile, "pid-file", "", "`FILE` for the pid of the serving process")
	return cmd
}

func (o *namesrvCommand) run(cmd *cobra.Command) error {
	c, err := o.settings.load(cmd, nil)
	if err != nil {
		return err
	}
	p, err := newProcess(o.settings.env, c)
	if err != nil {
		return err
	}
	ln, err := p.ports.listen("namesrv", c.Namesrv.Listen)
	if err != nil {
		return err
	}
	services, err := p.nameServer(ln)
	if err != nil {
		return err
	}
	if c.Namesrv.AdminListen != "" {
		admin, err := p.ports.listen("admin", c.Namesrv.AdminListen)
		if err != nil {
			return err
		}
		services = append(services, p.console(console.Options{Listener: admin, NameServer: ln.Addr().String()}))
	}
	services = append(services, p.reload(func() (*config.Loaded, error) { return o.settings.load(cmd, nil) }, nil))
	if err := writePID(o.pidFile); err != nil {
		return err
	}
	ctx, cancel := withSignals(cmd.Context())
	defer cancel()
	p.notifier.ready()
	defer p.notifier.stopping()
	return runAll(ctx, p.logger, services...)
}

// nameServer makes the service of a NameServer on ln.
func (p *process) nameServer(ln net.Listener) ([]service, error) {
	o, err := namesrvOptions(&p.config.Config, ln, p.logger)
	if err != nil {
		return nil, err
	}
	o.Metrics = prometheus.Registerer(p.metrics)
	s, err := namesrv.New(o)
	if err != nil {
		return nil, err
	}
	return []service{{"namesrv", s.Run}}, nil
}
