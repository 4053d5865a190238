package broker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// The tests of this file run a group of three in a bubble of testing/synctest: time is virtual and exact.

func TestFollowerForwards(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		follower := (leader + 1) % 3
		resp := g.send(follower, "T", 0, "", "through a follower", protocol.Success)
		if number(t, resp, "queueOffset") != 0 {
			t.Errorf("queueOffset = %d", number(t, resp, "queueOffset"))
		}
		if all := g.drain(leader, "T", 0); len(all) != 1 || string(all[0].Body) != "through a follower" {
			t.Fatalf("on the leader: %d messages", len(all))
		}
		if resp := g.call(follower, 310, sendFields("T", 99, ""), []byte("x")); resp.Code != protocol.InvalidParameter {
			t.Errorf("a bad request through a follower: %d %q", resp.Code, resp.Remark)
		}
		g.call(leader, 11, pullFields("g", "T", 0, 0), nil)
		if resp := g.call(follower, 15, fields("consumerGroup", "g", "topic", "T", "queueId", 0, "commitOffset", 1), nil); resp.Code != protocol.Success {
			t.Errorf("commit through a follower: %d %q", resp.Code, resp.Remark)
		}
		if got := number(t, g.call(follower, 14, fields("consumerGroup", "g", "topic", "T", "queueId", 0), nil), "offset"); got != 1 {
			t.Errorf("offset through a follower = %d", got)
		}
		if got := number(t, g.call(follower, 30, fields("topic", "T", "queueId", 0), nil), "offset"); got != 1 {
			t.Errorf("max offset through a follower = %d", got)
		}
		g.oneway(follower, 15, fields("consumerGroup", "g", "topic", "T", "queueId", 0, "commitOffset", 3), nil)
		g.eventually("the one-way commit", func() bool {
			o, _, ok := g.members[leader].broker.State().ConsumerOffset("g", "T", 0)
			return ok && o == 3
		})
	})
}

// TestAnOldCommitThroughAnotherMember: a process that was paused finds commits in its sockets that are older than what the consumer has
// committed to the next leader since.
func TestAnOldCommitThroughAnotherMember(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.send(leader, "T", 0, "", "x", protocol.Success)
		g.call(leader, 34, nil, consumerHeartbeat("c", "g", "T"))
		commit := func(at int) protocol.Fields {
			return fields("consumerGroup", "g", "topic", "T", "queueId", 0, "commitOffset", at)
		}
		offset := func() int64 {
			o, _, _ := g.members[leader].broker.State().ConsumerOffset("g", "T", 0)
			return int64(o)
		}
		g.oneway(leader, 15, commit(7), nil)
		g.oneway((leader+1)%3, 15, commit(5), nil) // while 7 is gathered
		g.pass(time.Second)
		if got := offset(); got != 7 {
			t.Errorf("offset %d after an old commit that met a gathered one", got)
		}
		g.oneway((leader+1)%3, 15, commit(6), nil)
		g.pass(time.Second)
		if got := offset(); got != 7 {
			t.Errorf("offset %d after an old commit", got)
		}
		g.oneway(leader, 15, commit(2), nil) // the consumer went back
		g.pass(time.Second)
		if got := offset(); got != 2 {
			t.Errorf("offset %d after the consumer went back", got)
		}
	})
}

