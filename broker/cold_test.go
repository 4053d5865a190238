package broker

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/remoting/protocol"
)

func TestLargestMessageGoesThrough(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		body := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
		g.send(0, "T", 0, "", "small", protocol.Success)
		g.send(0, "T", 0, "", string(body), protocol.Success)
		g.send(0, "T", 0, "", string(body)+"x", protocol.MessageIllegal)
		resp, first := g.pulled(0, pullFields("g", "T", 0, 0))
		if len(first) != 1 || number(t, resp, "nextBeginOffset") != 1 {
			t.Fatalf("a message beyond the limit of a pull came with another: %d messages", len(first))
		}
		if _, second := g.pulled(0, pullFields("g", "T", 0, 1)); len(second) != 1 || !bytes.Equal(second[0].Body, body) {
			t.Error("the large message did not come back alone and whole")
		}
	})
}

func TestBacklogIsReadInSmallerPartsFromAFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newTestGroup(t, 3, func(o *Options) { o.HotBytes = 64 << 10 })
		leader := g.leader()
		body := bytes.Repeat([]byte("x"), 1024)
		for range 200 {
			g.send(leader, "T", 0, "TAGS\x01TagA\x02", string(body), protocol.Success)
		}
		g.drain(leader, "T", 0) // makes the group
		time.Sleep(2 * viewInterval)
		var slow, recent int64
		g.eventually("the suggestion of a follower", func() bool {
			resp, all := g.pulled(leader, pullFields("drain", "T", 0, 0))
			if len(all) != coldMessages {
				t.Fatalf("%d old messages in one pull, want %d", len(all), coldMessages)
			}
			slow = number(t, resp, "suggestWhichBrokerId")
			return slow == 1
		})
		resp, all := g.pulled(leader, pullFields("drain", "T", 0, 190))
		if recent = number(t, resp, "suggestWhichBrokerId"); recent != 0 || len(all) != 10 {
			t.Errorf("recent messages: %d of them, suggested %d", len(all), recent)
		}
		follower := (leader + 1) % 3
		g.eventually("the follower", func() bool { return len(g.drain(follower, "T", 0)) == 200 })
		if resp, _ := g.pulled(follower, pullFields("drain", "T", 0, 0)); number(t, resp, "suggestWhichBrokerId") != 1 {
			t.Error("a follower sends who reads old messages away")
		}
		if resp, _ := g.pulled(follower, pullFields("drain", "T", 0, 190)); number(t, resp, "suggestWhichBrokerId") != 0 {
			t.Error("a follower keeps who has caught up")
		}

		for i := range 3 { // the follower that would be suggested stops
			if i != leader && brokerIDOf(g, i) == 1 {
				g.kill(i)
			}
		}
		g.eventually("the leader's notice", func() bool {
			resp, _ := g.pulled(leader, pullFields("drain", "T", 0, 0))
			return number(t, resp, "suggestWhichBrokerId") == 0
		})
	})
}

func brokerIDOf(g *testGroup, i int) int64 { return g.members[i].broker.Status().BrokerID }

func TestCutOffFollowerSendsItsReadersHome(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.send(leader, "T", 0, "", "x", protocol.Success)
		g.drain(leader, "T", 0)
		follower := (leader + 1) % 3
		g.eventually("the follower", func() bool { return len(g.drain(follower, "T", 0)) == 1 })
		for i := range 3 {
			if i != follower {
				g.net.Cut(g.members[follower].name, g.members[i].name)
			}
		}
		time.Sleep(leaderSilence + time.Second)
		resp := g.call(follower, 11, pullFields("drain", "T", 0, 0), nil)
		if resp.Code != protocol.PullRetryImmediately || number(t, resp, "suggestWhichBrokerId") != 0 || number(t, resp, "nextBeginOffset") != 0 {
			t.Errorf("a follower that hears no leader: %d %v", resp.Code, resp.Ext)
		}
	})
}

func TestOldLogGoesInWholeIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newTestGroup(t, 3, func(o *Options) {
			o.BoundaryBytes, o.RetentionBytes, o.Raft.SegmentBytes = 256<<10, 1<<20, 128<<10
		})
		leader := g.leader()
		body := string(bytes.Repeat([]byte("x"), 16<<10))
		last := 0
		for i := range 200 { // 3.2 MB
			g.send(leader, "T", 0, "", body, protocol.Success)
			last = i
			time.Sleep(50 * time.Millisecond)
		}
		ranges := func(i int) string {
			s := g.members[i].broker.State()
			return fmt.Sprint(s.Range(consumequeue.Key{Topic: s.Topic("T").ID}))
		}
		g.eventually("the removal of old messages on all members", func() bool {
			return number(t, g.call(leader, 31, fields("topic", "T", "queueId", 0), nil), "offset") > 100 && ranges(0) == ranges(1) && ranges(1) == ranges(2)
		})
		low := number(t, g.call(leader, 31, fields("topic", "T", "queueId", 0), nil), "offset")
		if high := number(t, g.call(leader, 30, fields("topic", "T", "queueId", 0), nil), "offset"); high != int64(last)+1 || high-low < 32 {
			t.Errorf("kept [%d, %d)", low, high)
		}
		resp := g.call(leader, 11, pullFields("g", "T", 0, 3), nil)
		if resp.Code != protocol.PullOffsetMoved || number(t, resp, "nextBeginOffset") != low {
			t.Errorf("pull of what is gone: %d %v", resp.Code, resp.Ext)
		}
		if resp := g.call((leader+1)%3, 11, pullFields("g", "T", 0, 3), nil); resp.Code != protocol.PullRetryImmediately || number(t, resp, "nextBeginOffset") != 3 {
			t.Errorf("the same on a follower: %d %v", resp.Code, resp.Ext)
		}
		if resp, all := g.pulled(leader, pullFields("g", "T", 0, low)); resp.Code != protocol.Success || len(all) == 0 || int64(all[0].QueueOffset) != low {
			t.Errorf("the oldest kept message: %d", resp.Code)
		}
	})
}

// TestRetentionWaitsForDelayedMessages: what waits on a delay level was acknowledged, and nobody could read it yet.
func TestRetentionWaitsForDelayedMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newTestGroup(t, 3, func(o *Options) {
			o.BoundaryBytes, o.RetentionBytes, o.Raft.SegmentBytes = 256<<10, 1<<20, 128<<10
		})
		leader := g.leader()
		g.send(leader, "T", 1, "DELAY\x014\x02", "later", protocol.Success) // 30 s
		body := string(bytes.Repeat([]byte("x"), 16<<10))
		for range 200 { // 3.2 MB in 10 s
			g.send(leader, "T", 0, "", body, protocol.Success)
			time.Sleep(50 * time.Millisecond)
		}
		lowest := func() int64 { return number(t, g.call(leader, 31, fields("topic", "T", "queueId", 0), nil), "offset") }
		if low := lowest(); low != 0 {
			t.Errorf("removed up to %d while a delayed message before it waits", low)
		}
		g.eventually("the delayed message", func() bool { return len(g.drain(leader, "T", 1)) == 1 })
		g.eventually("the removal of old messages", func() bool { return lowest() > 100 })
	})
}
