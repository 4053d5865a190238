package remoting

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// SerializeType is the top byte of the second word of a frame.
type SerializeType uint8

const (
	JSON     SerializeType = 0
	RocketMQ SerializeType = 1
)

// Flag bits of a command.
const (
	FlagResponse int32 = 1 << 0
	FlagOneway   int32 = 1 << 1
)

// Command is one decoded frame. Code is 32 bits although the binary header stores 16.
type Command struct {
	Code      int32
	Language  protocol.Language
	Version   int32
	Opaque    int32
	Flag      int32
	Remark    string
	Ext       protocol.Fields
	Body      []byte
	Serialize SerializeType
}

func (c *Command) IsResponse() bool { return c.Flag&FlagResponse != 0 }
func (c *Command) IsOneway() bool   { return c.Flag&FlagOneway != 0 }

// Handler serves requests. Serve must not block: it replies at once or keeps the Request and replies later from
// any goroutine. A panic in Serve becomes a reply with code 1.
type Handler interface{ Serve(r *Request) }

// HandlerFunc is a function as a Handler.
type HandlerFunc func(r *Request)

func (f HandlerFunc) Serve(r *Request) { f(r) }

// Request is a command that a peer sent on Conn and that wants one reply.
type Request struct {
	Command
	Conn     *Conn
	Received time.Time
}

// Reply sends the response once; later calls do nothing. It fills Opaque, Flag, Serialize, Language and Version,
// drops the response of a one-way request, and never blocks: the connection's writer sends it, and a connection
// whose reply queue is full is closed. resp may be reused by the caller when Reply returns; resp.Body may not,
// it is referenced until written.
func (r *Request) Reply(resp *Command) { panic("contract") }

// ReplyCode is Reply with a code and a remark.
func (r *Request) ReplyCode(code int32, remark string) { panic("contract") }

// Conn is one connection, on the server or the client side. Both sides may send requests.
type Conn struct{}

// ID is unique within the process.
func (c *Conn) ID() uint64 { panic("contract") }

// RemoteAddr is the peer's address as seen on the socket; zero if the connection is not TCP.
func (c *Conn) RemoteAddr() netip.AddrPort { panic("contract") }

// LocalAddr is our side's address; zero if the connection is not TCP.
func (c *Conn) LocalAddr() netip.AddrPort { panic("contract") }

// Invoke sends a request to the peer and waits for its response or the end of ctx.
func (c *Conn) Invoke(ctx context.Context, req *Command) (*Command, error) { panic("contract") }

// Go sends a request and calls done once: with the response, or with an error after timeout or when the connection
// closes. done runs on the connection's reader or a timer and must not block.
func (c *Conn) Go(req *Command, timeout time.Duration, done func(*Command, error)) { panic("contract") }

// Oneway sends a request that wants no response. It returns when the request is queued.
func (c *Conn) Oneway(req *Command) error { panic("contract") }

// Close closes the connection; pending calls end with ErrConnClosed. Idempotent.
func (c *Conn) Close() error { panic("contract") }

// Value and SetValue hold one value for the owner of the connection (the broker keeps the forwarded peer's name).
func (c *Conn) Value() any     { panic("contract") }
func (c *Conn) SetValue(v any) { panic("contract") }

var (
	// ErrConnClosed: the connection closed before the response came. The request may have been executed.
	ErrConnClosed = errors.New("connection closed")
	// ErrNotSent: the request certainly did not reach the peer (dial failed, or nothing was written).
	ErrNotSent = errors.New("request not sent")
	// ErrTimeout: no response in time. The request may have been executed.
	ErrTimeout = errors.New("no response in time")
)

// Limits bound what one peer can make us hold. Zero fields take the defaults in brackets.
type Limits struct {
	FrameBytes   int           // largest frame [16 MiB]
	HeaderBytes  int           // largest header [64 KiB]
	Connections  int           // accepted connections [10,000]
	InFlight     int           // unanswered requests per connection, then reading stops [4,096]
	InFlightSize int64         // bytes of unanswered requests over all connections, then reading stops [256 MiB]
	ReplyQueue   int64         // bytes of queued replies per connection, then it is closed [64 MiB]
	FrameTimeout time.Duration // for a complete frame once its first byte came [10 s]
	IdleTimeout  time.Duration // without any traffic [120 s]
}

// ServerOptions configure a Server.
type ServerOptions struct {
	Handler Handler
	Limits  Limits
	Logger  hclog.Logger
	// OnClose is called once for each connection after it closed.
	OnClose func(c *Conn)
	// Version is announced in every response (remoting.md 2.7). Default protocol.Version.
	Version int32
}

// Server accepts connections on any number of listeners and hands requests to its Handler.
type Server struct{}

func NewServer(o ServerOptions) *Server { panic("contract") }

// Serve accepts connections until ctx ends or the listener fails; it returns after all its connections closed.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error { panic("contract") }

// ServeConn serves one ready connection (a forwarding stream) until it closes.
func (s *Server) ServeConn(ctx context.Context, c net.Conn) error { panic("contract") }

// Drain closes the listeners and waits until no request is unanswered or ctx ends; then connections are closed.
func (s *Server) Drain(ctx context.Context) { panic("contract") }

// ClientOptions configure a Client.
type ClientOptions struct {
	// Dial opens a connection. Default TCP with a 3 s timeout.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Handler serves requests that servers send us; nil answers code 3.
	Handler  Handler
	Limits   Limits
	Language protocol.Language
	Version  int32
	Logger   hclog.Logger
}

// Client keeps one multiplexed connection to each address, opened at first use and again after it failed.
type Client struct{}

func NewClient(o ClientOptions) *Client { panic("contract") }

// Invoke sends req to addr ("host:port") and waits. An error wraps ErrNotSent if and only if the request certainly
// did not reach the server.
func (c *Client) Invoke(ctx context.Context, addr string, req *Command) (*Command, error) {
	panic("contract")
}

// Go is the asynchronous Invoke; see Conn.Go.
func (c *Client) Go(addr string, req *Command, timeout time.Duration, done func(*Command, error)) {
	panic("contract")
}

// Oneway sends req without waiting for a response.
func (c *Client) Oneway(ctx context.Context, addr string, req *Command) error { panic("contract") }

// CloseAddr closes the connection to addr, if any.
func (c *Client) CloseAddr(addr string) { panic("contract") }

// Close closes all connections.
func (c *Client) Close() error { panic("contract") }

// NewConn runs the protocol over a ready net.Conn (a forwarding stream) as its client side.
func NewConn(nc net.Conn, o ClientOptions) *Conn { panic("contract") }