func TestFollowerReadsByTheRule(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		follower := (leader + 1) % 3
		for i := range 5 {
			g.send(leader, "T", 0, "", fmt.Sprint("m", i), protocol.Success)
		}
		g.pulled(leader, pullFields("g", "T", 0, 0)) // makes the group
		g.drain(leader, "T", 0)                      // and its own
		g.eventually("the follower", func() bool { return len(g.drain(follower, "T", 0)) == 5 })
		found := g.call(follower, 11, pullFields("g", "T", 0, 2), nil)
		if found.Code != protocol.Success || number(t, found, "nextBeginOffset") != 5 || number(t, found, "suggestWhichBrokerId") != 0 {
			t.Errorf("found on a follower: %d %v", found.Code, found.Ext)
		}
		for what, ext := range map[string]protocol.Fields{
			"at the end":       pullFields("g", "T", 0, 5),
			"beyond the end":   pullFields("g", "T", 0, 15),
			"an unknown topic": pullFields("g", "nowhere", 0, 15),
			"a queue beyond":   pullFields("g", "T", 99, 15),
			"an unknown group": pullFields("nobody", "T", 0, 15),
		} {
			asked, _ := ext.Get("queueOffset")
			resp := g.call(follower, 11, ext, nil)
			if next, _ := resp.Ext.Get("nextBeginOffset"); resp.Code != protocol.PullRetryImmediately || next != asked || number(t, resp, "suggestWhichBrokerId") != 0 {
				t.Errorf("%s on a follower: %d %q next %s", what, resp.Code, resp.Remark, next)
			}
		}
		begin := time.Now()
		resp := g.call(follower, 11, pullFields("g", "T", 0, 5, "sysFlag", protocol.PullSuspend|protocol.PullSubscription), nil)
		if took := time.Since(begin); resp.Code != protocol.PullRetryImmediately || took < homeWait || took > homeWait+100*time.Millisecond {
			t.Errorf("a pull that may wait: %d after %s", resp.Code, took)
		}
		unknown := pullFields("g", "T", 0, 0, "sysFlag", protocol.PullSuspend)
		begin = time.Now()
		resp = g.call(follower, 11, unknown, nil)
		if took := time.Since(begin); resp.Code != protocol.PullRetryImmediately || took < homeWait || took > homeWait+100*time.Millisecond {
			t.Errorf("a pull without subscription: %d after %s", resp.Code, took)
		}
		time.AfterFunc(200*time.Millisecond, func() { g.call(follower, 34, nil, consumerHeartbeat("late", "g", "T")) })
		begin = time.Now()
		resp = g.call(follower, 11, unknown, nil)
		if took := time.Since(begin); resp.Code != protocol.Success || took > 300*time.Millisecond {
			t.Errorf("a pull just before its consumer's heartbeat: %d after %s", resp.Code, took)
		}
	})
}

// consumerHeartbeat is what a consumer of all of a topic says about itself.
func consumerHeartbeat(clientID, group, topic string) []byte {
	return protocol.HeartbeatData{ClientID: clientID, ConsumerDataSet: []protocol.ConsumerData{{
		GroupName: group, ConsumeType: "CONSUME_PASSIVELY", MessageModel: "CLUSTERING", ConsumeFromWhere: "CONSUME_FROM_FIRST_OFFSET",
		SubscriptionDataSet: []protocol.SubscriptionData{{Topic: topic, SubString: "*", ExpressionType: "TAG", SubVersion: 1}},
	}}}.Encode()
}

// apache/rocketmq#10417: messages of a queue that only the lost side had left its lowest offset above its highest.
func TestAQueueThatOnlyTheLostSideHad(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.send(leader, "T", 1, "", "x", protocol.Success)
		for i := range g.members {
			if i != leader {
				g.net.Cut(g.members[leader].name, g.members[i].name)
			}
		}
		for n := range 5 {
			resp := g.call(leader, 310, sendFields("T", 0, ""), fmt.Append(nil, "lost", n))
			if resp.Code == protocol.Success {
				t.Errorf("a leader without a majority acknowledged message %d", n)
			}
		}
		next := g.leader(leader)
		for n := range 3 {
			sent := g.send(next, "T", 0, "", fmt.Sprint("kept", n), protocol.Success)
			if at := number(t, sent, "queueOffset"); at != int64(n) {
				t.Errorf("message %d has offset %d", n, at)
			}
		}
		g.net.HealAll()
		g.pulled(next, pullFields("drain", "T", 0, 0))
		for i := range g.members {
			g.eventually(fmt.Sprint("the messages on ", i), func() bool { return len(g.drain(i, "T", 0)) == 3 })
			low := number(t, g.call(i, 31, fields("topic", "T", "queueId", 0), nil), "offset")
			high := number(t, g.call(i, 30, fields("topic", "T", "queueId", 0), nil), "offset")
			if low != 0 || high != 3 {
				t.Errorf("member %d holds %d to %d", i, low, high)
			}
		}
	})
}

