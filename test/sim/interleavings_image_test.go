package sim

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// The interleavings whose member was away for so long that the log is not kept for it any more: it needs an image.

// away is longer than the log waits for a voter that nobody hears of.
const away = 10*time.Minute + 10*time.Second

// sender sends single messages, recorded like those of the load.
type sender struct {
	l *load
	p *producer
}

func (c *Cluster) sender() *sender {
	cl := c.client("sender")
	return &sender{&load{c: c}, &producer{Producer: cl.NewProducer(client.ProducerOptions{OnlyNotSent: true, RetryFor: 5 * time.Second}), name: "sender", rng: c.rng}}
}

func (s *sender) send(q int32, size int) {
	record, m := s.l.begin(s.p)
	m.Body = body(record.Value, size)
	res, err := s.p.SendTo(context.Background(), queue(q), m)
	s.l.end(record, res, err)
}

// cutFromMembers leaves a member its clients and NameServers.
func (c *Cluster) cutFromMembers(name string) {
	for _, m := range c.members {
		if m.name != name {
			c.CutMembers(name, m.name)
		}
	}
}

// A follower is far behind retention, and catches up while retention goes on.
func TestInterleaving02(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cluster) {
		c.SendFor(time.Second)
		behind := c.Followers()[1]
		c.stopLoad()
		at := c.status(behind).LastIndex
		c.Kill(behind)
		s := c.sender()
		for range 40 {
			c.call(func(context.Context) { s.send(1, 64<<10) })
			c.Run(away / 40)
		}
		c.SendFor(3 * time.Second)
		leader := c.Leader()
		if first := c.status(leader).FirstIndex; first <= at {
			t.Errorf("the log begins at %d, the follower stands at %d: it needs no image", first, at)
		}
		before := c.status(leader).FirstIndex
		c.Start(behind)
		c.Run(8 * time.Second)
		c.until("the follower to catch up", 30*time.Second, c.healthy)
		if after := c.status(c.Leader()).FirstIndex; after <= before {
			t.Errorf("retention stood still at %d while the follower caught up", before)
		}
	}, Boundary(128<<10), Retention(512<<10))
}

// A deposed leader has an uncommitted tail that reaches beyond the image it is sent.
func TestInterleaving04(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cluster) {
		old := c.Leader()
		c.cutFromMembers(old)
		tail := c.sender()
		for range 14 {
			c.aside.Go(func() { tail.send(0, 10) })
			c.Run(2 * time.Millisecond)
		}
		end := c.status(old)
		if end.LastIndex < end.CommitIndex+10 {
			t.Errorf("the tail is from %d to %d only", end.CommitIndex, end.LastIndex)
		}
		next := c.lead(old)
		cl := c.client("big")
		p := cl.NewProducer(client.ProducerOptions{RetryFor: 10 * time.Second, RetryWait: 100 * time.Millisecond})
		big := &sender{&load{c: c}, &producer{Producer: p, name: "big", rng: c.rng}}
		c.Run(away)
		for c.status(next).FirstIndex <= end.CommitIndex && !t.Failed() {
			c.call(func(context.Context) { big.send(1, 300<<10) })
			c.Run(2 * time.Second)
		}
		if images := c.status(next).Images; len(images) == 0 || images[0] >= end.LastIndex {
			t.Errorf("images %v, and the old leader's tail ends at %d", images, end.LastIndex)
		}
		c.Heal()
		c.until("the old leader to follow", 30*time.Second, c.healthy)
	}, InFlight(16), Boundary(256<<10), Retention(700<<10))
}

// A follower has parked pulls and readers of its old segments when it takes an image in.
func TestInterleaving05(t *testing.T) {
	bubble(t, func(t *testing.T, c *Cluster) {
		c.SendFor(time.Second)
		behind := c.Followers()[0]
		at := c.status(behind).LastIndex
		c.stopLoad()
		c.cutFromMembers(behind)
		s := c.sender()
		for range 40 {
			c.call(func(context.Context) { s.send(2, 64<<10) })
			c.Run(away / 40)
		}
		if first := c.status(c.Leader()).FirstIndex; first <= at {
			t.Errorf("the log begins at %d, the follower stands at %d: it needs no image", first, at)
		}
		ctx, stop := context.WithCancel(context.Background())
		for i := range 4 {
			c.aside.Go(func() { c.keepPulling(ctx, t, c.member(behind), i) })
		}
		c.Run(time.Second)
		c.Heal()
		c.until("the follower to catch up", 30*time.Second, c.healthy)
		c.Run(2 * time.Second)
		stop()
	}, Boundary(128<<10), Retention(512<<10))
}

// keepPulling always has a pull at a member: parked ones at a queue's end, others from the beginning. Each must be answered in time.
func (c *Cluster) keepPulling(ctx context.Context, t *testing.T, m *Member, i int) {
	host := c.net.Host(fmt.Sprint("10.0.3.", i+1))
	cl, err := client.New(client.Options{NameServers: c.nameServers(), Dial: host.Dial, ClientID: fmt.Sprint("pull", i), Timeout: 20 * time.Second})
	if err != nil {
		t.Error(err)
		return
	}
	defer cl.Close()
	at, wait := int64(0), int64(5000)
	for ctx.Err() == nil {
		h := pullHeader("tailers", int32(i%2), at)
		if i < 2 {
			h.SysFlag, h.SuspendTimeoutMillis = h.SysFlag|protocol.PullSuspend, wait
		}
		began := time.Now()
		resp, err := cl.Invoke(context.Background(), m.Addr(), protocol.CodePullMessage, h, nil, protocol.PullNotFound, protocol.PullRetryImmediately, protocol.PullOffsetMoved)
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("a pull was answered after %v (%v)", took, err)
		}
		if err == nil && i < 2 {
			var answer protocol.PullMessageResponseHeader
			if answer.Decode(resp.Ext) == nil {
				at = answer.NextBeginOffset
			}
		}
		<-time.After(10 * time.Millisecond)
	}
}
