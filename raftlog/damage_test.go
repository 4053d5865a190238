package raftlog

import (
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// uncached lets reads of all but the newest records go to the disk, and seals segments soon.
func uncached(o *Options) { o.TailCacheBytes, o.SegmentBytes = 1, 4<<10 }

// rot flips a bit in the data of an entry in a member's log, and returns the entry's index.
func (c *testCluster) rot(tn *testNode, index offset.Index) offset.Index {
	c.t.Helper()
	pos, err := tn.node.store.log.DataPosition(index)
	if err != nil {
		c.t.Fatal(err)
	}
	c.flipAt(tn.fs, pos)
	return index
}

// flipAt flips the bit of a position in the log of a member that may be stopped.
func (c *testCluster) flipAt(fsys *vfs.Mem, pos offset.Physical) {
	c.t.Helper()
	dir := path.Join("data", logDir)
	names, err := fsys.List(dir)
	if err != nil {
		c.t.Fatal(err)
	}
	name, first := "", offset.Physical(0)
	for _, n := range names {
		var at int64
		if _, err := fmt.Sscanf(n, "%020d", &at); err == nil && !strings.Contains(n, ".") && offset.Physical(at) <= pos {
			name, first = n, offset.Physical(at)
		}
	}
	if err := fsys.FlipBit(path.Join(dir, name), (commitlog.SegmentHeaderSize+int64(pos-first)+4)*8); err != nil {
		c.t.Fatal(err)
	}
}

// quarantined waits until the member has ended by itself, and checks that it stays away.
func (c *testCluster) quarantined(tn *testNode, limit time.Duration, reason string) {
	c.t.Helper()
	var err error
	select {
	case err = <-tn.ended:
	case <-time.After(limit):
		c.t.Fatalf("%s still runs after %v: %+v", tn.name, limit, tn.node.Status())
	}
	tn.node = nil
	if !errors.Is(err, ErrQuarantined) || !strings.Contains(err.Error(), reason) {
		c.t.Errorf("%s ended with %v", tn.name, err)
	}
	tn.host.Kill()
	if _, err := c.tryStart(tn.name, nil); !errors.Is(err, ErrQuarantined) || !strings.Contains(err.Error(), reason) {
		c.t.Errorf("%s starts again: %v", tn.name, err)
	}
}

// TestRL6_DamagedFollowerLeaves: the bytes are refused, and the group goes on without the member.
func TestRL6_DamagedFollowerLeaves(t *testing.T) {
	bubbleOf(t, uncached, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 100)
		c.converged(5 * time.Second)
		f := c.followers()[0]
		bad := c.rot(f, 10)
		if _, err := f.node.store.log.Entry(bad); !errors.Is(err, commitlog.ErrCorrupt) {
			t.Fatalf("a bad entry: %v", err)
		}
		if s := f.node.Status(); !strings.Contains(s.Damage, "commitlog/000") {
			t.Errorf("status says %q", s.Damage)
		}
		c.quarantined(f, 5*time.Second, "damaged at position")
		want = append(want, c.sendTexts("b", 10)...)
		contains(t, c.leader().state.all()[1:], want)
	})
}

// TestRL6_DamagedLeaderHandsOver: without an election timeout's pause, then it is quarantined.
func TestRL6_DamagedLeaderHandsOver(t *testing.T) {
	bubbleOf(t, uncached, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 100)
		c.converged(5 * time.Second)
		old := c.leader()
		bad := c.rot(old, 10)
		if _, err := old.node.store.log.Entry(bad); err == nil {
			t.Fatal("a bad entry was read")
		}
		took := c.until("another leader", 5*time.Second, func() bool { l := c.leader(); return l != nil && l != old })
		if took > 300*time.Millisecond {
			t.Errorf("handed over after %v", took)
		}
		c.quarantined(old, 5*time.Second, "damaged at position")
		want = append(want, c.sendTexts("b", 10)...)
		contains(t, c.leader().state.all()[1:], want)
	})
}

// TestRL6_DamagedMemberStaysWhileItIsNeeded: two of three must not fall to one because of one old record.
func TestRL6_DamagedMemberStaysWhileItIsNeeded(t *testing.T) {
	bubbleOf(t, uncached, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 100)
		c.converged(5 * time.Second)
		dead, damaged := c.followers()[0], c.leader()
		c.kill(dead.name)
		if _, err := damaged.node.store.log.Entry(c.rot(damaged, 10)); err == nil {
			t.Fatal("a bad entry was read")
		}
		c.pass(10 * time.Second)
		if damaged.node.Status().State != "leader" || damaged.node.Status().Damage == "" {
			t.Fatalf("status: %+v", damaged.node.Status())
		}
		want = append(want, c.sendTexts("b", 10)...)
		c.start(dead.name)
		c.quarantined(damaged, 10*time.Second, "damaged at position")
		want = append(want, c.sendTexts("c", 10)...)
		c.until("the others have everything", 5*time.Second, func() bool { return c.leader() != nil && len(c.leader().state.all()) > len(want) })
		contains(t, c.leader().state.all()[1:], want)
	})
}

