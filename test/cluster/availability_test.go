//go:build linux

package cluster

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/console"
)

// availability are the events whose effect on a client is measured: the longest time without an acknowledgement, of eight producers that send 400
// messages of 1 KiB a second together, each with one under way for at most attempt, and that ask for the route after an error.
var availability = []struct {
	goal, event string
	fault       func(c *Cluster, n *Node, hold time.Duration) error
	target      string
	hold        time.Duration
	median, max time.Duration // limits; 0: none
}{
	{"V1", "leader killed (kill -9), its host alive", kill, "leader", 2 * time.Second, 200 * time.Millisecond, 1500 * time.Millisecond},
	{"V1", "leader's host without power", power, "leader", 2 * time.Second, 1500 * time.Millisecond, 4 * time.Second},
	{"V2", "leader cut off from everybody", cut, "leader", 4 * time.Second, 1500 * time.Millisecond, 3 * time.Second},
	{"V2", "leader stopped (SIGSTOP)", pause, "leader", 4 * time.Second, 1500 * time.Millisecond, 3 * time.Second},
	{"V3", "leadership transferred", transfer, "leader", time.Second, 0, 300 * time.Millisecond},
	{"V3", "leader ended by SIGTERM", terminate, "leader", time.Second, 0, 300 * time.Millisecond},
	{"V4", "leader's disk hangs", hang, "leader", 6 * time.Second, 0, 5 * time.Second},
	{"V5", "follower killed", kill, "follower", 2 * time.Second, 0, 500 * time.Millisecond},
	{"V5", "follower stopped", pause, "follower", 4 * time.Second, 0, 500 * time.Millisecond},
	{"V10", "leader cut off from one follower, which the other one reaches", bridge, "leader", 5 * time.Second, 0, 5 * time.Second},
}

// attempt is how long one attempt of a measured client may take: gaps where nothing is refused are multiples of it.
const attempt = 250 * time.Millisecond

// TestAvailability measures them: go test ./test/cluster -run TestAvailability -events N -rows FILE. Each event is a line in FILE; where -events is not
// set it is skipped.
func TestAvailability(t *testing.T) {
	if *events == 0 {
		t.Skip("no -events")
	}
	Require(t, base...)
	for _, a := range availability {
		t.Run(a.goal+" "+a.event, func(t *testing.T) {
			var gaps []time.Duration
			c := New(t, Options{})
			l := c.StartLoad(LoadOptions{Timeout: attempt})
			type window struct{ from, to time.Duration }
			var windows []window
			for range *events {
				c.AwaitHealthy(healthyWithin)
				wait(time.Second)
				from := l.Since()
				if err := a.fault(c, c.target(a.target), a.hold); err != nil {
					t.Fatal(err)
				}
				windows = append(windows, window{from, l.Since()})
			}
			h := l.Finish().History
			for _, w := range windows {
				gaps = append(gaps, h.Gap(w.from, w.to))
			}
			median, worst := Quantile(gaps, 0.5), Quantile(gaps, 1)
			t.Logf("%s: %d events: median %v, p99 %v, worst %v; %d of %d sends acknowledged", a.event, len(gaps), median, Quantile(gaps, 0.99), worst, h.Acked(), len(h.Sends))
			appendRows(t, a.goal, a.event, gaps)
			if a.median > 0 && median > a.median || worst > a.max {
				t.Errorf("the goal is a median of %v and at most %v", a.median, a.max)
			}
		})
	}
}

// transfer hands leadership over as an operator does.
func transfer(c *Cluster, n *Node, hold time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := console.Client{Address: n.AdminAddr(), Token: adminToken}.Transfer(ctx, GroupName, "")
	wait(hold)
	return err
}

// appendRows adds a line for each measured event to the file that -rows names.
func appendRows(t *testing.T, goal, event string, times []time.Duration) {
	if *rows == "" {
		return
	}
	f, err := os.OpenFile(*rows, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range times {
		fmt.Fprintf(f, "%s\t%s\t%.1f\n", goal, event, float64(at)/float64(time.Millisecond))
	}
}

// timed are events for which something else than a gap is measured.
var timed = []struct {
	goal, event string
	max         time.Duration
	measure     func(c *Cluster, l *Load) (time.Duration, error)
}{
	{"V6", "all nodes lose power; from the start of the second node to the next acknowledgement", 5 * time.Second, blackout},
	{"V7", "follower cut off for 5 s; from the heal to lag 0", 12 * time.Second, healLag},
	{"V8", "leader's disk full; from the freeing to the next acknowledgement", 5 * time.Second, fullAndFreed},
}

// TestTimed measures them, as TestAvailability.
func TestTimed(t *testing.T) {
	if *events == 0 {
		t.Skip("no -events")
	}
	Require(t, base...)
	for _, m := range timed {
		t.Run(m.goal+" "+m.event, func(t *testing.T) {
			var times []time.Duration
			c := New(t, Options{})
			l := c.StartLoad(LoadOptions{})
			for range *events {
				c.AwaitHealthy(healthyWithin)
				wait(time.Second)
				took, err := m.measure(c, l)
				if err != nil {
					t.Fatal(err)
				}
				times = append(times, took)
			}
			l.Finish()
			t.Logf("%s: %d events: median %v, p99 %v, worst %v", m.event, len(times), Quantile(times, 0.5), Quantile(times, 0.99), Quantile(times, 1))
			appendRows(t, m.goal, m.event, times)
			if worst := Quantile(times, 1); worst > m.max {
				t.Errorf("the worst is %v, at most %v", worst, m.max)
			}
		})
	}
}

// untilAcked is the time until a message that was sent after from is acknowledged.
func (l *Load) untilAcked(from time.Duration) (time.Duration, error) {
	for l.Since()-from < healthyWithin {
		l.mu.Lock()
		for _, s := range l.mu.history.Sends[max(0, len(l.mu.history.Sends)-100):] {
			if s.Outcome == client.Sent && s.Start >= from {
				l.mu.Unlock()
				return s.End - from, nil
			}
		}
		l.mu.Unlock()
		wait(5 * time.Millisecond)
	}
	return 0, fmt.Errorf("nothing is acknowledged for %v", healthyWithin)
}

func blackout(c *Cluster, l *Load) (time.Duration, error) {
	for _, n := range c.Nodes {
		if err := n.PowerCut(); err != nil {
			return 0, err
		}
	}
	wait(time.Second)
	for _, n := range c.Nodes[:2] {
		if err := n.PowerOn(); err != nil {
			return 0, err
		}
	}
	took, err := l.untilAcked(l.Since())
	if err != nil {
		return 0, err
	}
	return took, c.Nodes[2].PowerOn()
}

func healLag(c *Cluster, _ *Load) (time.Duration, error) {
	if err := cut(c, c.target("follower"), 5*time.Second); err != nil {
		return 0, err
	}
	return c.AwaitHealthy(healthyWithin), nil
}

func fullAndFreed(c *Cluster, l *Load) (time.Duration, error) {
	if err := fill(c, c.target("leader"), 2*time.Second); err != nil {
		return 0, err
	}
	return l.untilAcked(l.Since())
}