// A member that has just started lacks what it has not applied yet: it asks the leader.
func TestViewOnAFollowerThatLags(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		follower := (leader + 1) % 3
		for n := range 20 {
			sent := g.send(leader, "T", 0, "", fmt.Sprint("m", n), protocol.Success)
			id, _ := sent.Ext.Get("msgId")
			at, err := strconv.ParseInt(id[16:], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			if resp := g.call(follower, 33, fields("offset", at), nil); resp.Code != protocol.Success || len(resp.Body) == 0 {
				t.Errorf("message %d on the follower: %d %q", n, resp.Code, resp.Remark)
			}
		}
		if resp := g.call(follower, 33, fields("offset", 1), nil); resp.Code != protocol.SystemError {
			t.Errorf("no message: %d %q", resp.Code, resp.Remark)
		}
	})
}

func TestMembersComeBackToANameServerAtOnce(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.pass(100 * time.Millisecond) // apart from the heartbeats
		g.names.restart(t, g.net.Host("ns"))
		g.pass(failedPause + reconnectPause + 50*time.Millisecond)
		for i := range 3 {
			if addr := fmt.Sprint("10.0.0.", i+1, ":10911"); g.names.id(addr) == "" {
				t.Errorf("%s is not registered", addr)
			}
		}
	})
}

func TestMembersRegisterUnderTheirIDs(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		expect := func(leader int) {
			t.Helper()
			next := 1
			for i := range 3 {
				want := "0"
				if i != leader {
					want = fmt.Sprint(next)
					next++
				}
				addr := fmt.Sprint("10.0.0.", i+1, ":10911")
				g.eventually(addr+" as "+want, func() bool { return g.names.id(addr) == want })
			}
		}
		expect(leader)
		g.stop(leader)
		if id := g.names.id(fmt.Sprint("10.0.0.", leader+1, ":10911")); id != "" {
			t.Errorf("a member that stopped is registered as %s", id)
		}
		next := g.leader(leader)
		g.start(leader)
		expect(next)
	})
}

// load sends numbered messages, one after the other, to whoever takes them, as a producer that retries does.
type load struct {
	g     *testGroup
	mu    sync.Mutex
	acked []string
	stop  chan struct{}
	done  sync.WaitGroup
}

func startLoad(g *testGroup) *load {
	l := &load{g: g, stop: make(chan struct{})}
	l.done.Go(l.run)
	return l
}

