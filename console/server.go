package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Bounds on what a peer can make the admin port hold.
const (
	connectionsMax  = 256
	headerBytesMax  = 16 << 10
	bodyBytesMax    = 64 << 10
	readTimeout     = 10 * time.Second
	writeTimeout    = 90 * time.Second // longer than a profile of 60 s
	changeTimeout   = 30 * time.Minute // adding a member lasts until it has caught up
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 2 * time.Second
)

// Server is the HTTP admin port: /healthz, /readyz, /startupz, /metrics and the JSON API under /v1 that the commands use.
type Server struct {
	opts    Options
	pid     int
	started time.Time
	handler http.Handler
}

// New returns a Server. It starts nothing.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	s := &Server{opts: o, pid: os.Getpid(), started: time.Now()}
	s.handler = s.routes()
	return s
}

// Handler is the HTTP handler, for tests.
func (s *Server) Handler() http.Handler { return s.handler }

// Run serves until ctx ends, then waits up to 2 s for open requests. It owns Options.Listener.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		ErrorLog:          s.opts.Logger.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(limitConnections(s.opts.Listener, connectionsMax)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if server.Shutdown(drain) != nil {
		server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /startupz", s.startupz)
	if s.opts.Gatherer != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(s.opts.Gatherer, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: readTimeout}))
	}
	mux.HandleFunc("GET /v1/cluster", s.getProcess)
	mux.HandleFunc("GET /v1/groups/{group}/raft", s.getRaft)
	mux.HandleFunc("GET /v1/groups/{group}/topics", s.getTopics)
	mux.HandleFunc("POST /v1/groups/{group}/raft/transfer", s.change(s.transfer))
	mux.HandleFunc("POST /v1/groups/{group}/raft/boundary", s.change(s.boundary))
	mux.HandleFunc("POST /v1/groups/{group}/members", s.change(s.addMember))
	mux.HandleFunc("DELETE /v1/groups/{group}/members/{member}", s.change(s.removeMember))
	mux.HandleFunc("POST /v1/groups/{group}/members/{member}/demote", s.change(s.demoteMember))
	if s.opts.Pprof && s.onLoopback() {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return http.MaxBytesHandler(mux, bodyBytesMax)
}

func (s *Server) onLoopback() bool {
	return s.opts.Listener != nil && isLoopback(s.opts.Listener.Addr().String())
}
