package compat

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

// Public reports of other brokers' faults that need killed nodes or other settings; docs/bugs-tried.md lists them.

func TestReportsUnderKills(t *testing.T) {
	c := newOwnCluster(t, "")
	topicsAndGroupsOutliveTheirLeader(c)
	batchesStayDense(c)
	delayedMessagesComeOnce(c)
	aMemberThatLagsDoesNotWin(c)
	aRemovedMemberLeavesTheOthersAlone(c)
}

// apache/rocketmq#9804: after a fail-over the new topic was gone.
func topicsAndGroupsOutliveTheirLeader(c *ownCluster) {
	t := c.t
	for round := range 5 {
		topic, group := unique(t, fmt.Sprint("topic", round)), unique(t, "g")
		leader := c.node(0)
		r := dialRaw(t, leader.Client)
		r.want(0, 17, fieldsOf("topic", topic, "defaultTopic", "TBW102", "readQueueNums", 5, "writeQueueNums", 3, "perm", 6, "topicFilterType", "SINGLE_TAG",
			"topicSysFlag", 0, "order", true, "attributes", "+message.type=FIFO"), nil)
		r.want(0, 200, nil, fmt.Appendf(nil, `{"groupName":%q,"consumeEnable":true,"consumeMessageOrderly":true,"retryQueueNums":3,"retryMaxTimes":5,"whichBrokerWhenConsumeSlowly":1}`, group))
		topicBody := r.want(0, 351, fieldsOf("topic", topic), nil).Body()
		groupBody := r.want(0, 352, fieldsOf("group", group), nil).Body()
		c.kill(leader)
		next := dialRaw(t, c.node(0).Client)
		if got := next.want(0, 351, fieldsOf("topic", topic), nil).Body(); string(got) != string(topicBody) {
			t.Errorf("round %d: the topic is %s, was %s", round, got, topicBody)
		}
		if got := next.want(0, 352, fieldsOf("group", group), nil).Body(); string(got) != string(groupBody) {
			t.Errorf("round %d: the group is %s, was %s", round, got, groupBody)
		}
		if f := next.send(topic, 2, "", []byte("x")); f.Code != 0 {
			t.Errorf("round %d: a send to it: %d %q", round, f.Code, f.Remark)
		}
		c.start(leader)
	}
}

// routeWatch looks at the route of a topic 20 times a second.
type routeWatch struct {
	looks  int
	bad    []string
	noZero time.Duration // longest time without broker id 0
}

func (w *routeWatch) run(ctx context.Context, topic string) {
	since := time.Now()
	for ctx.Err() == nil {
		<-time.After(50 * time.Millisecond)
		route, err := frame.QueryRoute(namesrv()[0], topic)
		w.looks++
		if err != nil {
			w.bad = append(w.bad, err.Error())
			continue
		}
		for _, q := range route.Queues {
			if q.Perm != 6 {
				w.bad = append(w.bad, fmt.Sprintf("perm %d", q.Perm))
			}
		}
		if len(route.Leaders()) > 0 {
			since = time.Now()
		}
		w.noZero = max(w.noZero, time.Since(since))
	}
}

