package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// A client that keeps the address of a leader which is told to stop fails no request until it asks for the route again.
func TestARetiredLeaderServesOldRoutes(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.send(leader, "T", 0, "", "first", protocol.Success)
		var stop atomic.Bool
		var client sync.WaitGroup
		sent := 1
		client.Go(func() {
			for ; !stop.Load(); sent++ {
				if resp, err := g.try(leader, 310, sendFields("T", 0, ""), []byte("x")); err != nil || resp.Code != protocol.Success {
					t.Errorf("send %d: %+v, %v", sent, resp, err)
				}
				g.pass(5 * time.Millisecond)
			}
		})
		const linger = 35 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), linger)
		defer cancel()
		began := time.Now()
		g.members[leader].broker.Retire(ctx)
		if took := time.Since(began); took < linger {
			t.Errorf("gone after %v, while a client was there", took)
		}
		stop.Store(true)
		client.Wait()

		next := g.leader(leader)
		if g.names.id(g.members[leader].broker.options.Advertise) != "" {
			t.Error("it is still in the routes")
		}
		if err := g.members[next].broker.Node().TransferLeadership(t.Context(), g.members[leader].name); err == nil {
			t.Error("it took leadership")
		}
		if n := len(g.drain(next, "T", 0)); n != sent {
			t.Errorf("%d messages of %d", n, sent)
		}
		g.eventually("the member that leaves serves reads", func() bool { return len(g.drain(leader, "T", 0)) == sent })
		g.stop(leader)
	})
}

func TestRetireWaitsForNobody(t *testing.T) {
	retire := func(g *testGroup, i int) time.Duration {
		ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		g.members[i].broker.Retire(ctx)
		return time.Since(began)
	}
	t.Run("who is not connected", func(t *testing.T) {
		three(t, func(t *testing.T, g *testGroup, leader int) {
			if took := retire(g, leader); took > time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("while nobody else leads", func(t *testing.T) {
		three(t, func(t *testing.T, g *testGroup, leader int) {
			g.send(leader, "T", 0, "", "x", protocol.Success)
			for i := range g.members {
				if i != leader {
					g.kill(i)
				}
			}
			if took := retire(g, leader); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("in a group of one", func(t *testing.T) {
		one(t, nil, func(t *testing.T, g *testGroup) {
			g.send(0, "T", 0, "", "x", protocol.Success)
			if took := retire(g, 0); took > time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
}

// A member that is about to stop leaves the next election to the others, which lose no time by that.
func TestARetiredMemberDoesNotStandAtOnce(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		first := 0 // in member order, without the leader: it would stand first
		if leader == 0 {
			first = 1
		}
		g.send(first, "T", 0, "", "x", protocol.Success)
		ctx, cancel := context.WithCancel(t.Context())
		var retiring sync.WaitGroup
		retiring.Go(func() { g.members[first].broker.Retire(ctx) })
		g.eventually("it has left", func() bool { return g.names.id(g.members[first].broker.options.Advertise) == "" })
		g.kill(leader)
		began := time.Now()
		if next := g.leader(leader); next == first {
			t.Error("it leads")
		}
		if took := time.Since(began); took > 300*time.Millisecond {
			t.Errorf("a leader after %v", took)
		}
		cancel()
		retiring.Wait()
	})
}
