package raftlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// logSync matches what makes appends durable.
func logSync(op vfs.Op) bool {
	return (op.Kind == vfs.OpSync || op.Kind == vfs.OpWrite) && strings.Contains(op.Path, "commitlog/")
}

// entrySync matches the fsync of entries, without that of the side file, which may come before.
func entrySync(op vfs.Op) bool {
	return op.Kind == vfs.OpSync && logSync(op) && !strings.HasSuffix(op.Path, "/mark")
}

func TestALeaderWhoseDiskHangsIsReplacedAndComesBack(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 10)
		old := c.leader()
		hung, release := old.fs.Hang(logSync)
		inFlight, waiting := make(outcomes, 1), make(outcomes, 10)
		if err := old.node.Propose(textRecord("in flight"), 1, inFlight); err != nil {
			t.Fatal(err)
		}
		<-hung
		began := time.Now()
		taken := 0
		for i := range 10 {
			if old.node.Propose(textRecord(fmt.Sprint("waits", i)), 1, waiting) == nil {
				taken++
			}
		}
		c.until("another leader", 5*time.Second, func() bool { l := c.leader(); return l != nil && l != old })
		t.Logf("another leader after %v", time.Since(began))
		if out := <-inFlight; !errors.Is(out.Err, ErrUnknown) {
			t.Errorf("in flight: %v", out.Err)
		}
		for range taken {
			if out := <-waiting; !errors.Is(out.Err, ErrNotAppended) && !errors.Is(out.Err, ErrUnknown) {
				t.Errorf("waiting: %v", out.Err)
			}
		}
		if err := c.tryPropose(old, textRecord("refused")); !errors.Is(err, ErrStalled) {
			t.Errorf("a stalled member took a proposal: %v", err)
		}
		if old.node.LeaseValid() {
			t.Error("a stalled member has a lease")
		}
		if s := old.node.Status(); s.Stalled < time.Second {
			t.Errorf("status says stalled for %v", s.Stalled)
		}
		want = append(want, c.sendTexts("b", 10)...)
		release()
		contains(t, c.converged(5*time.Second), want)
	})
}

// proposeOnHungDisk proposes "slow" to a leader whose fsync of it does not return before release.
func (c *testCluster) proposeOnHungDisk(leader *testNode) (done outcomes, release func()) {
	c.t.Helper()
	hung, release := leader.fs.Hang(entrySync)
	done = make(outcomes, 1)
	if err := leader.node.Propose(textRecord("slow"), 1, done); err != nil {
		c.t.Fatal(err)
	}
	<-hung
	return done, release
}

// TestNothingIsCommittedBeforeTheLeaderHasItDurably: followers fsync an entry while the leader does. Both of them have acknowledged it, and it is
// committed only when the leader's fsync is done; until then the group goes on hearing from the leader.
func TestNothingIsCommittedBeforeTheLeaderHasItDurably(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		c.sendTexts("a", 3)
		c.converged(5 * time.Second)
		leader := c.leader()
		before := leader.node.Status()
		done, release := c.proposeOnHungDisk(leader)
		c.until("the followers to have it durably", 300*time.Millisecond, func() bool {
			for _, f := range c.followers() {
				if f.node.store.log.FlushedIndex() <= before.CommitIndex {
					return false
				}
			}
			return true
		})
		c.pass(400 * time.Millisecond)
		select {
		case out := <-done:
			release()
			t.Fatalf("outcome before the leader's fsync: %+v", out)
		default:
		}
		if s := leader.node.Status(); s.CommitIndex != before.CommitIndex || s.State != "leader" || s.Term != before.Term {
			t.Errorf("commit index %d, was %d; %s in term %d, was %d", s.CommitIndex, before.CommitIndex, s.State, s.Term, before.Term)
		}
		release()
		if out := <-done; out.Err != nil {
			t.Error(out.Err)
		}
		contains(t, c.converged(5*time.Second), []string{"slow"})
	})
}