// apache/rocketmq#2865: records of batches that were sent at the same time shared a queue offset. apache/rocketmq#7626: during an election all topics
// dropped to read only.
func batchesStayDense(c *ownCluster) {
	t := c.t
	const producers, size = 8, 50
	topic := newTopic(t, 1)
	ctx, stop := context.WithCancel(t.Context())
	var sending, watching sync.WaitGroup
	watch := &routeWatch{}
	watching.Go(func() { watch.run(ctx, topic) })
	acked := make([]int, producers) // batches
	for p := range producers {
		client := newProducer(t)
		sending.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				var batch []*primitive.Message
				for i := range size {
					batch = append(batch, primitive.NewMessage(topic, fmt.Appendf(nil, "%d/%d/%d", p, n, i)))
				}
				for ctx.Err() == nil {
					if _, err := client.SendSync(ctx, batch...); err == nil {
						acked[p] = n + 1
						break
					}
				}
			}
		})
	}
	for range 3 {
		<-time.After(2 * time.Second) // of load
		leader := c.node(0)
		c.kill(leader)
		c.node(0)
		c.start(leader)
	}
	stop()
	sending.Wait()
	watching.Wait()
	_, high := dialRaw(t, c.node(0).Client).bounds(topic, 0)
	s := &sink{}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	eventually(t, 60*time.Second, func() error {
		if n := int64(s.count()); n < high {
			return fmt.Errorf("%d of %d messages", n, high)
		}
		return nil
	})
	at := make([]string, high)
	for _, d := range s.deliveries() {
		if at[d.queueOffset] != "" && at[d.queueOffset] != d.body {
			t.Errorf("offset %d has %s and %s", d.queueOffset, at[d.queueOffset], d.body)
		}
		at[d.queueOffset] = d.body
	}
	seen := map[string]bool{}
	for i := 0; i < len(at); i += size {
		first := strings.TrimSuffix(at[i], "/0")
		seen[first] = true
		for n := range size {
			if i+n >= len(at) || at[i+n] != fmt.Sprintf("%s/%d", first, n) {
				t.Fatalf("offset %d does not have message %d of batch %s", i+n, n, first)
			}
		}
	}
	total := 0
	for p, batches := range acked {
		total += batches
		for n := range batches {
			if !seen[fmt.Sprintf("%d/%d", p, n)] {
				t.Errorf("batch %d of producer %d was acknowledged and is lost", n, p)
			}
		}
	}
	t.Logf("%d batches acknowledged, %d messages stored; %d looks at the route, id 0 away for %v at most", total, high, watch.looks, watch.noZero)
	if total == 0 || len(watch.bad) > 0 {
		t.Errorf("%d batches; routes: %v", total, watch.bad)
	}
}

