package raftlog

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"
)

// serve accepts connections until the network is closed.
func (n *network) serve() {
	for {
		conn, err := n.opts.Listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || n.ctx.Err() != nil {
				return
			}
			n.logger.Warn("accept failed", "error", err)
			select {
			case <-time.After(acceptPause):
			case <-n.ctx.Done():
			}
			continue
		}
		leave, ok := n.greetings.enter(conn.RemoteAddr())
		if !ok {
			conn.Close()
			continue
		}
		n.wg.Go(func() { n.welcome(conn, leave) })
	}
}

// welcome does the handshake of an accepted connection and serves it to its end.
func (n *network) welcome(conn net.Conn, greeted func()) {
	l, err := n.greeted(conn)
	greeted()
	if err != nil {
		conn.Close()
		n.logger.Debug("connection refused", "remote", conn.RemoteAddr(), "error", err)
		return
	}
	n.handlers[l.purpose](l)
	l.Close()
	if (l.purpose == purposeHeartbeat || l.purpose == purposeAppend) && n.ctx.Err() == nil {
		n.onBroken(l.from, l.run)
	}
}

func (n *network) greeted(conn net.Conn) (*link, error) {
	conn.SetDeadline(time.Now().Add(handshakeTimeout))
	stop := context.AfterFunc(n.ctx, func() { conn.Close() })
	defer stop()
	h, err := receive(conn, n.opts.Secret, challenge{id: n.selfID(), standing: n.self()}, n.judge)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	if err := n.book.learn(h.from, h.address); err != nil {
		n.logger.Warn("address not stored", "member", h.from, "error", err)
	}
	l := newLink(n, conn, h.from, h.purpose, false)
	l.run = h.run
	return n.admit(l)
}

func (n *network) selfID() ServerID {
	id := n.dir.identity()
	return id.serverID()
}

// judge decides on a connection whose other side knows the secret.
func (n *network) judge(h hello) (verdictCode, string) {
	self := n.dir.identity()
	id := self.serverID()
	switch {
	case h.group != n.opts.Group:
		return verdictWrongGroup, "this is group " + n.opts.Group
	case h.from == id:
		return verdictWrongMember, "a member does not dial itself"
	case h.purpose == purposeBootstrap:
		if h.to.Name() != n.opts.Name || h.to != ServerID(n.opts.Name) && h.to != id {
			return verdictWrongMember, "this is " + string(id)
		}
		return verdictWelcome, ""
	case h.to != id:
		return verdictWrongMember, "this is " + string(id)
	case !self.hasGroup():
		return verdictUnavailable, "this member waits to be added"
	case h.uuid != self.group():
		return verdictWrongUUID, "the groups have the same name and different UUIDs"
	case n.refuses(h.purpose), h.purpose.raft() && n.current.Load() == nil:
		return verdictUnavailable, "not ready"
	}
	switch err := n.acquaint(h.from, h.standing, true); {
	case errors.Is(err, errForgot):
		return verdictForgot, strings.TrimPrefix(err.Error(), errForgot.Error()+": ")
	case err != nil:
		return verdictTwin, strings.TrimPrefix(err.Error(), errTwin.Error()+": ")
	}
	return verdictWelcome, ""
}
