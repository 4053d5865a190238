package broker

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// rot flips a bit in the body of the message at a queue offset of topic T, queue 0, in the log of member i.
func (g *testGroup) rot(i int, at offset.Queue) {
	g.t.Helper()
	m := g.members[i]
	s := m.broker.State()
	units, err := s.Units(nil, consumequeue.Key{Topic: s.Topic("T").ID}, at, 1)
	if err != nil || len(units) != 1 {
		g.t.Fatal(units, err)
	}
	pos := units[0].Position + offset.Physical(units[0].Size) - 20
	names, err := m.fs.List("/data/commitlog")
	if err != nil {
		g.t.Fatal(err)
	}
	name, first := "", int64(0)
	for _, n := range names {
		var from int64
		if _, err := fmt.Sscanf(n, "%020d", &from); err == nil && len(n) == 20 && offset.Physical(from) <= pos {
			name, first = n, from
		}
	}
	if err := m.fs.FlipBit(path.Join("/data/commitlog", name), (commitlog.SegmentHeaderSize+int64(pos)-first)*8); err != nil {
		g.t.Fatal(err)
	}
}

// TestRL6_BadRecordGoesToNobody: a follower sends its reader to the leader, a leader answers an error and hands over; both leave, and
// the message is delivered whole by those that have it.
func TestRL6_BadRecordGoesToNobody(t *testing.T) {
	for _, leads := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			g := newTestGroup(t, 3, func(o *Options) { o.Raft.TailCacheBytes, o.Raft.SegmentBytes = 1, 16<<10 })
			leader := g.leader()
			for i := range 50 {
				g.send(leader, "T", 0, "", fmt.Sprintf("message %02d %s", i, strings.Repeat("x", 200)), protocol.Success)
			}
			victim := leader
			if !leads {
				victim = (leader + 1) % 3
			}
			g.drain(leader, "T", 0)
			g.eventually("the victim has all", func() bool { return len(g.drain(victim, "T", 0)) == 50 })
			g.rot(victim, 7)
			resp, all := g.pulled(victim, pullFields("drain", "T", 0, 7))
			switch {
			case len(all) > 0:
				t.Errorf("the bad message was answered with %d messages", len(all))
			case leads && resp.Code != protocol.SystemError:
				t.Errorf("from a leader: %d %s", resp.Code, resp.Remark)
			case !leads && (resp.Code != protocol.PullRetryImmediately || number(t, resp, "nextBeginOffset") != 7 || number(t, resp, "suggestWhichBrokerId") != 0):
				t.Errorf("from a follower: %d %s", resp.Code, resp.Remark)
			}
			m := g.members[victim]
			err := <-m.done
			if !errors.Is(err, raftlog.ErrQuarantined) {
				t.Errorf("the member ended with %v", err)
			}
			m.cancel = nil
			now := g.leader()
			if now == victim {
				t.Fatal("the damaged member leads")
			}
			g.send(now, "T", 0, "", "after", protocol.Success)
			if all := g.drain(now, "T", 0); len(all) != 51 || !strings.HasPrefix(string(all[7].Body), "message 07 ") {
				t.Errorf("%d messages from the new leader", len(all))
			}
		})
	}
}