// TestALeaderAloneWaitsForItsDisk: nobody else acknowledges there.
func TestALeaderAloneWaitsForItsDisk(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		c.sendTexts("a", 3)
		leader := c.leader()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, m := range leader.node.Status().Members {
			if m.ID != leader.node.ID() {
				if err := leader.node.RemoveMember(ctx, string(m.ID)); err != nil {
					t.Fatal(err)
				}
			}
		}
		before := leader.node.Status()
		done, release := c.proposeOnHungDisk(leader)
		c.pass(500 * time.Millisecond)
		if s := leader.node.Status(); s.CommitIndex != before.CommitIndex {
			t.Errorf("commit index %d, was %d", s.CommitIndex, before.CommitIndex)
		}
		release()
		if out := <-done; out.Err != nil {
			t.Error(out.Err)
		}
	})
}

func TestADiskThatHangsForTooLongEndsTheMember(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		f := c.followers()[0]
		hung, release := f.fs.Hang(logSync)
		c.sendTexts("a", 3)
		<-hung
		began := time.Now()
		err := <-f.ended
		f.ended <- err
		if err == nil || time.Since(began) < 29*time.Second || time.Since(began) > 35*time.Second {
			t.Errorf("ended with %v after %v", err, time.Since(began))
		}
		c.sendTexts("b", 3)
		release()
	})
}

func TestAFailedSyncEndsTheMemberAndTheGroupGoesOn(t *testing.T) {
	for _, role := range []string{"leader", "follower"} {
		t.Run(role, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *testCluster) {
				want := c.sendTexts("a", 10)
				victim := c.leader()
				if role == "follower" {
					victim = c.followers()[0]
				}
				victim.fs.FailNth(0, entrySync, errors.New("I/O error"))
				done := make(outcomes, 1)
				if err := c.leader().node.Propose(textRecord("x"), 1, done); err != nil {
					t.Fatal(err)
				}
				if out := <-done; role == "leader" && !errors.Is(out.Err, ErrUnknown) {
					t.Errorf("the proposal ended with %v", out.Err)
				}
				err := <-victim.ended
				if err == nil || !strings.Contains(err.Error(), "I/O error") {
					t.Errorf("the member ended with %v", err)
				}
				victim.ended <- err
				c.kill(victim.name)
				want = append(want, c.sendTexts("b", 10)...)
				c.start(victim.name)
				contains(t, c.converged(5*time.Second), want)
			})
		})
	}
}

func TestAFailedFlushBehindTheAppendsEndsTheMember(t *testing.T) {
	relaxed := func(o *Options) { o.Flush = commitlog.FlushAsync }
	bubbleOf(t, relaxed, func(t *testing.T, c *testCluster) {
		victim := c.followers()[0]
		victim.fs.FailNth(0, entrySync, errors.New("I/O error"))
		c.sendTexts("a", 1) // no append follows that would meet the latched log
		err := <-victim.ended
		victim.ended <- err
		if err == nil || !strings.Contains(err.Error(), "I/O error") {
			t.Errorf("the member ended with %v", err)
		}
	})
}

func TestAFullDiskRefusesProposalsAndHeals(t *testing.T) {
	tune := func(o *Options) {
		o.ReserveBytes = 64 << 10
		o.Applier.(*testState).every = 0 // its files are on the same disk
	}
	bubbleOf(t, tune, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 10)
		l := c.leader()
		l.fs.SetCapacity(0) // what is over already stays
		c.until("proposals to be refused", 2*time.Second, func() bool {
			err := c.tryPropose(l, textRecord("refused"))
			return errors.Is(err, ErrDiskFull) && errors.Is(err, ErrNotAppended) && strings.Contains(err.Error(), "commitlog")
		})
		done := make(outcomes, 1)
		if err := l.node.ProposeReserved(textRecord("reserved"), 1, done); err != nil {
			t.Fatal(err)
		}
		if out := <-done; out.Err != nil {
			t.Errorf("what is reserved ended with %v", out.Err)
		}
		if c.leader() != l {
			t.Error("a full disk cost an election")
		}
		l.fs.SetCapacity(1 << 40)
		want = append(want, c.sendTexts("b", 10)...)
		contains(t, c.converged(2*time.Second), append(want, "reserved"))
	})
}

