package broker

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// peer is a client's end of a connection: it counts the notices it gets.
type peer struct {
	conn *remoting.Conn // the server's end

	mu      sync.Mutex
	notices map[string]int
}

func (p *peer) noticed(group string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.notices[group]
	delete(p.notices, group)
	return n
}

// newPeer opens a connection through memory.
func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{notices: map[string]int{}}
	got := make(chan *remoting.Conn, 1)
	server := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(r *remoting.Request) {
		got <- r.Conn
		r.Reply(&remoting.Command{})
	})})
	near, far := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.ServeConn(ctx, near) })
	client := remoting.NewConn(far, remoting.ClientOptions{Handler: remoting.HandlerFunc(func(r *remoting.Request) {
		group, _ := r.Ext.Get("consumerGroup")
		p.mu.Lock()
		if r.Code == protocol.CodeNotifyConsumerIDsChanged && r.IsOneway() {
			p.notices[group]++
		}
		p.mu.Unlock()
		r.Reply(&remoting.Command{})
	})})
	t.Cleanup(func() {
		cancel()
		_ = client.Close()
		wg.Wait()
	})
	if _, err := client.Invoke(ctx, &remoting.Command{Code: 1}); err != nil {
		t.Fatal(err)
	}
	p.conn = <-got
	return p
}

func (p *peer) channel(id string) channel {
	return channel{conn: p.conn, clientID: id, language: protocol.Java, version: 401, seen: time.Now()}
}

func subscribed(group string, version int64, topics ...string) *protocol.HeartbeatData {
	d := protocol.ConsumerData{GroupName: group, MessageModel: "CLUSTERING", ConsumeType: "CONSUME_PASSIVELY"}
	for _, topic := range topics {
		d.SubscriptionDataSet = append(d.SubscriptionDataSet, protocol.SubscriptionData{Topic: topic, SubString: "*", SubVersion: version})
	}
	return &protocol.HeartbeatData{ConsumerDataSet: []protocol.ConsumerData{d}}
}

func newTestClients() *clients { return newClients(func(string) bool { return true }) }

func TestConsumersAreToldOfEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClients()
		a, b := newPeer(t), newPeer(t)
		expect := func(what string, toA, toB int) {
			t.Helper()
			synctest.Wait()
			if gotA, gotB := a.noticed("g"), b.noticed("g"); gotA != toA || gotB != toB {
				t.Errorf("%s: %d and %d notices, want %d and %d", what, gotA, gotB, toA, toB)
			}
		}
		c.heartbeat(a.channel("a"), subscribed("g", 1, "T"))
		expect("the first joins", 1, 0)
		c.heartbeat(b.channel("b"), subscribed("g", 1, "T"))
		expect("the second joins", 1, 1)
		c.heartbeat(b.channel("b"), subscribed("g", 1, "T"))
		expect("a heartbeat that says nothing new", 0, 0)
		c.heartbeat(b.channel("b"), subscribed("g", 2, "T", "U"))
		expect("another topic", 1, 1)
		c.unregister(b.conn.ID(), "", "g")
		expect("the second leaves", 1, 0)
		c.heartbeat(b.channel("b"), subscribed("g", 2, "T", "U"))
		expect("it comes back", 1, 1)
		c.closed(a.conn.ID())
		expect("the first one's connection closes", 0, 1)
		if ids, has := c.consumerIDs("g", b.conn.ID()); !slices.Equal(ids, []string{"b"}) || !has {
			t.Errorf("consumers = %v, %v", ids, has)
		}
		c.closed(b.conn.ID())
		if _, ok := c.consumerGroup("g"); ok || c.count() != 0 {
			t.Error("the group is kept without channels")
		}
	})
}

func TestBroadcastersAndSilentGroupsAreNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClients(func(group string) bool { return group != "silent" })
		p := newPeer(t)
		h := subscribed("b", 1, "T")
		h.ConsumerDataSet[0].MessageModel = modelBroadcasting
		c.heartbeat(p.channel("p"), h)
		c.heartbeat(p.channel("p"), subscribed("silent", 1, "T"))
		synctest.Wait()
		if n := p.noticed("b") + p.noticed("silent"); n != 0 {
			t.Errorf("%d notices", n)
		}
	})
}

func TestClientsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClients()
		a, b := newPeer(t), newPeer(t)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { c.run(ctx) })
		h := subscribed("g", 1, "T")
		h.ProducerDataSet = []protocol.ProducerData{{GroupName: "p"}}
		c.heartbeat(a.channel("a"), h)
		time.Sleep(60 * time.Second)
		c.heartbeat(b.channel("b"), subscribed("g", 1, "T"))
		synctest.Wait()
		b.noticed("g")
		time.Sleep(75 * time.Second)
		if ids, _ := c.consumerIDs("g", 0); !slices.Equal(ids, []string{"b"}) {
			t.Errorf("consumers = %v, want the one that was heard from", ids)
		}
		if len(c.producerGroup("p")) != 0 {
			t.Error("the producer did not expire")
		}
		synctest.Wait()
		if b.noticed("g") != 1 {
			t.Error("the other consumer was not told")
		}
		cancel()
		wg.Wait()
	})
}

func TestSubscriptionReplacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClients()
		a, b := newPeer(t), newPeer(t)
		tagged := func(version int64, tag string) *protocol.HeartbeatData {
			h := subscribed("g", version, "T")
			h.ConsumerDataSet[0].SubscriptionDataSet[0].SubString = tag
			return h
		}
		expect := func(what, want string) {
			t.Helper()
			if s := c.subscriptionOf("g", "T"); s.subscription == nil || s.subscription.data.SubString != want {
				t.Errorf("%s: %+v, want %s", what, s, want)
			}
		}
		c.heartbeat(a.channel("a"), tagged(2000, "A"))
		c.heartbeat(b.channel("b"), tagged(1000, "B"))
		expect("an older version beside another client", "A")
		c.closed(a.conn.ID())
		c.heartbeat(b.channel("b"), tagged(1000, "B"))
		expect("the full heartbeat of the only client", "B")
		c.heartbeat(b.channel("b"), tagged(3000, "C"))
		expect("a newer version", "C")
		c.heartbeat(b.channel("b"), subscribed("g", 3000, "U"))
		if s := c.subscriptionOf("g", "T"); !s.known || s.subscription != nil {
			t.Errorf("a topic that is left out stays: %+v", s)
		}
	})
}

func TestFingerprintHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClients()
		p := newPeer(t)
		v2 := func(fingerprint int32, withoutSub bool) bool {
			h := subscribed("g", 1, "T")
			h.HeartbeatFingerprint, h.WithoutSub = fingerprint, withoutSub
			if withoutSub {
				h.ConsumerDataSet[0].SubscriptionDataSet = nil
			}
			return c.heartbeat(p.channel("p"), h)
		}
		steps := []struct {
			what        string
			fingerprint int32
			withoutSub  bool
			want        bool
		}{
			{"subscriptions left out that were never told", 7, true, true},
			{"then told in full", 7, false, false},
			{"left out and known", 7, true, false},
			{"another fingerprint", 8, true, true},
			{"that one again", 8, true, false},
		}
		for _, s := range steps {
			if got := v2(s.fingerprint, s.withoutSub); got != s.want {
				t.Errorf("%s: IS_SUB_CHANGE = %v", s.what, got)
			}
		}
		if s := c.subscriptionOf("g", "T"); s.subscription == nil {
			t.Error("a heartbeat without subscriptions removed them")
		}
	})
}

func TestManyGroupsLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClients()
		p := newPeer(t)
		for i := range 1000 {
			c.heartbeat(p.channel("p"), &protocol.HeartbeatData{ProducerDataSet: []protocol.ProducerData{{GroupName: fmt.Sprint("g", i)}}})
		}
		if n := len(c.producerGroups()); n != 1000 {
			t.Errorf("%d groups", n)
		}
		c.closed(p.conn.ID())
		if len(c.producerGroups())+len(c.producers)+len(c.groups) != 0 {
			t.Error("groups are kept after their connection closed")
		}
	})
}
