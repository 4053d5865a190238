package sim

import (
	"context"
	"path"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// The interleavings that the design must survive (design section 9), by their numbers there. The eighth needs pop.

// bubble runs a test with a cluster in virtual time and checks everything at its end.
func bubble(t *testing.T, test func(t *testing.T, c *Cluster), opts ...Option) {
	t.Helper()
	slowWithRace(t)
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New(t, opts...)
		test(t, c)
		c.CheckAll()
	})
}

// status is what a running member says of its place in the group.
func (c *Cluster) status(name string) raftlog.Status { return c.member(name).node().Status() }

// lead waits for a leader other than but.
func (c *Cluster) lead(but string) string {
	c.until("a leader other than "+but, 20*time.Second, func() bool { l := c.Leader(); return l != "" && l != but })
	return c.Leader()
}

// A leader is killed with four entries in flight, some of them on one follower; it returns and truncates.
func TestInterleaving01(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cluster) {
		c.SendFor(time.Second)
		old, followers := c.Leader(), c.Followers()
		c.HangDisk(followers[1])
		// The first append reaches the disk of the other follower, the second waits there.
		d := c.member(followers[0]).proc.disk
		hit := d.setTrap(1, appendWrite, d.hang)
		c.until("a follower with the first of what is in flight", 5*time.Second, func() bool { return isClosed(hit) })
		c.until("entries in flight", 5*time.Second, func() bool { s := c.status(old); return s.LastIndex >= s.CommitIndex+4 })
		before := c.status(old)
		c.Kill(old)
		c.HealDisk(followers[0])
		c.HealDisk(followers[1])
		c.lead(old)
		c.Run(time.Second)
		c.Start(old)
		c.until("the old leader to follow", 5*time.Second, c.healthy)
		t.Logf("killed with entries up to %d of which %d were committed", before.LastIndex, before.CommitIndex)
	}, InFlight(4))
}

// appendWrite matches the write of records to a segment. A segment may be open under the name that it had as a spare.
func appendWrite(op vfs.Op) bool {
	name := path.Base(op.Path)
	return op.Kind == vfs.OpWrite && writesLog(op) && name != "mark" && !strings.HasSuffix(name, ".index") && op.Offset > 0
}

// A member is killed while it takes an image in: at the image's last name, and at the beginning of the switch.
func TestInterleaving03(t *testing.T) {
	for name, match := range map[string]func(vfs.Op) bool{
		"before the image has its name": func(op vfs.Op) bool { return op.Kind == vfs.OpRename && strings.Contains(op.Path, "images/") },
		"before the log is reset":       func(op vfs.Op) bool { return op.Kind == vfs.OpSyncDir && strings.HasSuffix(op.Path, "images") },
		"while the log is reset":        func(op vfs.Op) bool { return op.Kind == vfs.OpRename && strings.Contains(op.Path, "commitlog/") },
	} {
		for _, power := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T, c *Cluster) {
					c.SendFor(10 * time.Second)
					leader := c.Leader()
					c.until("the log is cut", 10*time.Second, func() bool { return c.status(leader).FirstIndex > 1 })
					joins := c.Followers()[0]
					c.Replace(joins)
					c.HaltAt(joins, 0, match, power)
					c.until("the member is halted", 10*time.Second, func() bool { return c.member(joins).proc == nil })
					c.Start(joins)
					c.until("the member votes", 30*time.Second, c.whole)
				}, Boundary(256<<10), Retention(512<<10))
			})
		}
	}
}

// A leader dies with the release of delayed messages in flight; the next leader releases the same messages.
func TestInterleaving06(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cluster) {
		c.SendFor(time.Second)
		for range 4 {
			old, followers := c.Leader(), c.Followers()
			for _, f := range followers {
				c.HangDisk(f)
			}
			c.Run(400 * time.Millisecond) // what is due now is proposed and waits
			c.Kill(old)
			for _, f := range followers {
				c.HealDisk(f)
			}
			c.lead(old)
			c.Run(500 * time.Millisecond)
			c.Start(old)
			c.until("all members", 10*time.Second, c.healthy)
		}
	})
}

// An offset commit is answered and the leader dies at once; a reset is followed by an older commit that was gathered before it.
func TestInterleaving07(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cluster) {
		c.SendFor(500 * time.Millisecond)
		cl := c.client("committer")
		for i := range 5 {
			at := offset.Queue(3 * (i + 1))
			c.call(func(ctx context.Context) {
				cl.ForgetRoute(topic)
				if err := cl.CommitOffset(ctx, "resets", queue(0), at); err != nil {
					t.Errorf("commit of %d: %v", at, err)
				}
			})
			old := c.Leader()
			c.Kill(old)
			c.lead(old)
			c.call(func(ctx context.Context) {
				got, found, err := cl.CommittedOffset(ctx, "resets", queue(0))
				for ; err != nil && ctx.Err() == nil; got, found, err = cl.CommittedOffset(ctx, "resets", queue(0)) {
					cl.ForgetRoute(topic)
					time.Sleep(tick)
				}
				if err != nil || !found || got < at {
					t.Errorf("%d was committed; after the leader's death it is %d (found %v, %v)", at, got, found, err)
				}
			})
			c.Start(old)
			c.until("all members", 10*time.Second, c.healthy)
		}
		c.resetAgainstGathered(t, cl)
	})
}

