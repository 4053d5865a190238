package broker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// orderly is one client of an orderly group, with a connection of its own to each member.
type orderly struct {
	g      *testGroup
	id     string
	client *remoting.Client
}

func newOrderly(g *testGroup, id string) *orderly {
	o := &orderly{g: g, id: id, client: remoting.NewClient(remoting.ClientOptions{Dial: g.net.Host(id).Dial})}
	g.t.Cleanup(func() { _ = o.client.Close() })
	return o
}

func (o *orderly) body(queues ...int32) []byte {
	r := protocol.LockBatchRequest{ClientID: o.id, ConsumerGroup: "g"}
	for _, q := range queues {
		r.MQSet = append(r.MQSet, protocol.MessageQueue{BrokerName: "RaftNode00", Topic: "T", QueueID: q})
	}
	return r.Encode()
}

func (o *orderly) call(i int, code int32, body []byte) *remoting.Command {
	o.g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	resp, err := o.client.Invoke(ctx, o.g.members[i].addr(), &remoting.Command{Code: code, Version: 401, Body: body})
	if err != nil {
		o.g.t.Fatal(err)
	}
	return resp
}

// lock asks a member for queues and returns those that it got, as text.
func (o *orderly) lock(i int, queues ...int32) string {
	o.g.t.Helper()
	resp := o.call(i, 41, o.body(queues...))
	var got protocol.LockBatchResponse
	if err := got.Decode(resp.Body); err != nil || resp.Code != protocol.Success {
		o.g.t.Fatalf("lock: %d %q, %v", resp.Code, resp.Remark, err)
	}
	var ids []int32
	for _, q := range got.LockOKMQSet {
		ids = append(ids, q.QueueID)
	}
	return fmt.Sprint(ids)
}

func (o *orderly) want(i int, want string, queues ...int32) {
	o.g.t.Helper()
	if got := o.lock(i, queues...); got != want {
		o.g.t.Errorf("%s locked %s of %v, want %s", o.id, got, queues, want)
	}
}

func TestQueueLocks(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.send(leader, "T", 0, "", "x", protocol.Success) // a topic with 4 queues
		a, b := newOrderly(g, "a"), newOrderly(g, "b")
		follower := (leader + 1) % 3

		a.want(leader, "[0 1]", 0, 1)
		b.want(leader, "[2]", 0, 1, 2)
		a.want(follower, "[0 1]", 0, 1, 2) // its own again
		b.want(follower, "[3]", 3, 4, 99, -1)
		if resp := b.call(leader, 42, b.body(0, 2)); resp.Code != protocol.Success {
			t.Errorf("unlock: %d %q", resp.Code, resp.Remark)
		}
		a.want(leader, "[2]", 2)
		b.want(leader, "[]", 0) // it freed what was not its own
		b.want(leader, "[]")

		g.pass(40 * time.Second)
		a.want(leader, "[1]", 1)
		g.pass(21 * time.Second)
		b.want(leader, "[0]", 0, 1) // 0 was renewed 61 s ago, 1 21 s ago

		for what, body := range map[string][]byte{
			"no JSON":      []byte("{"),
			"no group":     protocol.LockBatchRequest{ClientID: "a"}.Encode(),
			"no client":    protocol.LockBatchRequest{ConsumerGroup: "g"}.Encode(),
			"a wrong name": protocol.LockBatchRequest{ClientID: "a", ConsumerGroup: "../g"}.Encode(),
		} {
			for _, code := range []int32{41, 42} {
				if resp := a.call(leader, code, body); resp.Code != protocol.InvalidParameter && resp.Code != protocol.SystemError {
					t.Errorf("%s to %d: %d %q", what, code, resp.Code, resp.Remark)
				}
			}
		}
		foreign := protocol.LockBatchRequest{ClientID: "a", ConsumerGroup: "g", MQSet: []protocol.MessageQueue{{BrokerName: "another", Topic: "T"}}}
		if resp := a.call(leader, 41, foreign.Encode()); string(resp.Body) != `{"lockOKMQSet":[]}` {
			t.Errorf("a queue of another broker: %s", resp.Body)
		}
	})
}

func TestLocksOutliveTheLeader(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.send(leader, "T", 0, "", "x", protocol.Success)
		a, b := newOrderly(g, "a"), newOrderly(g, "b")
		a.want(leader, "[0 1]", 0, 1)
		locked := time.Now()
		g.kill(leader)
		next := g.leader(leader)
		b.want(next, "[2]", 0, 1, 2)
		last := 3 - leader - next
		g.kill(last)
		g.pass(5 * time.Second) // there is no majority and so no leader
		if resp := a.call(next, 41, a.body(0)); resp.Code != protocol.ServiceNotAvailable {
			t.Errorf("without a majority: %d %q", resp.Code, resp.Remark)
		}
		g.start(last)
		next = g.leader(leader)
		g.pass(time.Until(locked.Add(40 * time.Second)))
		a.want(next, "[0]", 0)
		g.pass(30 * time.Second) // group time stood still while there was no leader
		b.want(next, "[1]", 0, 1)
	})
}

func TestAClosedConnectionFreesItsLocks(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.send(leader, "T", 0, "", "x", protocol.Success)
		a, b, other := newOrderly(g, "a"), newOrderly(g, "b"), newOrderly(g, "a") // the same client id over another connection
		a.want(leader, "[0 1]", 0, 1)
		other.want(leader, "[2]", 2)
		b.want(leader, "[]", 0, 1, 2)
		_ = a.client.Close()
		g.pass(time.Second)
		b.want(leader, "[]", 0, 1, 2)
		_ = other.client.Close()
		g.pass(time.Second)
		b.want(leader, "[0 1 2]", 0, 1, 2)
	})
}

// An orderly client sends on to the retry topic only what it gives up: it becomes a dead letter.
func TestWhatAnOrderlyGroupGivesUpIsADeadLetter(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		g.send(0, "T", 0, "", "x", protocol.Success)
		g.call(0, 34, nil, consumerHeartbeat("a", "g", "T"))
		g.send(0, "%RETRY%g", 0, "", "retried", protocol.Success)
		newOrderly(g, "a").want(0, "[0]", 0)
		g.send(0, "%RETRY%g", 0, "", "given up", protocol.Success)
		if dead := g.drain(0, "%DLQ%g", 0); len(dead) != 1 || string(dead[0].Body) != "given up" {
			t.Errorf("dead letters %v", dead)
		}
	})
}