func TestAFullFollowerFailsAppendsAndHeals(t *testing.T) {
	bubbleOf(t, func(o *Options) { o.Applier.(*testState).every = 0 }, func(t *testing.T, c *testCluster) {
		f := c.followers()[0]
		f.fs.SetCapacity(0)
		big := strings.Repeat("x", 8<<10)
		var want []string
		for i := range 30 { // beyond the segment and its spare
			want = append(want, fmt.Sprint(i, big))
			c.send(textRecord(want[i]))
		}
		if s, l := f.node.Status(), c.leader().node.Status(); s.LastIndex >= l.LastIndex {
			t.Errorf("a full follower holds %d of %d", s.LastIndex, l.LastIndex)
		}
		f.fs.SetCapacity(1 << 40)
		contains(t, c.converged(2*time.Second), want)
	})
}

func TestFilesThatMustNotBeUsedAreRefused(t *testing.T) {
	damage := map[string]func(t *testing.T, c *testCluster, tn *testNode){
		"the stable store is gone": func(t *testing.T, c *testCluster, tn *testNode) {
			if err := os.Remove(filepath.Join(tn.real, stableFile)); err != nil {
				t.Fatal(err)
			}
		},
		"the stable store is overwritten": func(t *testing.T, c *testCluster, tn *testNode) {
			if err := os.WriteFile(filepath.Join(tn.real, stableFile), []byte(strings.Repeat("garbage ", 4096)), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"the identity is gone": func(t *testing.T, c *testCluster, tn *testNode) {
			if err := tn.fs.Remove("data/meta"); err != nil {
				t.Fatal(err)
			}
		},
		"the identity has a flipped bit": func(t *testing.T, c *testCluster, tn *testNode) {
			if err := tn.fs.FlipBit("data/meta", 99); err != nil {
				t.Fatal(err)
			}
		},
		"the log is gone": func(t *testing.T, c *testCluster, tn *testNode) {
			if err := tn.fs.RemoveAll("data/commitlog"); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, do := range damage {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *testCluster) {
				c.sendTexts("a", 20)
				c.boundary()
				f := c.followers()[0]
				c.converged(time.Second)
				c.stop(f.name)
				do(t, c, f)
				before := f.fs.Operations()
				if _, err := c.tryStart(f.name, nil); !errors.Is(err, ErrQuarantined) {
					t.Errorf("start: %v", err)
				}
				_ = before
				c.nodes[f.name] = &testNode{name: f.name}
			})
		})
	}
}

func TestADirectoryOfAnotherMemberIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		a, b := c.followers()[0], c.followers()[1]
		c.stop(a.name)
		c.stop(b.name)
		c.nodes[a.name] = &testNode{name: a.name, fs: b.fs, real: b.real}
		if _, err := c.tryStart(a.name, nil); !errors.Is(err, ErrQuarantined) {
			t.Errorf("start with another's directory: %v", err)
		}
		c.nodes[a.name] = &testNode{name: a.name, fs: a.fs, real: a.real}
		if _, err := c.tryStart(a.name, func(o *Options) { o.Group = "other" }); !errors.Is(err, ErrQuarantined) {
			t.Errorf("start in another group: %v", err)
		}
		c.start(a.name)
		l, err := c.net.Host("second").Listen(":1")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		o := c.nodes[a.name].node.opts
		o.Listener = l
		if _, err := Open(o); err == nil || errors.Is(err, ErrQuarantined) {
			t.Errorf("a second process in the directory: %v", err)
		}
	})
}

// TestAStopThatHangsEnds: a disk that no longer answers while the member is being stopped, when nobody watches it any more.
func TestAStopThatHangsEnds(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		c.sendTexts("a", 10)
		c.converged(5 * time.Second)
		f := c.followers()[0]
		_, release := f.fs.Hang(func(op vfs.Op) bool { return op.Kind == vfs.OpSync || op.Kind == vfs.OpWrite })
		began := time.Now()
		f.cancel()
		err := <-f.ended
		f.node = nil
		if took := time.Since(began); err == nil || !strings.Contains(err.Error(), "does not end") || took > stopMax+2*abandonMax {
			t.Errorf("ended with %v after %v", err, took)
		}
		c.sendTexts("b", 10)
		release()
	})
}
