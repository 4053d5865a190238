package bench

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/broker"
	"github.com/raftmq/raftmq/internal/netsim"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/namesrv"
	"github.com/raftmq/raftmq/raftlog"
)

// testCluster is a NameServer and a group of three brokers on a network and disks in memory, inside a synctest bubble.
type testCluster struct {
	t       *testing.T
	net     *netsim.Network
	members []*testMember
	ns      context.CancelFunc
	running sync.WaitGroup
}

type testMember struct {
	addr, dir string
	fs        *vfs.Mem
	host      *netsim.Host
	broker    *broker.Broker
	cancel    context.CancelFunc
	ended     chan struct{}
}

// inCluster runs a test in virtual time with a cluster that serves.
func inCluster(t *testing.T, test func(t *testing.T, c *testCluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &testCluster{t: t, net: netsim.New()}
		c.startNameServer()
		for i := range 3 {
			c.members = append(c.members, &testMember{addr: fmt.Sprint("10.0.0.", i+1), dir: t.TempDir(), fs: vfs.NewMem()})
		}
		for _, m := range c.members {
			c.start(m)
		}
		c.leader()
		test(t, c)
		for _, m := range c.members {
			m.cancel()
		}
		c.ns()
		c.running.Wait()
	})
}

func (c *testCluster) listen(h *netsim.Host, port int) net.Listener {
	ln, err := h.Listen(fmt.Sprint(":", port))
	if err != nil {
		c.t.Fatal(err)
	}
	return ln
}

func (c *testCluster) startNameServer() {
	s, err := namesrv.New(namesrv.Options{Listener: c.listen(c.net.Host("ns"), 9876), ReadyAfter: -1})
	if err != nil {
		c.t.Fatal(err)
	}
	var ctx context.Context
	ctx, c.ns = context.WithCancel(context.Background())
	c.running.Go(func() { s.Run(ctx) })
}

// start starts a member, also one that was killed, on its old files.
func (c *testCluster) start(m *testMember) {
	m.host = c.net.Host(m.addr)
	o := broker.Options{
		Cluster: "TestCluster", Name: "RaftNode00", Node: m.addr, Advertise: m.addr + ":10911", Listener: c.listen(m.host, 10911), NameServers: []string{"ns:9876"},
		Dial: m.host.Dial, FS: m.fs, Dir: "/data", RealDir: m.dir, AutoCreateTopic: true, AutoCreateGroup: true, FollowerReads: true, AdminAllow: []string{"0.0.0.0/0"},
		Raft: raftlog.Options{Listener: c.listen(m.host, 10912), Dial: m.host.Dial, Secret: []byte("a secret of the tests"), SegmentBytes: 4 << 20},
	}
	for _, peer := range c.members {
		o.Raft.Peers = append(o.Raft.Peers, raftlog.Peer{Name: peer.addr, Address: peer.addr + ":10912"})
	}
	b, err := broker.New(o)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.broker, m.cancel, m.ended = b, cancel, make(chan struct{})
	c.running.Go(func() {
		b.Run(ctx)
		close(m.ended)
	})
}

// kill takes a member off the network; its process ends unheard.
func (c *testCluster) kill(m *testMember) {
	m.host.Kill()
	m.cancel()
	<-m.ended
}

