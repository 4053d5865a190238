package raftlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAGroupElectsAndReplicates(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("m", 50)
		contains(t, c.converged(time.Second), want)
	})
}

func TestAGroupOfOneLeadsAtOnceAndKeepsItsLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster(t, "n0")
		began := time.Now()
		c.start("n0")
		c.waitLeader()
		if d := time.Since(began); d > 100*time.Millisecond {
			t.Errorf("the first leader took %v", d)
		}
		want := c.sendTexts("a", 20)
		id := c.nodes["n0"].node.ID()
		c.stop("n0")
		c.start("n0")
		c.waitLeader()
		if got := c.nodes["n0"].node.ID(); got != id {
			t.Errorf("the instance became %s after %s", got, id)
		}
		c.kill("n0")
		c.start("n0")
		c.waitLeader()
		want = append(want, c.sendTexts("b", 5)...)
		contains(t, c.converged(time.Second), want)
		if !c.leader().node.LeaseValid() {
			t.Error("the only voter has no lease")
		}
	})
}

func TestConcurrentProposalsShareEntries(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		l := c.leader()
		before := l.node.Status().LastIndex
		const workers, each = 50, 20
		var wg sync.WaitGroup
		var mu sync.Mutex
		var want []string
		for w := range workers {
			wg.Go(func() {
				for i := range each {
					text := fmt.Sprintf("w%d-%d", w, i)
					if err := c.tryPropose(l, textRecord(text)); err != nil {
						t.Errorf("%s: %v", text, err)
					}
					mu.Lock()
					want = append(want, text)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		contains(t, c.converged(time.Second), want)
		if entries := l.node.Status().LastIndex - before; entries > workers*each/5 {
			t.Errorf("%d proposals took %d entries", workers*each, entries)
		}
	})
}

func TestADeadLeaderIsReplacedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		var want []string
		for round := range 4 {
			want = append(want, c.sendTexts(fmt.Sprint("r", round), 10)...)
			old := c.leader()
			time.Sleep(300 * time.Millisecond)
			began := time.Now()
			c.kill(old.name)
			c.until("another leader", time.Second, func() bool { l := c.leader(); return l != nil && l.name != old.name })
			c.send(textRecord(fmt.Sprint("after", round)))
			want = append(want, fmt.Sprint("after", round))
			if d := time.Since(began); d > 50*time.Millisecond {
				t.Errorf("round %d: the next leader committed after %v", round, d)
			}
			c.start(old.name)
			contains(t, c.converged(2*time.Second), want)
		}
	})
}

// A supervisor may have started the leader's process again before anybody has dialled it: then nothing is refused.
func TestARestartedLeaderIsReplacedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		c.net.SetDefaultLatency(2 * time.Millisecond)
		want := c.sendTexts("before", 10)
		for round := range 4 {
			old := c.waitLeader()
			c.pass(300 * time.Millisecond)
			began := time.Now()
			c.kill(old.name)
			c.start(old.name)
			c.until("a leader", 3*time.Second, func() bool { return c.leader() != nil })
			c.send(textRecord(fmt.Sprint("after", round)))
			want = append(want, fmt.Sprint("after", round))
			if d := time.Since(began); d > 150*time.Millisecond {
				t.Errorf("round %d: the next leader committed after %v", round, d)
			}
			contains(t, c.converged(2*time.Second), want)
		}
	})
}

