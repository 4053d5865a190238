//go:build linux

package cluster

import (
	"os"
	"testing"
	"time"

	"github.com/raftmq/raftmq/config"
)

const (
	catchUpBytes   = 256 << 20
	catchUpRateMin = 100 // MiB a second
	blackoutBytes  = 1 << 30
)

// fillLog loads the cluster until the leader's log has so many bytes, and returns the load, which goes on at its usual rate.
func fillLog(t *testing.T, c *Cluster, bytes int64) *Load {
	l := c.StartLoad(LoadOptions{Producers: 16, Interval: time.Millisecond, Size: 128 << 10, Timeout: 3 * time.Second})
	for end := time.Now().Add(2 * time.Minute); ; wait(100 * time.Millisecond) {
		leader := c.Leader()
		if leader != nil {
			if v, err := leader.View(t.Context()); err == nil && v.LogBytes >= bytes {
				l.Stop()
				return c.StartLoad(LoadOptions{})
			}
		}
		if time.Now().After(end) {
			t.Fatalf("the log does not reach %d bytes", bytes)
		}
	}
}

// TestCatchUp measures goal V9: a wiped follower comes back by rejoin under load, with all that the others hold.
func TestCatchUp(t *testing.T) {
	if *events == 0 {
		t.Skip("no -events")
	}
	Require(t, base...)
	c := New(t, Options{DiskBytes: 2 << 30, Configure: func(b *config.Broker) { b.Store.CommitlogFileSize = 64 * config.MiB }})
	l := fillLog(t, c, catchUpBytes)
	wait(5 * time.Second)
	n := c.target("follower")
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(n.Dir()); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	wait(2 * time.Second) // it waits to be added
	from := l.Since()
	if err := n.Rejoin(time.Minute); err != nil {
		t.Fatal(err)
	}
	took := l.Since() - from
	v, err := n.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rate := float64(v.LogBytes) / (1 << 20) / took.Seconds()
	l.stop()
	l.done.Wait()
	before, meanwhile := l.mu.history.latencies(0, 5*time.Second), l.mu.history.latencies(from, from+took)
	t.Logf("V9: %d MiB in %v, %.0f MiB/s, until it votes; p99 of the sends %v before, %v meanwhile", v.LogBytes>>20, took, rate, Quantile(before, 0.99), Quantile(meanwhile, 0.99))
	if rate < catchUpRateMin {
		t.Errorf("the goal is %d MiB/s", catchUpRateMin)
	}
	c.AwaitHealthy(healthyWithin)
	for _, v := range c.verify() {
		t.Error(v)
	}
}

// TestBlackoutWithMuchLog measures goal V6: all nodes lose power with 1 GiB of log behind the last image; the time from the start of the second one.
func TestBlackoutWithMuchLog(t *testing.T) {
	if *events == 0 {
		t.Skip("no -events")
	}
	Require(t, base...)
	c := New(t, Options{DiskBytes: 3 << 30, Configure: func(b *config.Broker) {
		b.Store.CommitlogFileSize, b.Store.BoundarySize = 256*config.MiB, 4*config.GiB
	}})
	l := fillLog(t, c, blackoutBytes)
	wait(time.Second)
	took, err := blackout(c, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("V6: the next acknowledgement came %v after the start of the second node, with %d MiB of log behind the last image", took, blackoutBytes>>20)
	if took > 5*time.Second {
		t.Error("the goal is 5 s")
	}
	c.AwaitHealthy(healthyWithin)
}
