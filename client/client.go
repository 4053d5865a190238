package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Options configure a Client. Zero fields take the defaults in brackets.
type Options struct {
	NameServers []string // "host:port" each; one that does not answer is followed by the next
	// Dial opens connections to NameServers and brokers [TCP within 3 s].
	Dial      func(ctx context.Context, addr string) (net.Conn, error)
	RoutePoll time.Duration // age at which a route is asked for again [30 s]
	Timeout   time.Duration // of one request whose context has no nearer deadline [3 s]
	ClientID  string        // names this client in groups [random]
	Limits    remoting.Limits
	Language  protocol.Language // [Go]
	Version   int32             // [protocol.Version]
	Logger    hclog.Logger      // [none]
}

// EnsureDefaults fills zero fields.
func (o *Options) EnsureDefaults() {
	setDefault(&o.RoutePoll, 30*time.Second)
	setDefault(&o.Timeout, 3*time.Second)
	setDefault(&o.Language, protocol.Go)
	setDefault(&o.Version, protocol.Version)
	if o.ClientID == "" {
		var id [8]byte
		rand.Read(id[:])
		o.ClientID = "raftmq@" + hex.EncodeToString(id[:])
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Client is the shared part of producers, consumers and tools: connections and routes. It starts no goroutine of its own.
// All methods may be called from any goroutine.
type Client struct {
	opts     Options
	logger   hclog.Logger
	remoting *remoting.Client
	ids      message.UniqueIDs
	routes   routeCache

	mu struct {
		sync.Mutex
		nameServer int               // index of the one that answered last
		consumers  map[string]func() // group → rebalance at once
		closed     bool
	}
}

// New validates o. It opens no connection.
func New(o Options) (*Client, error) {
	o.EnsureDefaults()
	for _, addr := range o.NameServers {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return nil, fmt.Errorf("NameServers: %w", err)
		}
	}
	c := &Client{opts: o, logger: o.Logger.Named("client")}
	c.routes.entries = map[string]*routeEntry{}
	c.mu.consumers = map[string]func(){}
	c.remoting = remoting.NewClient(remoting.ClientOptions{
		Dial: o.Dial, Handler: remoting.HandlerFunc(c.serve), Limits: o.Limits,
		Language: o.Language, Version: o.Version, Logger: c.logger,
	})
	return c, nil
}

// Close closes all connections; requests under way end with an error. Consumers' Run must have returned.
func (c *Client) Close() error {
	c.mu.Lock()
	c.mu.closed = true
	c.mu.Unlock()
	return c.remoting.Close()
}

// ID is the client id that brokers list.
func (c *Client) ID() string { return c.opts.ClientID }

// Invoke sends a request to addr and waits for the answer, at most Options.Timeout if ctx has no nearer deadline. header may be
// nil. An answer with a code other than success or one of ok is a *ResponseError. See OutcomeOf for what an error means.
func (c *Client) Invoke(ctx context.Context, addr string, code int32, header protocol.Header, body []byte, ok ...int32) (*remoting.Command, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	resp, err := c.remoting.Invoke(ctx, addr, command(code, header, body))
	if err != nil {
		return nil, fmt.Errorf("code %d to %s: %w", code, addr, err)
	}
	return resp, answer(addr, resp, ok...)
}

// Oneway sends a request that is not answered.
func (c *Client) Oneway(ctx context.Context, addr string, code int32, header protocol.Header, body []byte) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	if err := c.remoting.Oneway(ctx, addr, command(code, header, body)); err != nil {
		return fmt.Errorf("code %d to %s: %w", code, addr, err)
	}
	return nil
}

// InvokeNameServer is Invoke at the NameServer that answered last, then at each next one until one answers at all. An answer with
// an error code is an answer.
func (c *Client) InvokeNameServer(ctx context.Context, code int32, header protocol.Header, body []byte, ok ...int32) (*remoting.Command, error) {
	first, servers := c.currentNameServer(), c.opts.NameServers
	var failures []error
	for i := range servers {
		at := (first + i) % len(servers)
		resp, err := c.Invoke(ctx, servers[at], code, header, body, ok...)
		var refused *ResponseError
		if err == nil || errors.As(err, &refused) {
			c.setNameServer(at)
			return resp, err
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrNoNameServer, errors.Join(failures...))
}

func (c *Client) currentNameServer() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.nameServer
}

func (c *Client) setNameServer(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.nameServer = i
}

func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= c.opts.Timeout {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.opts.Timeout)
}

func command(code int32, header protocol.Header, body []byte) *remoting.Command {
	cmd := &remoting.Command{Code: code, Body: body}
	if header != nil {
		cmd.Ext = header.AppendFields(nil)
	}
	return cmd
}

// answer turns a refusal into an error.
func answer(addr string, resp *remoting.Command, ok ...int32) error {
	if resp.Code == protocol.Success || slices.Contains(ok, resp.Code) {
		return nil
	}
	return &ResponseError{Code: resp.Code, Remark: resp.Remark, Addr: addr}
}

// serve answers requests that brokers send us. Code 40 makes a group's consumer rebalance at once.
func (c *Client) serve(r *remoting.Request) {
	if r.Code != protocol.CodeNotifyConsumerIDsChanged {
		r.ReplyCode(protocol.RequestCodeNotSupported, fmt.Sprintf(" request type %d not supported", r.Code))
		return
	}
	group, _ := r.Ext.Get("consumerGroup")
	c.mu.Lock()
	rebalance := c.mu.consumers[group]
	c.mu.Unlock()
	if rebalance != nil {
		rebalance()
	}
	r.ReplyCode(protocol.Success, "")
}