func TestACutLeaderIsReplacedByTimersAndTruncatesItsTail(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("before", 10)
		old := c.leader()
		c.net.Isolate(old.name)
		// What the cut leader still takes is never committed there.
		lost := make(outcomes, 3)
		for i := range 3 {
			if err := old.node.Propose(textRecord(fmt.Sprint("lost", i)), 1, lost); err != nil {
				t.Fatalf("proposal %d: %v", i, err)
			}
			time.Sleep(time.Millisecond)
		}
		took := c.until("another leader", 4*time.Second, func() bool { l := c.leader(); return l != nil && l != old })
		t.Logf("another leader after %v", took)
		if took < 200*time.Millisecond {
			t.Errorf("a cut network was taken for a dead process after %v", took)
		}
		want = append(want, c.sendTexts("after", 10)...)
		for range 3 {
			if out := <-lost; out.Err == nil || errors.Is(out.Err, ErrUnknown) == errors.Is(out.Err, ErrNotAppended) {
				t.Errorf("a proposal of the cut leader ended with %v", out.Err)
			}
		}
		if old.node.LeaseValid() {
			t.Error("the cut leader has a lease")
		}
		c.net.HealAll()
		all := c.converged(3 * time.Second)
		contains(t, all, want)
		for _, s := range all {
			if s == "lost0" {
				t.Error("an overruled proposal was applied")
			}
		}
	})
}

func TestALeaderThatReturnsTruncatesWhatWasInFlight(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("before", 10)
		old := c.leader()
		time.Sleep(200 * time.Millisecond)
		// Entries in flight: on the leader's disk, on nobody else's.
		for _, f := range c.followers() {
			c.net.CutOneWay(old.name, f.name)
		}
		done := make(outcomes, 4)
		for i := range 4 {
			if err := old.node.Propose(textRecord(fmt.Sprint("tail", i)), 1, done); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Millisecond)
		}
		tail := old.node.Status().LastIndex
		c.net.HealAll()
		c.kill(old.name) // resets reach the followers before what was sent
		want = append(want, c.sendTexts("after", 20)...)
		c.start(old.name)
		contains(t, c.converged(5*time.Second), want)
		if l := c.leader().node.Status(); l.LastIndex < tail {
			t.Errorf("the new log ends at %d, the tail ended at %d", l.LastIndex, tail)
		}
	})
}

func TestAPlannedStopHandsLeadershipOver(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 10)
		old := c.leader()
		began := time.Now()
		old.cancel()
		c.until("another leader", time.Second, func() bool { l := c.leader(); return l != nil && l != old })
		want = append(want, c.sendTexts("b", 1)...)
		if d := time.Since(began); d > 50*time.Millisecond {
			t.Errorf("the hand-over took %v", d)
		}
		if err := <-old.ended; err != nil {
			t.Errorf("the old leader ended: %v", err)
		}
		old.node = nil
		c.start(old.name)
		contains(t, c.converged(3*time.Second), want)
	})
}

func TestLeadershipIsTransferredToWhomWasAsked(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		for range 4 {
			to := c.followers()[1]
			if err := c.leader().node.TransferLeadership(t.Context(), to.name); err != nil {
				t.Fatal(err)
			}
			c.until("the leader that was asked for", time.Second, func() bool { return c.leader() == to })
			c.send(textRecord("x"))
		}
		if err := c.followers()[0].node.TransferLeadership(t.Context(), ""); !errors.Is(err, ErrNotLeader) {
			t.Errorf("a follower transferred: %v", err)
		}
		if err := c.leader().node.TransferLeadership(t.Context(), "nobody"); !errors.Is(err, ErrNoMember) {
			t.Errorf("to nobody: %v", err)
		}
	})
}

func TestAMemberThatDeclinesTakesNoLeadership(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		leader, declines := c.leader(), c.followers()[0]
		declines.node.Decline()
		began := time.Now()
		if err := leader.node.TransferLeadership(t.Context(), declines.name); err == nil {
			t.Error("leadership was handed to it")
		}
		if took := time.Since(began); took > 50*time.Millisecond || c.leader() != leader {
			t.Errorf("after %v another leads", took)
		}
		c.send(textRecord("x"))
	})
}

func TestARefusingFirewallCostsAnElectionAndNothingElse(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 10)
		old := c.leader()
		f := c.followers()[0]
		c.net.Refuse(f.name, old.name)
		c.until("another leader", 3*time.Second, func() bool { l := c.leader(); return l != nil && l != old })
		want = append(want, c.sendTexts("b", 10)...)
		c.net.HealAll()
		contains(t, c.converged(5*time.Second), want)
	})
}

