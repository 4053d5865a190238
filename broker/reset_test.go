package broker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

func resetFields(more ...any) protocol.Fields {
	f := fields("group", "g", "topic", "T", "timestamp", 0, "isForce", true)
	for i := 0; i < len(more); i += 2 {
		f = f.Set(more[i].(string), fmt.Sprint(more[i+1]))
	}
	return f
}

// resetGroup is a group whose queue 0 of T has 10 messages, of which g has consumed all.
func resetGroup(t *testing.T, test func(t *testing.T, g *testGroup, leader int)) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		for i := range 10 {
			g.send(leader, "T", 0, "", fmt.Sprint("m", i), protocol.Success)
		}
		g.call(leader, 34, nil, consumerHeartbeat("c", "g", "T"))
		g.commit(leader, 10, protocol.Success)
		test(t, g, leader)
	})
}

func (g *testGroup) commit(i int, o int64, want int32) {
	g.t.Helper()
	if resp := g.call(i, 15, fields("consumerGroup", "g", "topic", "T", "queueId", 0, "commitOffset", o), nil); resp.Code != want {
		g.t.Errorf("commit: %d %q, want %d", resp.Code, resp.Remark, want)
	}
}

// administer sends a request as from loopback.
func (g *testGroup) administer(i int, code int32, ext protocol.Fields) *remoting.Command {
	g.t.Helper()
	client := remoting.NewClient(remoting.ClientOptions{Dial: g.net.Host("127.0.0.1").Dial})
	defer client.Close()
	resp, err := client.Invoke(context.Background(), g.members[i].addr(), &remoting.Command{Code: code, Version: 401, Ext: ext})
	if err != nil {
		g.t.Fatal(err)
	}
	return resp
}

func (g *testGroup) wantOffset(i int, want int64) {
	g.t.Helper()
	if got := number(g.t, g.call(i, 14, fields("consumerGroup", "g", "topic", "T", "queueId", 0), nil), "offset"); got != want {
		g.t.Errorf("consumer offset %d, want %d", got, want)
	}
}

func (g *testGroup) reset(i int, want string, more ...any) {
	g.t.Helper()
	resp := g.administer(i, 222, resetFields(more...))
	var body protocol.ResetOffsetBody
	if err := body.Decode(resp.Body); err != nil || resp.Code != protocol.Success {
		g.t.Fatalf("reset: %d %q, %v", resp.Code, resp.Remark, err)
	}
	if got := fmt.Sprint(body.OffsetTable); got != want {
		g.t.Errorf("reset to %s, want %s", got, want)
	}
}

func TestResetOfAGroupThatIsNotOnline(t *testing.T) {
	resetGroup(t, func(t *testing.T, g *testGroup, leader int) {
		follower := (leader + 1) % 3
		g.reset(leader, "map[{RaftNode00 0 T}:0 {RaftNode00 1 T}:0 {RaftNode00 2 T}:0 {RaftNode00 3 T}:0]")
		g.wantOffset(leader, 0)
		g.reset(follower, "map[{RaftNode00 0 T}:10 {RaftNode00 1 T}:0 {RaftNode00 2 T}:0 {RaftNode00 3 T}:0]", "timestamp", -1, "isForce", false)
		g.wantOffset(follower, 10)
		g.reset(leader, "map[{RaftNode00 0 T}:7]", "queueId", 0, "offset", 7)
		g.commit(leader, 9, protocol.Success) // before the next pull: swallowed
		g.kill(leader)
		next := g.leader(leader)
		g.wantOffset(next, 7)
		if resp := g.call(next, 11, pullFields("g", "T", 0, 7), nil); resp.Code != protocol.Success {
			t.Errorf("a pull from where the group was moved: %d %q", resp.Code, resp.Remark)
		}
		g.pass(time.Second)
		g.commit(next, 8, protocol.Success)
		g.wantOffset(next, 8)
		for want, bad := range map[int32]protocol.Fields{
			protocol.TopicNotExist:             resetFields("topic", "nowhere"),
			protocol.SubscriptionGroupNotExist: resetFields("group", "nobody"),
			protocol.SystemError:               resetFields("queueId", 0, "offset", 11),
		} {
			if resp := g.administer(next, 222, bad); resp.Code != want {
				t.Errorf("%v: %d %q, want %d", bad, resp.Code, resp.Remark, want)
			}
		}
		for _, bad := range []protocol.Fields{resetFields("queueId", 9), resetFields("timestamp", "x"), fields("group", "g", "topic", "T")} {
			if resp := g.administer(next, 222, bad); resp.Code != protocol.SystemError {
				t.Errorf("%v: %d %q", bad, resp.Code, resp.Remark)
			}
		}
	})
}

func TestResetAnswersTheParkedPull(t *testing.T) {
	resetGroup(t, func(t *testing.T, g *testGroup, leader int) {
		answered := make(chan *remoting.Command, 1)
		go func() {
			resp, err := g.try(leader, 11, pullFields("g", "T", 0, 10, "sysFlag", protocol.PullSuspend|protocol.PullSubscription), nil)
			if err == nil {
				answered <- resp
			}
		}()
		g.pass(time.Second) // it is parked
		g.reset(leader, "map[{RaftNode00 0 T}:3]", "queueId", 0, "offset", 3)
		select {
		case resp := <-answered:
			if resp.Code != protocol.PullOffsetMoved || number(t, resp, "nextBeginOffset") != 3 {
				t.Errorf("the parked pull: %d %v", resp.Code, resp.Ext)
			}
		case <-time.After(time.Second):
			t.Fatal("the parked pull is not answered")
		}
		g.commit(leader, 3, protocol.Success)
		g.wantOffset(leader, 3)
		if resp := g.call(leader, 11, pullFields("g", "T", 0, 10, "sysFlag", protocol.PullSubscription), nil); resp.Code != protocol.PullNotFound {
			t.Errorf("told once, a pull elsewhere is served: %d %q", resp.Code, resp.Remark)
		}
		g.commit(leader, 5, protocol.Success)
		g.wantOffset(leader, 5)
	})
}

// A pull that reaches a follower is sent home, where it is told.
func TestResetIsToldByTheLeader(t *testing.T) {
	resetGroup(t, func(t *testing.T, g *testGroup, leader int) {
		follower := (leader + 1) % 3
		g.reset(leader, "map[{RaftNode00 0 T}:3]", "queueId", 0, "offset", 3)
		g.eventually("the reset at the follower", func() bool {
			o, _, _ := g.members[follower].broker.State().ConsumerOffset("g", "T", 0)
			return o == 3
		})
		if resp := g.call(follower, 11, pullFields("g", "T", 0, 5), nil); resp.Code != protocol.PullRetryImmediately || number(t, resp, "nextBeginOffset") != 5 {
			t.Errorf("on the follower: %d %v", resp.Code, resp.Ext)
		}
		g.eventually("a read from the new offset on the follower", func() bool {
			return g.call(follower, 11, pullFields("g", "T", 0, 3), nil).Code == protocol.Success
		})
		if resp := g.call(leader, 11, pullFields("g", "T", 0, 5), nil); resp.Code != protocol.PullOffsetMoved || number(t, resp, "nextBeginOffset") != 3 {
			t.Errorf("on the leader: %d %v", resp.Code, resp.Ext)
		}
	})
}