func (l *load) run() {
	for i := 0; ; i++ {
		body := fmt.Sprint("load", i)
		for at := i; ; at++ {
			select {
			case <-l.stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			resp, err := l.g.client.Invoke(ctx, l.g.members[at%3].addr(), &remoting.Command{Code: 310, Ext: sendFields("load", 0, ""), Body: []byte(body)})
			cancel()
			if err == nil && resp.Code == protocol.Success {
				l.mu.Lock()
				l.acked = append(l.acked, body)
				l.mu.Unlock()
				break
			}
		}
	}
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

func (l *load) end() []string {
	close(l.stop)
	l.done.Wait()
	return l.acked
}

func TestLeaderDiesUnderLoad(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.send(leader, "load", 0, "", "first", protocol.Success)
		g.call(leader, 11, pullFields("g", "load", 0, 0), nil) // makes the group
		l := startLoad(g)
		for range 3 {
			before := l.count()
			g.eventually("acks", func() bool { return l.count() > before+100 })
			if resp := g.call(leader, 15, fields("consumerGroup", "g", "topic", "load", "queueId", 0, "commitOffset", before), nil); resp.Code != protocol.Success {
				t.Fatalf("commit: %d %q", resp.Code, resp.Remark)
			}
			dead := leader
			g.kill(dead)
			begin := time.Now()
			before2 := l.count()
			g.eventually("acks after the kill", func() bool { return l.count() > before2+1 })
			t.Logf("acks again %s after the kill was complete", time.Since(begin))
			leader = g.leader(dead)
			if got := number(t, g.call(leader, 14, fields("consumerGroup", "g", "topic", "load", "queueId", 0), nil), "offset"); got != int64(before) {
				t.Errorf("the committed offset is %d on the new leader, want %d", got, before)
			}
			g.start(dead)
			g.eventually("the dead member", func() bool { return g.members[dead].broker.Status().Serving })
		}
		acked := l.end()
		stored := map[string]int{}
		order := []string{}
		for _, m := range g.drain(g.leader(), "load", 0) {
			if stored[string(m.Body)]++; stored[string(m.Body)] == 1 {
				order = append(order, string(m.Body))
			}
		}
		for _, body := range acked {
			if stored[body] == 0 {
				t.Errorf("%s was acknowledged and is lost", body)
			}
		}
		order = slices.DeleteFunc(order, func(s string) bool { return !slices.Contains(acked, s) })
		if !slices.Equal(order, acked) {
			t.Error("the order of acknowledged messages changed")
		}
	})
}

func TestDelayedMessagesComeOnceAcrossFailOver(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		const n = 300
		begin := time.Now()
		for i := range n {
			g.send(leader, "T", i%4, "DELAY\x012\x02", fmt.Sprint("d", i), protocol.Success)
		}
		time.Sleep(time.Until(begin.Add(5 * time.Second)))
		g.kill(leader) // while they fall due
		next := g.leader(leader)
		count := func() (total int, each map[string]int) {
			each = map[string]int{}
			for queue := range 4 {
				for _, m := range g.drain(next, "T", queue) {
					each[string(m.Body)]++
					total++
				}
			}
			return total, each
		}
		g.eventually("all of them", func() bool { _, each := count(); return len(each) == n })
		time.Sleep(5 * time.Second)
		if total, _ := count(); total != n {
			t.Errorf("%d deliveries of %d messages", total, n)
		}
	})
}

func TestRequestsWaitOutAnElection(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.send(leader, "T", 0, "", "x", protocol.Success)
		g.kill(leader)
		follower := (leader + 1) % 3
		begin := time.Now()
		resp := g.send(follower, "T", 0, "", "during the election", protocol.Success)
		t.Logf("answered after %s, queueOffset %d", time.Since(begin), number(t, resp, "queueOffset"))
	})
}

func TestWithoutAMajorityRequestsEndInTime(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.send(leader, "T", 0, "", "x", protocol.Success)
		last := (leader + 1) % 3
		for i := range 3 {
			if i != last {
				g.net.Isolate(g.members[i].name)
			}
		}
		time.Sleep(5 * time.Second)
		begin := time.Now()
		resp := g.call(last, 310, sendFields("T", 0, ""), []byte("nobody"))
		if took := time.Since(begin); resp.Code != protocol.ServiceNotAvailable || took > 2500*time.Millisecond {
			t.Errorf("send without a leader: %d %q after %s", resp.Code, resp.Remark, took)
		}
		if resp := g.call(last, 14, fields("consumerGroup", "g", "topic", "T", "queueId", 0), nil); resp.Code != protocol.ServiceNotAvailable {
			t.Errorf("query without a leader: %d %q", resp.Code, resp.Remark)
		}
		g.net.HealAll()
		g.leader()
		g.send(last, "T", 0, "", "again", protocol.Success)
	})
}