func TestAFollowerThatWasAwayCatchesUpAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		f := c.followers()[0]
		c.kill(f.name)
		want := c.sendTexts("a", 30)
		time.Sleep(time.Minute) // raft's back-off would be at its ten seconds
		c.start(f.name)
		began := time.Now()
		contains(t, c.converged(time.Minute), want)
		if d := time.Since(began); d > 700*time.Millisecond {
			t.Errorf("caught up after %v", d)
		}
		c.net.Isolate(f.name)
		want = append(want, c.sendTexts("b", 30)...)
		time.Sleep(time.Minute)
		c.net.HealAll()
		began = time.Now()
		contains(t, c.converged(time.Minute), want)
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("caught up after the cut in %v", d)
		}
	})
}

func TestAFollowerKnowsHowFarBehindItIs(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		c.sendTexts("a", 10)
		f := c.followers()[0]
		block := make(chan struct{})
		f.state.mu.Lock()
		f.state.block = block
		f.state.mu.Unlock()
		c.sendTexts("b", 10)
		time.Sleep(200 * time.Millisecond)
		s, l := f.node.Status(), c.leader().node.Status()
		if s.LeaderCommit != l.CommitIndex || s.LeaderNextPosition != l.NextPosition || s.AppliedIndex >= l.CommitIndex {
			t.Errorf("follower %+v\nleader %+v", s, l)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.node.WaitApplied(ctx, l.CommitIndex); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waited for what cannot be applied: %v", err)
		}
		f.state.mu.Lock()
		f.state.block = nil
		f.state.mu.Unlock()
		close(block)
		if err := f.node.WaitApplied(t.Context(), l.CommitIndex); err != nil {
			t.Error(err)
		}
	})
}

func TestAOneWayCutLeavesOneLeaderThatCommits(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		old := c.leader()
		f := c.followers()
		c.net.CutOneWay(old.name, f[0].name)
		c.net.CutOneWay(old.name, f[1].name)
		time.Sleep(3 * time.Second)
		want := c.sendTexts("a", 10)
		if c.leader() == old {
			t.Error("a leader that nobody hears leads")
		}
		c.net.HealAll()
		contains(t, c.converged(5*time.Second), want)
	})
}

func TestTheLeaseEndsWithTheQuorum(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		l := c.leader()
		c.until("a lease", time.Second, l.node.LeaseValid)
		for _, f := range c.followers() {
			if f.node.LeaseValid() {
				t.Errorf("follower %s has a lease", f.name)
			}
		}
		c.net.Cut(l.name, c.followers()[0].name)
		time.Sleep(time.Second)
		if !l.node.LeaseValid() {
			t.Error("no lease with one of two followers")
		}
		c.net.Isolate(l.name)
		time.Sleep(260 * time.Millisecond)
		if l.node.LeaseValid() {
			t.Error("the lease outlives the quorum")
		}
	})
}

func TestAWholeGroupRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 40)
		for round := range 3 {
			for _, p := range c.peers {
				c.kill(p.Name)
			}
			for _, p := range c.peers {
				c.start(p.Name)
			}
			c.waitLeader()
			want = append(want, c.sendTexts(fmt.Sprint("b", round), 10)...)
			contains(t, c.converged(3*time.Second), want)
		}
	})
}

func TestAStreamIsServedByTheOtherMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster(t, "n0", "n1", "n2")
		c.tune = func(o *Options) { o.OnStream = echoStream }
		for _, p := range c.peers {
			c.start(p.Name)
		}
		c.waitLeader()
		f := c.followers()[0]
		s, err := f.node.OpenStream(t.Context(), c.leader().node.ID())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(s, "hello")
		b := make([]byte, 64)
		n, err := s.Read(b)
		if want := fmt.Sprintf("%s says hello", f.node.ID()); err != nil || string(b[:n]) != want {
			t.Errorf("got %q, %v", b[:n], err)
		}
		s.Close()
		if _, err := f.node.OpenStream(t.Context(), ServerID(c.leader().name+"@other")); !errors.Is(err, errWrongMember) {
			t.Errorf("a stream to another instance: %v", err)
		}
	})
}
