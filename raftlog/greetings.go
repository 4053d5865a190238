package raftlog

import (
	"net"
	"sync"
)

const (
	greetingsMax     = 256 // connections in the handshake at once; more are closed unheard
	greetingsHostMax = 32  // of them from one host, so that one cannot keep the members of the group out
)

// greetings counts the connections that are in the handshake: whoever is there can make us hold no more than that, and members come again.
type greetings struct {
	mu     sync.Mutex
	all    int
	byHost map[string]int
}

// enter reports whether a connection may begin the handshake; leave ends it.
func (g *greetings) enter(from net.Addr) (leave func(), ok bool) {
	host, _, err := net.SplitHostPort(from.String())
	if err != nil {
		host = from.String()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all >= greetingsMax || g.byHost[host] >= greetingsHostMax {
		return nil, false
	}
	if g.byHost == nil {
		g.byHost = map[string]int{}
	}
	g.all++
	g.byHost[host]++
	return func() { g.leave(host) }, true
}

func (g *greetings) leave(host string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if g.byHost[host]--; g.byHost[host] == 0 {
		delete(g.byHost, host)
	}
}
