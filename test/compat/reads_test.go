package compat

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

// smallWindow makes a backlog of a few MiB one that is far behind.
const smallWindow = "  read {\n    hot_window = \"1MiB\"\n  }"

// backlog makes a topic with one queue and puts n messages of 4 KiB into it.
func backlog(t *testing.T, n int) (topic string, want []string) {
	t.Helper()
	topic, want = newTopic(t, 1), bodies("backlog", n)
	filler := strings.Repeat("x", 4<<10)
	for i := range want {
		want[i] += filler
	}
	p := newProducer(t)
	for at := 0; at < n; at += 50 {
		var batch []*primitive.Message
		for _, body := range want[at:min(at+50, n)] {
			batch = append(batch, primitive.NewMessage(topic, []byte(body)))
		}
		if _, err := p.SendSync(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	return topic, want
}

func TestBacklogIsReadFromAFollower(t *testing.T) {
	c := newOwnCluster(t, smallWindow)
	topic, want := backlog(t, 3000)
	leader, first, second := c.node(0), c.node(1), c.node(2)
	s := &sink{}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	s.waitBodies(t, settle, want)
	fromFollower, fromLeader := c.delivered(first), c.delivered(leader)
	if fromFollower < len(want)/2 || fromLeader == 0 || fromFollower+fromLeader != len(want) || c.delivered(second) != 0 {
		t.Errorf("of %d messages the leader delivered %d, broker id 1 %d, broker id 2 %d", len(want), fromLeader, fromFollower, c.delivered(second))
	}
	s.forget()
	p, fresh := newProducer(t), bodies("fresh", 50)
	for _, body := range fresh {
		send(t, p, topic, body)
	}
	s.waitBodies(t, settle, fresh)
	if n, l := c.delivered(first)-fromFollower, c.delivered(leader)-fromLeader; n != 0 || l != len(fresh) {
		t.Errorf("after catching up the leader delivered %d of %d messages, the follower %d", l, len(fresh), n)
	}
}

func TestBacklogWhileTheFollowerIsDead(t *testing.T) {
	c := newOwnCluster(t, smallWindow)
	topic, want := backlog(t, 3000)
	dead := c.node(1)
	c.raftmq("dev", "kill", dead.ID, "--dir", c.dir)
	eventually(t, settle, func() error {
		route, err := frame.QueryRoute(namesrv()[0], topic)
		if err == nil && strings.Contains(fmt.Sprint(route), dead.Client) {
			err = fmt.Errorf("the route still names %s", dead.Client)
		}
		return err
	})
	s := &sink{}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	s.waitBodies(t, settle, want)
	if gap := s.longestGap(); gap > 500*time.Millisecond {
		t.Errorf("nothing came for %v", gap)
	}
}

// A consumer whose follower dies while it reads there goes on as soon as its route, which it asks for every 30 s, no longer shows the
// follower: that is up to the client, as with a slave of RocketMQ that dies. It gets everything once.
func TestFollowerDiesUnderABacklog(t *testing.T) {
	c := newOwnCluster(t, smallWindow)
	topic, want := backlog(t, 3000)
	follower, killed := c.node(1), make(chan struct{})
	begun := make(chan struct{}, 1)
	s := &sink{}
	s.answer = func(context.Context, delivery) consumer.ConsumeResult {
		if s.count() >= 100 { // with some hundred messages that wait to be consumed the client pulls no more
			select {
			case begun <- struct{}{}:
			default:
			}
			<-killed
		}
		return consumer.ConsumeSuccess
	}
	startConsumer(t, unique(t, "g"), topic, "*", s, fromFirst())
	select {
	case <-begun:
	case <-time.After(settle):
		t.Fatal("no message came")
	}
	eventually(t, settle, func() error {
		if n := c.delivered(follower); n < 50 {
			return fmt.Errorf("the follower delivered %d messages", n)
		}
		return nil
	})
	c.raftmq("dev", "kill", follower.ID, "--dir", c.dir)
	close(killed)
	s.waitBodies(t, 45*time.Second, want)
	t.Logf("longest time without a message: %v", s.longestGap().Round(time.Millisecond))
}

// TestJavaBacklogIsReadFromAFollower is the first test with the stock Java client of the version that COMPAT_JAVA names.
func TestJavaBacklogIsReadFromAFollower(t *testing.T) {
	version := os.Getenv("COMPAT_JAVA")
	if version == "" {
		t.Skip("COMPAT_JAVA names no version of the Java client")
	}
	c := newOwnCluster(t, smallWindow)
	leader, follower := c.node(0), c.node(1)
	script := exec.CommandContext(t.Context(), "../../scripts/compat-java.sh", version, os.Getenv("NAMESRV_ADDR"), "extra", "backlog")
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// The case sends 3000 messages, consumes them, then 50 more.
	if f, l := c.delivered(follower), c.delivered(leader); f < 1500 || l < 50 || f+l != 3050 {
		t.Errorf("the leader delivered %d messages, the follower %d", l, f)
	}
}
