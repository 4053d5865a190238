package sim

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Final is what the group holds when every fault is healed and the load has ended.
type Final struct {
	// Queues holds, for each member and queue, what was read from the min to the max offset, in order.
	Queues map[string]map[int32]QueueContent
	// Committed is each group's offset in each queue, absent if it has none.
	Committed map[string]map[int32]int64
}

// QueueContent is one queue as one member served it.
type QueueContent struct {
	Min, Max int64
	Seen     []Seen
	Stored   []int64 // store timestamp of each, ms
}

const (
	settleMax  = 60 * time.Second // for the group to be whole again
	releaseMax = 8 * time.Second  // for the last delayed messages to come out
	drainMax   = 60 * time.Second
)

// Settle ends every fault and the load, and waits until the group is whole and a message is taken.
func (c *Cluster) Settle() bool {
	c.dropFaults()
	c.Heal()
	for _, m := range c.members {
		if m.proc != nil {
			m.proc.disk.heal()
		}
		m.skew.Store(0)
		if m.quarantined == nil {
			m.down = false
		}
	}
	c.History.event("settle")
	c.stopLoad()
	began := c.History.now()
	ok := c.until("the group is whole", settleMax, func() bool {
		c.startAll()
		return c.whole()
	})
	if !ok {
		return false
	}
	c.History.event("whole again after %v", c.History.now()-began)
	p := c.client("probe").NewProducer(client.ProducerOptions{RetryFor: 10 * time.Second})
	s := &Send{Span: c.History.begin(), Value: "probe-1", Client: "probe", Seq: 1, Queue: -1, Offset: -1, Attempts: 1, Outcome: Unknown}
	c.History.send(s)
	res, err := p.SendTo(context.Background(), queue(0), &client.Message{Topic: topic, Body: body(s.Value, 10)})
	(&load{c: c}).end(s, res, err)
	if err != nil {
		c.fail("K15", "no send succeeds after the faults: %v", err)
		return false
	}
	c.Run(releaseMax)
	return c.waitHealthy(settleMax)
}

func (c *Cluster) startAll() {
	for _, m := range c.members {
		if m.proc == nil && m.quarantined == nil {
			m.start()
		}
	}
}

// whole reports whether every member takes part; quarantined ones are replaced on the way.
func (c *Cluster) whole() bool {
	for _, m := range c.members {
		if m.quarantined != nil {
			c.Replace(m.name)
		}
	}
	return !c.replacing() && c.healthy()
}

// Drain reads every queue from every member.
func (c *Cluster) Drain() *Final {
	f := &Final{Queues: map[string]map[int32]QueueContent{}, Committed: map[string]map[int32]int64{}}
	cl := c.client("drain")
	ctx := context.Background()
	for _, group := range []string{consumerGroup, offsetGroup} {
		f.Committed[group] = map[int32]int64{}
		for q := range int32(queues) {
			at, found, err := cl.CommittedOffset(ctx, group, queue(q))
			if err != nil {
				c.fail("K15", "offset of %s in queue %d: %v", group, q, err)
			} else if found {
				f.Committed[group][q] = int64(at)
			}
		}
	}
	for _, m := range c.members {
		f.Queues[m.name] = c.drainMember(cl, m)
	}
	return f
}

// drainMember reads all queues of a member. If that finds damage on its disk, it is replaced, and read again.
func (c *Cluster) drainMember(cl *client.Client, m *Member) map[int32]QueueContent {
	for {
		content := map[int32]QueueContent{}
		for q := range int32(queues) {
			content[q] = c.drainQueue(cl, m, q)
		}
		if m.quarantined == nil {
			return content
		}
		if !c.until("the damaged member is replaced", settleMax, c.whole) {
			return content
		}
	}
}

func (c *Cluster) drainQueue(cl *client.Client, m *Member, q int32) (content QueueContent) {
	ctx := context.Background()
	low, err := cl.MinOffset(ctx, queue(q))
	var high offset.Queue
	if err == nil {
		high, err = cl.MaxOffset(ctx, queue(q))
	}
	if err != nil {
		c.fail("K15", "bounds of queue %d: %v", q, err)
		return content
	}
	content = QueueContent{Min: int64(low), Max: int64(high)}
	end := c.History.now() + drainMax
	for at := content.Min; at < content.Max && m.quarantined == nil; {
		if c.History.now() > end {
			c.fail("K15", "%s does not serve queue %d from offset %d on, max is %d", m.name, q, at, content.Max)
			return content
		}
		next, seen, stored := c.drainOnce(cl, m, q, at)
		content.Seen, content.Stored = append(content.Seen, seen...), append(content.Stored, stored...)
		if next == at {
			c.Run(tick)
		}
		at = next
	}
	return content
}

// verify proves the files of the stopped members, and that their logs are equal where they overlap (checker K13). An image that a fault has
// damaged is found by the verification alone while nobody needs it, so it is no violation on such a member.
func (c *Cluster) verify() {
	entries := map[offset.Index]map[string]string{}
	for _, m := range c.members {
		if _, err := state.VerifyDir(m.files.mem, dataDir, m.files.real); err != nil && m.damaged && onlyImages(err) {
			c.History.event("verification of %s finds %v", m.name, err)
		} else if err != nil {
			c.fail("K13", "files of %s: %v", m.name, err)
		}
		_, err := commitlog.Verify(m.files.mem, dataDir+"/commitlog", func(at offset.Physical, e commitlog.Entry) error {
			if entries[e.Index] == nil {
				entries[e.Index] = map[string]string{}
			}
			entries[e.Index][digest(at, e)] = m.name
			return nil
		})
		if err != nil {
			c.fail("K13", "log of %s: %v", m.name, err)
		}
	}
	for index, kinds := range entries {
		if len(kinds) > 1 {
			c.fail("K13", "entry %d differs between members: %v", index, kinds)
		}
	}
}

// onlyImages reports whether all that a verification found is of images.
func onlyImages(err error) bool {
	for line := range strings.Lines(err.Error()) {
		if !strings.HasPrefix(line, "image ") {
			return false
		}
	}
	return true
}

func digest(at offset.Physical, e commitlog.Entry) string {
	h := sha256.New()
	var head [32]byte
	binary.BigEndian.PutUint64(head[:], uint64(at))
	binary.BigEndian.PutUint64(head[8:], uint64(e.Term))
	binary.BigEndian.PutUint64(head[16:], uint64(e.Type))
	binary.BigEndian.PutUint64(head[24:], uint64(e.AppendedAt.UnixNano()))
	h.Write(head[:])
	h.Write(e.Data)
	return fmt.Sprintf("term %d at %d %x", e.Term, at, h.Sum(nil)[:6])
}

// drainOnce reads once and returns where to go on; at itself if there was nothing.
func (c *Cluster) drainOnce(cl *client.Client, m *Member, q int32, at int64) (next int64, seen []Seen, stored []int64) {
	h := pullHeader("drain", q, at)
	resp, err := cl.Invoke(context.Background(), m.Addr(), protocol.CodePullMessage, h, nil, protocol.PullNotFound, protocol.PullRetryImmediately, protocol.PullOffsetMoved)
	if err != nil || resp.Code != protocol.Success {
		return at, nil, nil
	}
	seen, stored, err = decode(resp.Body)
	if err != nil || len(seen) == 0 {
		c.fail("K4", "answer of %s to a pull of queue %d at %d: %v", m.name, q, at, err)
		return at, nil, nil
	}
	return seen[len(seen)-1].Offset + 1, seen, stored
}