// TestRL7_ScrubFindsDamage: nobody reads the record, the scrub does.
func TestRL7_ScrubFindsDamage(t *testing.T) {
	bubbleOf(t, func(o *Options) { uncached(o); o.ScrubRate = 1 << 20 }, func(t *testing.T, c *testCluster) {
		c.sendTexts("a", 100)
		c.converged(5 * time.Second)
		f := c.followers()[0]
		c.rot(f, 10)
		c.quarantined(f, 2*time.Minute, "damaged at position")
		if s := c.leader().node.Status().Scrub; s.Passes != 1 || s.Bytes < 2<<10 || s.LastPass.IsZero() {
			t.Errorf("after a pass: %+v", s)
		}
	})
}

// TestRL2_DamageOfWhatIsNotAppliedIsFoundAtTheStart: recovery looks at headers only; raft would panic on the entry.
func TestRL2_DamageOfWhatIsNotAppliedIsFoundAtTheStart(t *testing.T) {
	bubbleOf(t, func(o *Options) { uncached(o); o.Applier.(*testState).every = 1000 }, func(t *testing.T, c *testCluster) {
		c.sendTexts("a", 100)
		c.converged(5 * time.Second)
		c.pass(3 * time.Second) // the durable mark passes them
		f := c.followers()[0]
		bad := c.rot(f, f.node.Status().AppliedIndex-50)
		if f.node.store.log.FlushedIndex() < bad {
			t.Fatal("not flushed")
		}
		c.kill(f.name)
		if _, err := c.tryStart(f.name, nil); !errors.Is(err, ErrQuarantined) {
			t.Errorf("start over entry %d, which is bad: %v", bad, err)
		}
		c.nodes[f.name].node = nil
		c.sendTexts("b", 3)
	})
}

// TestUnreadableEntryIsNoPanic: raft is not told of an entry that it would panic on.
func TestUnreadableEntryIsNoPanic(t *testing.T) {
	m := vfs.NewMem()
	log, err := commitlog.Open(commitlog.Options{FS: m, Dir: "/log", Group: commitlog.UUID{1}, Instance: commitlog.UUID{2}, TailCacheBytes: 1, SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for i := range offset.Index(3) {
		if err := log.Append([]commitlog.Entry{{Index: i + 1, Term: 1, Type: uint8(raft.LogNoop), Data: make([]byte, 100)}}); err != nil {
			t.Fatal(err)
		}
	}
	pos, _ := log.DataPosition(2)
	if err := m.FlipBit("/log/00000000000000000000", (commitlog.SegmentHeaderSize+int64(pos))*8); err != nil {
		t.Fatal(err)
	}
	var told error
	s := &logStore{log: log, applied: func() offset.Index { return 2 }, stuck: func(err error) { told = err; runtime.Goexit() }}
	if err := s.GetLog(2, &raft.Log{}); !errors.Is(err, commitlog.ErrCorrupt) || told != nil {
		t.Errorf("an applied entry: %v, stuck: %v", err, told)
	}
	s.applied = func() offset.Index { return 1 }
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.GetLog(2, &raft.Log{})
		t.Error("the caller went on")
	}()
	<-done
	if !errors.Is(told, commitlog.ErrCorrupt) {
		t.Errorf("stuck: %v", told)
	}
}

// TestAFailedTruncationIsNoPanic: the entries are gone for readers, raft was told of an error, and panics when it misses one that is committed.
func TestAFailedTruncationIsNoPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		s, fatal := newTestStore(t, m, 3)
		time.Sleep(time.Minute) // nothing is written in the background any more
		m.FailNth(0, func(op vfs.Op) bool { return op.Kind == vfs.OpWrite }, errors.New("I/O error"))
		if err := s.DeleteRange(2, 3); err == nil || *fatal == nil {
			t.Fatalf("deleted: %v, fatal: %v", err, *fatal)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.GetLog(3, &raft.Log{})
			t.Error("the caller went on")
		}()
		<-done
	})
}

// TestNoSpaceAfterATruncationEndsTheMember: raft leaves its last index where it was before the truncation (its appendEntries says so), so that it
// would commit entries that are no longer there.
func TestNoSpaceAfterATruncationEndsTheMember(t *testing.T) {
	m := vfs.NewMem()
	s, fatal := newTestStore(t, m, 3)
	large := []*raft.Log{{Index: 4, Term: 2, Type: raft.LogCommand, Data: make([]byte, 4<<20)}}
	m.SetCapacity(3 << 20)
	if err := s.StoreLogs(large); !errors.Is(err, commitlog.ErrFull) || *fatal != nil {
		t.Fatalf("no space: %v, fatal: %v", err, *fatal)
	}
	if err := s.DeleteRange(2, 3); err != nil {
		t.Fatal(err)
	}
	large[0].Index = 2
	if err := s.StoreLogs(large); !errors.Is(err, commitlog.ErrFull) || !errors.Is(*fatal, commitlog.ErrFull) {
		t.Errorf("no space after a truncation: %v, fatal: %v", err, *fatal)
	}
}

// newTestStore is a store of so many entries of term 1.
func newTestStore(t *testing.T, m *vfs.Mem, entries int) (*logStore, *error) {
	log, err := commitlog.Open(commitlog.Options{FS: m, Dir: "/log", Group: commitlog.UUID{1}, Instance: commitlog.UUID{2}, SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	var fatal error
	s := &logStore{log: log, fatal: func(err error) { fatal = err }, leads: func() bool { return false }, committed: func() offset.Index { return 0 }}
	for i := range entries {
		if err := s.StoreLog(&raft.Log{Index: uint64(i + 1), Term: 1, Type: raft.LogNoop, Data: make([]byte, 100)}); err != nil {
			t.Fatal(err)
		}
	}
	return s, &fatal
}