// resetAgainstGathered sends a one-way commit, which is gathered, and a reset on the same connection: the commit is void.
func (c *Cluster) resetAgainstGathered(t *testing.T, cl *client.Client) {
	leader := c.member(c.Leader())
	h := &protocol.UpdateConsumerOffsetHeader{ConsumerGroup: "resets", Topic: topic, QueueID: 0, CommitOffset: 20}
	c.call(func(ctx context.Context) {
		if err := cl.Oneway(ctx, leader.Addr(), protocol.CodeUpdateConsumerOffset, h, nil); err != nil {
			t.Error(err)
		}
		if err := cl.Admin().ResetOffsets(ctx, "resets", topic, time.Now().Add(-time.Hour), true); err != nil {
			t.Error(err)
		}
	})
	c.Run(time.Second)
	c.call(func(ctx context.Context) {
		if got, found, err := cl.CommittedOffset(ctx, "resets", queue(0)); err != nil || !found || got != 0 {
			t.Errorf("reset to the beginning; a second later the offset is %d (found %v, %v)", got, found, err)
		}
	})
}

// call runs calls of a client while the driver goes on.
func (c *Cluster) call(do func(context.Context)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		do(ctx)
	}()
	for !isClosed(done) {
		c.Run(time.Millisecond)
	}
}

// A leader whose clock is an hour ahead wins, then one whose clock is an hour behind.
func TestInterleaving09(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cluster) {
		c.SendFor(time.Second)
		for _, skew := range []time.Duration{time.Hour, -time.Hour, 0} {
			old := c.Leader()
			for _, f := range c.Followers() {
				c.SkewClock(f, skew)
			}
			c.Kill(old)
			c.lead(old)
			c.Run(time.Second)
			c.Start(old)
			c.until("all members", 10*time.Second, c.healthy)
		}
		c.stopLoad()
		f := c.Drain()
		for q, content := range anyMember(f) {
			for i := 1; i < len(content.Stored); i++ {
				if content.Stored[i] < content.Stored[i-1] {
					t.Errorf("queue %d: the store time goes back by %d ms at offset %d", q, content.Stored[i-1]-content.Stored[i], content.Min+int64(i))
				}
			}
		}
	})
}

// An fsync fails, the process ends and starts again; the whole group loses power in the middle of a batch.
func TestInterleaving10(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cluster) {
		c.SendFor(time.Second)
		old := c.Leader()
		c.FailDisk(old, vfs.OpSync)
		c.lead(old)
		c.until("the process ended and all is well again", 20*time.Second, func() bool { return c.member(old).starts > 1 && c.healthy() })
		for range 4 {
			c.Run(300 * time.Millisecond)
			d := c.member(c.Leader()).proc.disk
			hit := d.setTrap(0, appendWrite, d.hang)
			c.until("a batch under way", 5*time.Second, func() bool { return isClosed(hit) })
			c.PowerCut("n0", "n1", "n2")
			c.Run(200 * time.Millisecond)
			c.Start("n0", "n1", "n2")
			c.until("all members", 20*time.Second, c.healthy)
		}
	})
}

// A voter is wiped under its old address, and another member dies while it is replaced.
func TestInterleaving11(t *testing.T) {
	for _, dies := range []string{"leader", "follower"} {
		t.Run(dies, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *Cluster) {
				c.SendFor(3 * time.Second)
				wiped, dead := c.Followers()[0], c.Followers()[1]
				if dies == "leader" {
					dead = c.Leader()
				}
				c.Replace(wiped)
				c.Run(1100 * time.Millisecond)
				c.Kill(dead)
				c.Run(2 * time.Second)
				c.Start(dead)
				c.until("all members", 30*time.Second, c.whole)
			})
		})
	}
}

// Connections of the members to a NameServer break while they register: the close of an old one must not take the new registration.
func TestInterleaving12(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cluster) {
		cl := c.client("routes")
		leader := c.member(c.Leader())
		for i := range 40 {
			m, n := c.members[i%3], c.names[i/3%2]
			c.net.SetLatency(m.host, n.host, time.Duration(1+i%7)*time.Millisecond)
			c.net.Reset(m.host, n.host)
			c.Run(time.Duration(700+i*13) * time.Millisecond)
			c.routeHas(t, cl, n, `"0":"`)
		}
		c.Run(3 * time.Second) // three heartbeats: all members are back
		for _, n := range c.names {
			c.routeHas(t, cl, n, `"0":"`+leader.Addr())
			c.routeHas(t, cl, n, `"2":"`)
		}
	})
}

// routeHas asks one NameServer for the topic's route.
func (c *Cluster) routeHas(t *testing.T, cl *client.Client, n *nameServer, want string) {
	c.call(func(ctx context.Context) {
		r, err := cl.Invoke(ctx, n.host+":9876", protocol.CodeGetRouteInfoByTopic, &protocol.RouteHeader{Topic: topic}, nil)
		if err != nil {
			t.Errorf("no route from %s: %v", n.host, err)
		} else if !strings.Contains(string(r.Body), want) {
			t.Errorf("the route of %s has no %s: %s", n.host, want, r.Body)
		}
	})
}

// Leaders die with forwarded sends under way. One that may have been executed is not forwarded to the next leader (K5).
func TestNothingIsForwardedTwice(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cluster) {
		c.SendFor(time.Second)
		for range 8 {
			old := c.Leader()
			c.Kill(old)
			c.lead(old)
			c.Run(500 * time.Millisecond)
			c.Start(old)
			c.until("all members", 10*time.Second, c.healthy)
			c.Run(time.Duration(c.rng.IntN(40)) * time.Millisecond)
		}
	}, SyncTime(20*time.Millisecond))
}
