package remoting

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// Handler serves requests. Serve must not block: it replies at once or keeps the Request and replies later from
// any goroutine. A panic in Serve becomes a reply with code 1.
type Handler interface{ Serve(r *Request) }

// HandlerFunc is a function as a Handler.
type HandlerFunc func(r *Request)

func (f HandlerFunc) Serve(r *Request) { f(r) }

// Request is a command that a peer sent on Conn and that wants one reply. It is the handler's to keep, or to give back with Recycle. Its strings share
// one copy of the header, so a name that outlives the request should be cloned; its body is a buffer of its own.
// Every request, one-way ones too, must end with Reply or Discard: until then it counts against the limits.
type Request struct {
	Command
	Conn     *Conn
	Received time.Time

	answered atomic.Bool
	size     int64
	room     [16]protocol.Field
	body     []byte // where a body is copied to, kept for the next request
}

// bodyKept is the largest buffer that goes back to the pool with its request.
const bodyKept = 64 << 10

// newRequest returns a request without content, perhaps a recycled one.
func (o *shared) newRequest() *Request {
	r, _ := o.requests.Get().(*Request)
	if r == nil {
		r = &Request{}
	}
	r.Ext = r.room[:0]
	return r
}

// Recycle gives an answered request back: the request and its body, but not its strings, may become those of another one at once. Only a
// handler that knows that nobody else holds them may call it, once; most leave it to the garbage collector.
func (r *Request) Recycle() {
	pool := r.Conn.o.requests
	if cap(r.body) > bodyKept {
		r.body = nil
	}
	r.Command, r.Conn, r.size = Command{}, nil, 0
	clear(r.room[:])
	r.answered.Store(false)
	pool.Put(r)
}

// Reply sends the response once; later calls do nothing. It fills Opaque, Flag, Serialize, Language and Version,
// drops the response of a one-way request, and never blocks: the connection's writer sends it, and a connection
// whose reply queue is full is closed. A response that cannot be encoded or is larger than a frame may be becomes one
// with code 1. resp may be reused by the caller when Reply returns, and is not changed; resp.Body may not be reused,
// it is referenced until written.
func (r *Request) Reply(resp *Command) {
	if !r.answered.CompareAndSwap(false, true) {
		return
	}
	if !r.IsOneway() {
		r.Conn.respond(r, *resp)
	}
	r.Conn.release(r.size)
}

// ReplyCode is Reply with a code and a remark.
func (r *Request) ReplyCode(code int32, remark string) {
	r.Reply(&Command{Code: code, Remark: remark})
}

// Discard ends the request without a reply, where RocketMQ sends none. The peer runs into its timeout.
func (r *Request) Discard() {
	if r.answered.CompareAndSwap(false, true) {
		r.Conn.release(r.size)
	}
}

// Answered reports whether Reply or Discard was called.
func (r *Request) Answered() bool { return r.answered.Load() }

// respond fills in what a response takes from its request and queues it. Language is always JAVA, as RocketMQ answers:
// a 3.x Java client fails on the name of a language that it does not know.
func (c *Conn) respond(r *Request, resp Command) {
	resp.Opaque, resp.Flag, resp.Serialize = r.Opaque, FlagResponse, r.Serialize
	resp.Language, resp.Version = protocol.Java, c.o.version
	if err := c.send(&resp, nil); errors.Is(err, ErrUnencodable) || errors.Is(err, ErrFrameSize) {
		resp = Command{Code: 1, Remark: "response cannot be sent: " + err.Error(), Opaque: r.Opaque, Flag: FlagResponse,
			Serialize: r.Serialize, Version: c.o.version}
		c.send(&resp, nil)
	}
}

// serve runs the handler; its panic answers the request.
func (c *Conn) serve(r *Request) {
	defer func() {
		if p := recover(); p != nil {
			c.o.stats.Panics.Add(1)
			c.o.log.error("panic in a handler", "code", r.Code, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			r.ReplyCode(1, "internal error, see the broker's log")
		}
	}()
	c.o.handler.Serve(r)
}

// notSupported answers every request with code 3: what a Client without Handler does.
func notSupported(r *Request) {
	r.ReplyCode(protocol.RequestCodeNotSupported, protocol.RemarkNotSupported(r.Code))
}