// leader waits until a member leads and every one that runs serves, and returns it.
func (c *testCluster) leader() *testMember {
	c.t.Helper()
	for range 3000 {
		var leader *testMember
		serving := 0
		for _, m := range c.members {
			select {
			case <-m.ended:
				continue
			default:
			}
			s := m.broker.Status()
			if s.Serving {
				serving++
			}
			if s.Serving && s.BrokerID == 0 {
				leader = m
			}
		}
		if leader != nil && serving >= 2 {
			return leader
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatal("no leader")
	return nil
}

func (c *testCluster) target() Target {
	return Target{NameServers: []string{"ns:9876"}, Dial: c.net.Host("10.0.0.99").Dial}
}

// do makes a run and returns it.
func (c *testCluster) do(s Settings, faults ...Fault) *Run {
	c.t.Helper()
	j := Job{Target: c.target(), Settings: s, Faults: faults}
	r, err := j.Do(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func seconds(n float64) Duration { return Duration{time.Duration(n * float64(time.Second))} }

func TestProduceAndConsume(t *testing.T) {
	inCluster(t, func(t *testing.T, c *testCluster) {
		sent := c.do(Settings{Kind: Produce, Size: 100, Concurrency: 8, Queues: 4, Messages: 500, Duration: seconds(60), Tags: 2, Keys: true, PropertyBytes: 10})
		if m := sent.Main(); m.Messages != 500 || m.Bytes != 50_000 || m.Errors != 0 || m.Latency.Count != 500 || m.Rate <= 0 {
			t.Errorf("sent: %d messages, %d bytes, %d errors, latency %+v", m.Messages, m.Bytes, m.Errors, m.Latency)
		}
		read := c.do(Settings{Kind: Consume, Queues: -1})
		if m := read.Main(); m.Messages != 500 || m.Bytes != 50_000 || m.Errors != 0 {
			t.Errorf("read: %d messages, %d bytes, %v", m.Messages, m.Bytes, read.Failures)
		}
		some := c.do(Settings{Kind: Consume, Queues: -1, Messages: 100, Concurrency: 1})
		if n := some.Main().Messages; n < 100 || n > 132 {
			t.Errorf("asked for 100 messages: read %d", n)
		}
	})
}

// RocketMQ's own benchmark uses this topic, which brokers have and nobody can create.
func TestSystemTopicIsUsedAsItIs(t *testing.T) {
	inCluster(t, func(t *testing.T, c *testCluster) {
		r := c.do(Settings{Kind: Produce, Topic: "BenchmarkTest", Messages: 20, Duration: seconds(60)})
		if r.Main().Messages != 20 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "as it is, with 1024 queues") {
			t.Errorf("%d messages, notes %q", r.Main().Messages, r.Notes)
		}
		j := Job{Target: c.target(), Settings: Settings{Kind: Produce, Topic: "no/topic"}}
		if _, err := j.Do(t.Context()); err == nil {
			t.Error("a topic that cannot be is used as it is")
		}
	})
}

func TestConsumeWithADurationFollows(t *testing.T) {
	inCluster(t, func(t *testing.T, c *testCluster) {
		c.do(Settings{Kind: Produce, Queues: 2, Messages: 50, Duration: seconds(60)})
		followed := make(chan *Run)
		go func() {
			j := Job{Target: c.target(), Settings: Settings{Kind: Consume, Queues: -1, Duration: seconds(5)}}
			r, err := j.Do(t.Context())
			if err != nil {
				t.Error(err)
			}
			followed <- r
		}()
		time.Sleep(2 * time.Second)
		c.do(Settings{Kind: Produce, Queues: 2, Messages: 50, Duration: seconds(60)})
		if r := <-followed; r.Main().Messages != 100 || r.Main().Errors != 0 {
			t.Errorf("followed %d messages of 100, %v", r.Main().Messages, r.Failures)
		}
	})
}

func TestEndToEndFindsEverything(t *testing.T) {
	inCluster(t, func(t *testing.T, c *testCluster) {
		r := c.do(Settings{Kind: EndToEnd, Rate: 200, Size: 64, Queues: 3, Warmup: seconds(1), Duration: seconds(2), Payload: "zero", CompressAbove: 32})
		want := Checks{Sent: 600, Acked: 600, Found: 600}
		if *r.Checks != want {
			t.Errorf("checks %+v, want %+v", *r.Checks, want)
		}
		acked, delivered := r.Streams[0], r.Streams[1]
		if acked.Messages != 400 || delivered.Messages != 400 || delivered.Bytes != 400*64 {
			t.Errorf("measured: acked %d, delivered %d messages with %d bytes", acked.Messages, delivered.Messages, delivered.Bytes)
		}
		if delivered.Latency.P50 < acked.Latency.Min {
			t.Errorf("delivered before acked: %+v, %+v", delivered.Latency, acked.Latency)
		}
	})
}

func TestFailoverLosesNothingAndMeasuresTheGap(t *testing.T) {
	inCluster(t, func(t *testing.T, c *testCluster) {
		var killed *testMember
		faults := []Fault{
			{At: 3 * time.Second, Name: "kill leader", Do: func(context.Context) (string, error) {
				killed = c.leader()
				c.kill(killed)
				return killed.addr, nil
			}},
			{At: 6 * time.Second, Name: "start", Do: func(context.Context) (string, error) { c.start(killed); return "", nil }},
		}
		r := c.do(Settings{Kind: Failover, Rate: 100, Concurrency: 32, Size: 64, Queues: 4, Duration: seconds(10)}, faults...)
		if k := r.Checks; k.Broken() || k.Acked != 1000 || k.Found != 1000 || k.Foreign != 0 {
			t.Errorf("checks %+v", *k)
		}
		if len(r.Faults) != 2 || r.Faults[0].From != 3 || r.Faults[0].Detail == "" || r.Faults[0].Error != "" {
			t.Fatalf("faults %+v", r.Faults)
		}
		if g := r.Faults[0].Gap; g.Millis < 15 || g.Millis > 5000 || g.From < 2.9 || g != *r.Gap {
			t.Errorf("gap %+v, longest %+v", g, *r.Gap)
		}
	})
}

func TestRunGoesOnAtTheNewLeader(t *testing.T) {
	faults := map[string]func(c *testCluster, leader *testMember){
		"the leader dies":       func(_ *testCluster, leader *testMember) { leader.host.Kill() },
		"the leader is cut off": func(c *testCluster, leader *testMember) { c.net.Isolate(leader.addr) }, // its connections stay
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			inCluster(t, func(t *testing.T, c *testCluster) {
				time.AfterFunc(3*time.Second, func() { fault(c, c.leader()) })
				r := c.do(Settings{Kind: Produce, Rate: 50, Queues: 4, Duration: seconds(15), Timeout: seconds(1)})
				last := r.Main().Series[14]
				if r.Main().Errors == 0 || last.Messages < 40 || last.Errors != 0 {
					t.Errorf("%d errors; the last second: %+v", r.Main().Errors, last)
				}
				c.net.HealAll()
			})
		})
	}
}

func TestInterruptedRunHasAResult(t *testing.T) {
	inCluster(t, func(t *testing.T, c *testCluster) {
		for _, kind := range []Kind{Produce, EndToEnd, Failover} {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			j := Job{Target: c.target(), Settings: Settings{Kind: kind, Rate: 100, Size: 64, Duration: seconds(60)}}
			r, err := j.Do(ctx)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			if m := r.Main(); !r.Interrupted || m.Messages < 200 || m.Messages > 300 || m.Seconds > 3.5 || r.Unsent != 0 {
				t.Errorf("%s: interrupted %v, %d messages in %g s, %d unsent", kind, r.Interrupted, m.Messages, m.Seconds, r.Unsent)
			}
			if r.Checks != nil && (r.Checks.Broken() || r.Checks.Found != r.Checks.Acked) {
				t.Errorf("%s: checks %+v", kind, *r.Checks)
			}
		}
	})
}

func TestNoNameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := netsim.New()
		j := Job{Target: Target{NameServers: []string{"ns:9876"}, Dial: net.Host("c").Dial}, Settings: Settings{Kind: Produce}}
		if r, err := j.Do(t.Context()); err == nil {
			t.Errorf("a run without a NameServer: %+v", r)
		}
	})
}

func TestWithoutALeaderNothingIsCalledLost(t *testing.T) {
	inCluster(t, func(t *testing.T, c *testCluster) {
		down := Fault{At: 2 * time.Second, Name: "kill two", Do: func(context.Context) (string, error) {
			leader := c.leader()
			c.kill(leader)
			for _, m := range c.members {
				if m != leader {
					c.kill(m)
					break
				}
			}
			return "", nil
		}}
		r := c.do(Settings{Kind: Failover, Rate: 50, Concurrency: 10, Size: 64, Queues: 2, Duration: seconds(4)}, down)
		k := r.Checks
		if k.Acked < 99 || k.Lost != 0 || k.Unread != k.Acked || k.Broken() || len(r.Notes) != 1 {
			t.Errorf("checks %+v, notes %q", *k, r.Notes)
		}
		if b := (&Report{Runs: []Run{*r}}).Broken(); len(b) != 1 {
			t.Errorf("what could not be verified passes: %q", b)
		}
		if r.Main().Errors == 0 || r.Unsent == 0 {
			t.Errorf("%d errors, %d unsent", r.Main().Errors, r.Unsent)
		}
	})
}