// apache/rocketmq#3473: delayed messages came twice after a restart while they fell due.
func delayedMessagesComeOnce(c *ownCluster) {
	t := c.t
	const senders, each = 16, 250
	topic, s := newTopic(t, 4), &sink{}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	var wg sync.WaitGroup
	for n := range senders {
		p := newProducer(t)
		wg.Go(func() {
			for i := range each {
				m := primitive.NewMessage(topic, fmt.Appendf(nil, "%d/%d", n, i)).WithDelayTimeLevel(2)
				if _, err := p.SendSync(t.Context(), m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	eventually(t, settle, func() error {
		if n := s.count(); n < senders*each/10 {
			return fmt.Errorf("%d are delivered", n)
		}
		return nil
	})
	leader := c.node(0)
	c.kill(leader) // while they fall due
	var want []string
	for n := range senders {
		for i := range each {
			want = append(want, fmt.Sprintf("%d/%d", n, i))
		}
	}
	stored := func() (sum int64) {
		r := dialRaw(t, c.node(0).Client)
		for queue := range 4 {
			_, high := r.bounds(topic, queue)
			sum += high
		}
		return sum
	}
	eventually(t, 60*time.Second, func() error {
		got := map[string]bool{}
		for _, d := range s.deliveries() {
			got[d.body] = true
		}
		if len(got) < len(want) {
			return fmt.Errorf("%d of %d", len(got), len(want))
		}
		return nil
	})
	if n := stored(); n != int64(len(want)) {
		t.Errorf("%d messages were released, %d were sent", n, len(want))
	}
	for _, d := range s.deliveries() {
		if early := d.born + 5000 - d.stored; early > 0 {
			t.Errorf("%s was released %d ms early", d.body, early)
		}
	}
	c.start(leader)
}

// apache/rocketmq#2178: after a restart of the whole group the member that lagged won and truncated the others.
func aMemberThatLagsDoesNotWin(c *ownCluster) {
	t := c.t
	topic := newTopic(t, 1)
	all := c.nodes()
	lagging := c.node(1)
	c.kill(lagging)
	want := bodies("acked", 1000)
	send(t, newProducer(t), topic, want...)
	for _, n := range all {
		if n.ID != lagging.ID {
			c.kill(n)
		}
	}
	c.raftmq("dev", "start", lagging.ID, "--dir", c.dir)
	<-time.After(5 * time.Second) // it is alone, and must not win
	for _, n := range all {
		if n.ID != lagging.ID {
			c.raftmq("dev", "start", n.ID, "--dir", c.dir)
		}
	}
	if leader := c.node(0); leader.ID == lagging.ID && leader.Role != "leader" {
		t.Errorf("%s is registered as leader and is %s", leader.ID, leader.Role)
	}
	// A consumer of the stock client gives up at its start when there is no route, and all members were away.
	eventually(t, settle, func() error {
		if route, err := frame.QueryRoute(namesrv()[0], topic); err != nil || len(route.Leaders()) == 0 {
			return fmt.Errorf("route %+v, %v", route, err)
		}
		return nil
	})
	s := &sink{}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	// A send whose answer was lost is stored twice: what is asked here is that nothing acknowledged is gone.
	eventually(t, 45*time.Second, func() error {
		seen := map[string]bool{}
		for _, d := range s.deliveries() {
			seen[d.body] = true
		}
		for _, body := range want {
			if !seen[body] {
				return fmt.Errorf("%s is missing", body)
			}
		}
		return nil
	})
}

// hashicorp/raft#524: a member that was removed while it was away deposed the leader again and again when it came back.
func aRemovedMemberLeavesTheOthersAlone(c *ownCluster) {
	t := c.t
	var peers []struct{ ID, Node string }
	if err := json.Unmarshal([]byte(c.raftmq("raft", "list-peers", "-o", "json", "--dir", c.dir)), &peers); err != nil {
		t.Fatal(err)
	}
	leader, removed := c.node(0), c.node(2)
	c.raftmq("dev", "kill", removed.ID, "--signal", "STOP", "--dir", c.dir)
	for _, p := range peers {
		if p.Node == removed.ID {
			c.raftmq("raft", "remove-peer", p.ID, "--dir", c.dir)
		}
	}
	term := c.node(0).Term
	c.raftmq("dev", "kill", removed.ID, "--signal", "CONT", "--dir", c.dir)
	topic, r := newTopic(t, 1), dialRaw(t, leader.Client)
	var longest time.Duration
	for begin := time.Now(); time.Since(begin) < 15*time.Second; <-time.After(10 * time.Millisecond) {
		sent := time.Now()
		if f := r.send(topic, 0, "", []byte("x")); f.Code != 0 {
			t.Fatalf("send: %d %q", f.Code, f.Remark)
		}
		longest = max(longest, time.Since(sent))
	}
	if now := c.node(0); now.ID != leader.ID || now.Term != term || longest > time.Second {
		t.Errorf("%s led in term %d, now %s in term %d; the longest send took %v", leader.ID, term, now.ID, now.Term, longest)
	}
}

// apache/rocketmq#9497: addresses of IPv6 were not understood.
func TestGroupOnIPv6(t *testing.T) {
	if ln, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this host has no IPv6")
	} else {
		ln.Close()
	}
	c := newOwnClusterOn(t, "::1", "")
	names := dialRaw(t, namesrv()[0])
	if f := names.want(0, 106, nil, nil); !strings.Contains(string(f.Body()), `"0":"[::1]:`) {
		t.Errorf("cluster info: %s", f.Body())
	}
	leader := c.node(0)
	r := dialRaw(t, leader.Client)
	id := r.send("T", 0, "", []byte("over IPv6")).ExtFields["msgId"]
	if len(id) != 56 || !strings.HasPrefix(id, strings.Repeat("0", 31)+"1") {
		t.Errorf("message id %s", id)
	}
	r.want(0, 28, nil, nil)
	r.want(0, 202, fieldsOf("topic", "T"), nil)
	r.heartbeat("c", "g", "T", "*", 1)
	c.kill(leader)
	next := dialRaw(t, c.node(0).Client)
	if f := next.send("T", 0, "", []byte("x")); f.Code != 0 {
		t.Errorf("send to the next leader: %d %q", f.Code, f.Remark)
	}
	if f := next.pull("g", "T", 0, 0); f.Code != 0 || !strings.Contains(string(f.Body()), "over IPv6") {
		t.Errorf("pull: %d %q", f.Code, f.Remark)
	}
}

func TestReportsWithSmallLimits(t *testing.T) {
	c := newOwnCluster(t, `  listen = "0.0.0.0"
  raft {
    secret = "a secret of the tests, long enough"
  }
  limits {
    message_size = "64KiB"
  }
  store {
    commitlog_file_size = "1MiB"
    boundary_size       = "1MiB"
    retention_size      = "4MiB"
  }`)
	whatIsAcceptedCanBeRetried(c)
	messageIDsNameTheAdvertisedAddress(c)
	queuesWhoseMessagesAreGone(c)
}

// physicalOffset is that of the first stored message of a pull.
func physicalOffset(f frame.Frame) int64 { return int64(binary.BigEndian.Uint64(f.Body()[28:])) }

// apache/rocketmq#4226: a message at the limit could not be sent back, nor delayed.
func whatIsAcceptedCanBeRetried(c *ownCluster) {
	t := c.t
	topic, group := newTopic(t, 1), unique(t, "g")
	r := dialRaw(t, c.node(0).Client)
	r.heartbeat("c", group, topic, "*", 1)
	properties := "DELAY\x011\x02k\x01" + strings.Repeat("v", 440) + "\x02"
	if f := r.send(topic, 0, properties, make([]byte, 64<<10)); f.Code != 0 {
		t.Fatalf("a body of the largest size: %d %q", f.Code, f.Remark)
	}
	if f := r.send(topic, 0, properties, make([]byte, 64<<10+1)); f.Code != 13 {
		t.Errorf("a body above the largest size: %d %q", f.Code, f.Remark)
	}
	from, retries := topic, "%RETRY%"+group
	var found frame.Frame
	for n := range int64(4) {
		at := max(n-1, 0)
		eventually(t, settle, func() error {
			if found = r.pull(group, from, 0, at); found.Code != 0 {
				return fmt.Errorf("delivery %d: %d %q", n, found.Code, found.Remark)
			}
			return nil
		})
		from = retries
		r.want(0, 36, fieldsOf("group", group, "offset", physicalOffset(found), "delayLevel", 1, "originTopic", topic, "maxReconsumeTimes", 16), nil)
	}
}

// mxsm/rocketmq-rust#10417: with a listener on all interfaces message ids began with 00000000.
func messageIDsNameTheAdvertisedAddress(c *ownCluster) {
	t := c.t
	topic, leader := newTopic(t, 1), c.node(0)
	id := dialRaw(t, leader.Client).send(topic, 0, "", []byte("looked up")).ExtFields["msgId"]
	var ip, port uint32
	var physical int64
	fmt.Sscanf(id, "%8x%8x%16x", &ip, &port, &physical)
	if named := fmt.Sprintf("%d.%d.%d.%d:%d", ip>>24, ip>>16&255, ip>>8&255, ip&255, port); named != leader.Client {
		t.Errorf("id %s names %s, the leader is %s", id, named, leader.Client)
	}
	view := fieldsOf("offset", physical)
	c.kill(leader)
	f := dialRaw(t, c.node(0).Client).want(0, 33, view, nil)
	if !strings.Contains(string(f.Body()), "looked up") {
		t.Errorf("the next leader shows %q", f.Body())
	}
	c.start(leader)
	dialRaw(t, leader.Client).want(0, 33, view, nil) // at the address that the id names
}

// apache/rocketmq#8753: a queue whose messages are all gone still showed its old bounds.
func queuesWhoseMessagesAreGone(c *ownCluster) {
	t := c.t
	old, other := newTopic(t, 1), newTopic(t, 1)
	leader := dialRaw(t, c.node(0).Client)
	for range 250 {
		leader.send(old, 0, "", []byte("old"))
	}
	eventually(t, 60*time.Second, func() error {
		for range 30 {
			leader.send(other, 0, "", make([]byte, 60<<10))
		}
		for _, n := range c.nodes() {
			if low, high := dialRaw(t, n.Client).bounds(old, 0); low != 250 || high != 250 {
				return fmt.Errorf("%s holds %d to %d", n.ID, low, high)
			}
		}
		return nil
	})
	group := unique(t, "g")
	leader.heartbeat("c", group, old, "*", 1)
	if f := leader.pull(group, old, 0, 0); f.Code != 21 || leader.number(f, "nextBeginOffset") != 250 {
		t.Errorf("the leader answers %d, next %s", f.Code, f.ExtFields["nextBeginOffset"])
	}
	for _, addr := range followers(t, old) {
		follower := dialRaw(t, addr)
		if f := follower.pull(group, old, 0, 0); f.Code != 20 || follower.number(f, "nextBeginOffset") != 0 {
			t.Errorf("a follower answers %d, next %s", f.Code, f.ExtFields["nextBeginOffset"])
		}
	}
	if f := leader.send(old, 0, "", []byte("new")); f.Code != 0 || leader.number(f, "queueOffset") != 250 {
		t.Errorf("the next send: %d, offset %s", f.Code, f.ExtFields["queueOffset"])
	}
}
