package broker

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// forwardDialMax bounds the opening of a stream.
const forwardDialMax = 500 * time.Millisecond

// streamOpener is what forwarding needs of a raftlog.Node.
type streamOpener func(ctx context.Context, to raftlog.ServerID) (net.Conn, error)

// forwarder sends requests to the leader over one authenticated stream of the Raft listener, multiplexed, and relays the answers (design
// D21). A request goes out at most once: when a frame may have been written and no answer came, the outcome is unknown.
type forwarder struct {
	open   streamOpener
	gate   *gate
	roles  *roles
	logger hclog.Logger
	keep   time.Duration // how long a stream to a former leader stays for answers under way

	mu      sync.Mutex
	streams map[raftlog.ServerID]*remoting.Conn
	waiting map[raftlog.ServerID][]*request // for a stream that is being opened
	wake    chan struct{}
}

func newForwarder(open streamOpener, g *gate, roles *roles, keep time.Duration, logger hclog.Logger) *forwarder {
	return &forwarder{open: open, gate: g, roles: roles, keep: keep, logger: logger,
		streams: map[raftlog.ServerID]*remoting.Conn{}, waiting: map[raftlog.ServerID][]*request{}, wake: make(chan struct{}, 1)}
}

// forward hands r to the leader, at once or when the stream is open.
func (f *forwarder) forward(r *request, leader raftlog.ServerID) {
	f.mu.Lock()
	stream := f.streams[leader]
	if stream == nil {
		f.waiting[leader] = append(f.waiting[leader], r)
	}
	f.mu.Unlock()
	if stream != nil {
		f.send(stream, leader, r)
		return
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run opens streams until ctx ends; then it closes them and answers what waits.
func (f *forwarder) run(ctx context.Context) {
	sweep := time.NewTicker(f.keep)
	defer sweep.Stop()
	stale := map[raftlog.ServerID]bool{}
	for {
		select {
		case <-ctx.Done():
			f.closeAll()
			return
		case <-sweep.C:
			f.sweep(stale)
		case <-f.wake:
			for id := range f.wanted() {
				f.connect(ctx, id)
			}
		}
	}
}

func (f *forwarder) wanted() map[raftlog.ServerID]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	ids := map[raftlog.ServerID]bool{}
	for id := range f.waiting {
		ids[id] = true
	}
	return ids
}

// connect opens the stream to id and sends what waits for it; what cannot be sent goes back to the gate.
func (f *forwarder) connect(ctx context.Context, id raftlog.ServerID) {
	dial, cancel := context.WithTimeout(ctx, forwardDialMax)
	defer cancel()
	nc, err := f.open(dial, id)
	var stream *remoting.Conn
	if err == nil {
		stream = remoting.NewConn(nc, remoting.ClientOptions{Language: protocol.Go, Version: protocol.Version, Logger: f.logger})
	} else {
		f.logger.Debug("stream to leader not opened", "leader", id, "error", err)
	}
	f.mu.Lock()
	waiting := f.waiting[id]
	delete(f.waiting, id)
	if stream != nil {
		f.streams[id] = stream
	}
	f.mu.Unlock()
	for _, r := range waiting {
		if stream == nil {
			f.gate.park(r, errNoLeader)
		} else {
			f.send(stream, id, r)
		}
	}
}

func (f *forwarder) send(stream *remoting.Conn, id raftlog.ServerID, r *request) {
	left := time.Until(r.deadline)
	if left <= 0 {
		r.fail(errNoLeader)
		return
	}
	req := &remoting.Command{
		Code: r.Code, Language: r.Language, Version: r.Version, Flag: r.Flag & remoting.FlagOneway,
		Ext: withClient(r.Ext, r.client), Body: r.Body, Serialize: remoting.RocketMQ,
	}
	if r.IsOneway() {
		if err := stream.Oneway(req); err != nil {
			f.drop(id, stream)
		}
		r.Discard()
		return
	}
	stream.Go(req, left, func(resp *remoting.Command, err error) { f.relay(stream, id, r, resp, err) })
}

// commits sends offset commits to the leader, one way, if a stream to it is open.
func (f *forwarder) commits(commits []state.OffsetCommit, leader raftlog.ServerID) {
	f.mu.Lock()
	stream := f.streams[leader]
	f.mu.Unlock()
	if stream == nil {
		return
	}
	for _, c := range commits {
		header := protocol.UpdateConsumerOffsetHeader{ConsumerGroup: c.Group, Topic: c.Topic, QueueID: c.Queue, CommitOffset: int64(c.Offset)}
		req := &remoting.Command{
			Code: protocol.CodeUpdateConsumerOffset, Language: protocol.Go, Version: protocol.Version, Flag: remoting.FlagOneway,
			Ext: header.AppendFields(nil), Serialize: remoting.RocketMQ,
		}
		if stream.Oneway(req) != nil {
			return
		}
	}
}

// relay hands the leader's answer to the client.
func (f *forwarder) relay(stream *remoting.Conn, id raftlog.ServerID, r *request, resp *remoting.Command, err error) {
	switch {
	case err == nil:
		if _, notHere := resp.Ext.Get(notHereKey); notHere {
			f.gate.park(r, errNoLeader)
			return
		}
		answer := &remoting.Command{Code: resp.Code, Remark: resp.Remark, Ext: resp.Ext, Body: resp.Body}
		if resp.Code != protocol.Success {
			r.refuse(answer)
			return
		}
		r.Reply(answer)
	case errors.Is(err, remoting.ErrNotSent):
		f.drop(id, stream)
		f.gate.park(r, errNoLeader)
	default:
		if !errors.Is(err, remoting.ErrTimeout) {
			f.drop(id, stream)
		}
		r.fail(refuse(errOutcomeUnknown, "forwarded to the leader, which did not answer: %v", err))
	}
}

// drop forgets a stream that failed.
func (f *forwarder) drop(id raftlog.ServerID, stream *remoting.Conn) {
	f.mu.Lock()
	if f.streams[id] == stream {
		delete(f.streams, id)
	}
	f.mu.Unlock()
	_ = stream.Close() // it failed already
}

// sweep closes the streams that were to a former leader at the sweep before, too; stale holds those.
func (f *forwarder) sweep(stale map[raftlog.ServerID]bool) {
	leader := f.roles.load().leader
	f.mu.Lock()
	var old []*remoting.Conn
	for id, stream := range f.streams {
		switch {
		case id == leader:
			delete(stale, id)
		case stale[id]:
			delete(stale, id)
			delete(f.streams, id)
			old = append(old, stream)
		default:
			stale[id] = true
		}
	}
	f.mu.Unlock()
	for _, stream := range old {
		_ = stream.Close()
	}
}

func (f *forwarder) closeAll() {
	f.mu.Lock()
	streams, waiting := f.streams, f.waiting
	f.streams, f.waiting = map[raftlog.ServerID]*remoting.Conn{}, map[raftlog.ServerID][]*request{}
	f.mu.Unlock()
	for _, stream := range streams {
		_ = stream.Close()
	}
	for _, rs := range waiting {
		for _, r := range rs {
			r.fail(errStopping)
		}
	}
}

// withClient returns ext with the client's address for the leader. ext itself is left as it is: the request may go elsewhere yet.
func withClient(ext protocol.Fields, client netip.AddrPort) protocol.Fields {
	marked := make(protocol.Fields, 0, len(ext)+1)
	for _, f := range ext {
		if f.Key != forwardedKey {
			marked = append(marked, f)
		}
	}
	text := ""
	if client.IsValid() {
		text = client.String()
	}
	return append(marked, protocol.Field{Key: forwardedKey, Value: text})
}

// takeClient removes the mark of a forwarded request and returns the client's address.
func takeClient(r *remoting.Request) netip.AddrPort {
	for i, f := range r.Ext {
		if f.Key == forwardedKey {
			r.Ext = append(r.Ext[:i], r.Ext[i+1:]...)
			addr, err := netip.ParseAddrPort(f.Value)
			if err != nil {
				return netip.AddrPort{}
			}
			return addr
		}
	}
	return netip.AddrPort{}
}
