package raftlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// boundary proposes a boundary and returns its index.
func (c *testCluster) boundary() offset.Index {
	c.t.Helper()
	return c.send(boundaryRecord()).Detail.(offset.Index)
}

// retainFrom removes everything below a boundary on every running member.
func (c *testCluster) retainFrom(index offset.Index) {
	c.t.Helper()
	c.send(retainRecord(index))
	c.until("the log to begin at the boundary", 5*time.Second, func() bool {
		for _, tn := range c.nodes {
			if tn.node != nil && tn.node.isOpen() && tn.node.Status().LastIndex > index && tn.node.Status().FirstIndex != index {
				return false
			}
		}
		return true
	})
}

func TestAMemberBehindRetentionIsGivenTheOldestImage(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 20)
		f := c.followers()[0]
		c.kill(f.name)
		want = append(want, c.sendTexts("b", 20)...)
		first := c.boundary()
		want = append(want, c.sendTexts("c", 20)...)
		second := c.boundary()
		want = append(want, c.sendTexts("d", 20)...)
		c.retainFrom(first)
		f = c.start(f.name)
		contains(t, c.converged(10*time.Second), want)
		s, l := f.node.Status(), c.leader().node.Status()
		if s.FirstIndex != first || s.FirstPosition != l.FirstPosition || s.NextPosition != l.NextPosition {
			t.Errorf("the member begins at %d, the boundary is %d\nmember %+v\nleader %+v", s.FirstIndex, first, s, l)
		}
		if len(s.Images) != 2 || s.Images[0] != first || s.Images[1] != second {
			t.Errorf("the member has the images %v, want %d and %d", s.Images, first, second)
		}
		// It can lead, and serve the same image to another.
		other := c.followers()[1]
		if other == f {
			other = c.followers()[0]
		}
		if err := c.leader().node.TransferLeadership(t.Context(), f.name); err != nil {
			t.Fatal(err)
		}
		c.until("the new member to lead", time.Second, func() bool { return c.leader() == f })
		c.kill(other.name)
		c.wipe(other.name)
		want = append(want, c.sendTexts("e", 3)...)
		c.start(other.name)
		if err := f.node.AddMember(t.Context(), other.name, other.name+":"+testPort, true); err != nil {
			t.Fatal(err)
		}
		contains(t, c.converged(10*time.Second), want)
		if got := c.nodes[other.name].node.Status().FirstIndex; got != first {
			t.Errorf("the second generation begins at %d, the boundary is %d", got, first)
		}
	})
}

func TestADeposedLeaderWhoseTailConflictsWithTheImageIsReset(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 10)
		old := c.leader()
		c.net.Isolate(old.name)
		done := make(outcomes, 200)
		taken := 0
		for i := range 200 { // an uncommitted tail beyond the image that will be sent
			if old.node.Propose(textRecord(fmt.Sprint("lost", i)), 1, done) == nil {
				taken++
			}
			time.Sleep(time.Millisecond / 2)
		}
		c.until("another leader", 4*time.Second, func() bool { l := c.leader(); return l != nil && l != old })
		want = append(want, c.sendTexts("b", 10)...)
		first := c.boundary()
		want = append(want, c.sendTexts("c", 10)...)
		c.send(retainRecord(first))
		c.until("retention", 5*time.Second, func() bool { return c.leader().node.Status().FirstIndex == first })
		c.net.HealAll()
		contains(t, c.converged(10*time.Second), want)
		if s := old.node.Status(); s.FirstIndex != first {
			t.Errorf("the deposed leader begins at %d, the boundary is %d", s.FirstIndex, first)
		}
		for range taken {
			if out := <-done; out.Err == nil {
				t.Error("a proposal of the cut leader was answered as applied")
			}
		}
	})
}

func TestAWipedMemberIsNoMemberUntilItIsAdded(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 30)
		first := c.boundary()
		c.retainFrom(first)
		f := c.followers()[0]
		oldID := f.node.ID()
		c.kill(f.name)
		c.wipe(f.name)
		want = append(want, c.sendTexts("b", 5)...)
		f = c.start(f.name)
		c.until("it to wait", 5*time.Second, func() bool { return strings.Contains(f.node.Status().Waiting, "waits to be added") })
		time.Sleep(5 * time.Second)
		if s := f.node.Status(); s.State != "waiting" || s.LastIndex != 0 || s.Self == oldID {
			t.Fatalf("a wiped member takes part: %+v", s)
		}
		l := c.leader()
		if err := l.node.AddMember(t.Context(), f.name, f.name+":"+testPort, true); err != nil {
			t.Fatal(err)
		}
		if err := l.node.RemoveMember(t.Context(), f.name); !errors.Is(err, ErrNoMember) {
			t.Errorf("an ambiguous name removed somebody: %v", err)
		}
		if err := l.node.RemoveMember(t.Context(), string(oldID)); err != nil {
			t.Fatal(err)
		}
		contains(t, c.converged(5*time.Second), want)
		members := l.node.Status().Members
		if len(members) != 3 {
			t.Errorf("members %+v", members)
		}
		for _, m := range members {
			if !m.Voter || m.ID == oldID {
				t.Errorf("member %+v", m)
			}
		}
		// The new member's vote counts.
		c.kill(c.leader().name)
		c.send(textRecord("x"))
	})
}

func TestANewMemberThatNoListNamesIsFoundByEveryLeader(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 10)
		for range 2 {
			if _, err := c.tryStart("n3", func(o *Options) { o.Peers = c.peers }); err != nil {
				t.Fatal(err)
			}
			if c.nodes["n3"].node.isOpen() {
				break
			}
			if err := c.leader().node.AddMember(t.Context(), "n3", "n3:"+testPort, false); err != nil {
				t.Fatal(err)
			}
			contains(t, c.converged(5*time.Second), want)
			c.stop("n3")
		}
		c.kill(c.leader().name)
		want = append(want, c.sendTexts("b", 10)...)
		n3 := c.nodes["n3"]
		c.until("the next leader to replicate to it", 5*time.Second, func() bool { return len(n3.state.all()) >= len(want) })
		if m := n3.node.Status().Members; len(m) != 4 || m[3].Voter {
			t.Errorf("members %+v", m)
		}
	})
}

func TestDemoteTakesTheVote(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		f := c.followers()[0]
		l := c.leader()
		if err := l.node.DemoteMember(t.Context(), f.name); err != nil {
			t.Fatal(err)
		}
		for _, m := range l.node.Status().Members {
			if m.Voter == (m.ID == f.node.ID()) {
				t.Errorf("member %+v", m)
			}
		}
		if err := l.node.TransferLeadership(t.Context(), f.name); !errors.Is(err, ErrNoMember) {
			t.Errorf("leadership went to a non-voter: %v", err)
		}
		if err := f.node.AddMember(t.Context(), f.name, f.name+":"+testPort, true); !errors.Is(err, ErrNotLeader) {
			t.Errorf("a follower added a member: %v", err)
		}
		if err := l.node.AddMember(t.Context(), f.name, f.name+":"+testPort, true); err != nil {
			t.Errorf("the vote was not given back: %v", err)
		}
	})
}

// TestAnInstallSurvivesACrashAtEveryStep kills the member that is given an image at each file operation of the install.
func TestAnInstallSurvivesACrashAtEveryStep(t *testing.T) {
	steps := 0
	for step := int64(0); ; step += 4 {
		crashed := false
		synctest.Test(t, func(t *testing.T) {
			c := newTestCluster(t, "n0", "n1", "n2")
			for _, p := range c.peers {
				c.start(p.Name)
			}
			c.waitLeader()
			want := c.sendTexts("a", 8)
			f := c.followers()[0].name
			c.kill(f)
			want = append(want, c.sendTexts("b", 8)...)
			first := c.boundary()
			want = append(want, c.sendTexts("c", 4)...)
			c.retainFrom(first)
			mem := c.nodes[f].fs
			c.start(f)
			crashed = c.crashDuringInstall(f, mem, step)
			if !crashed {
				return
			}
			c.start(f)
			contains(t, c.converged(10*time.Second), want)
			if got := c.nodes[f].node.Status().FirstIndex; got != first {
				t.Errorf("step %d: it begins at %d, the boundary is %d", step, got, first)
			}
		})
		if !crashed {
			break
		}
		steps++
	}
	if steps < 5 {
		t.Errorf("only %d steps were crashed", steps)
	}
	t.Logf("sweep: %d crash states of an install", steps)
}

// crashDuringInstall lets the install go on for so many changes of files, then cuts the power. False if it ended before.
func (c *testCluster) crashDuringInstall(name string, mem *vfs.Mem, steps int64) bool {
	reached := make(chan *vfs.Mem, 1)
	var mu sync.Mutex
	begun, dead := false, false
	remove := mem.AddHook(func(op *vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		begun = begun || strings.Contains(op.Path, imageTmp)
		switch {
		case dead:
			return errPowerCut
		case !begun || !op.Changes():
			return nil
		case steps > 0:
			steps--
			return nil
		}
		dead = true
		reached <- mem.CrashClone(rand.New(rand.NewPCG(uint64(steps), 7)))
		return errPowerCut
	})
	defer remove()
	select {
	case clone := <-reached:
		c.end(name, func(*vfs.Mem) *vfs.Mem { return clone })
		return true
	case <-time.After(5 * time.Second):
		return false
	}
}

var errPowerCut = errors.New("power cut")

func TestAnImageIsPublishedWholeOrNotAtAll(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		c.sendTexts("a", 3)
		index := c.boundary()
		store := c.leader().node.store.images
		w, err := store.create(index)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte("half"))
		w.Abort()
		if names, err := c.leader().fs.List("data/images"); err != nil || len(names) != 1 {
			t.Errorf("left %v, %v", names, err)
		}
		name := path.Join("data/images", imageName(index), imageStateFile)
		if err := c.leader().fs.FlipBit(name, 3); err != nil {
			t.Fatal(err)
		}
		_, image, ok, err := host{s: c.leader().node.store}.NewestImage()
		if err != nil || !ok {
			t.Fatal(err)
		}
		defer image.Close()
		b := make([]byte, 1<<16)
		for err == nil {
			_, err = image.Read(b)
		}
		if !errors.Is(err, errDamagedFile) {
			t.Errorf("a flipped bit was read as: %v", err)
		}
	})
}

func TestImagesAreListedWhileTheDiskHangs(t *testing.T) {
	fsys := vfs.NewMem()
	s := &imageStore{fs: fsys, dir: "images", indexes: []offset.Index{7}}
	if err := fsys.MkdirAll("images/tmp-1"); err != nil {
		t.Fatal(err)
	}
	hung, release := fsys.Hang(func(op vfs.Op) bool { return op.Kind == vfs.OpRename })
	published, listed := make(chan error, 1), make(chan []offset.Index, 1)
	go func() { published <- s.publish("images/tmp-1", 9) }()
	<-hung
	go func() { listed <- s.list() }()
	select {
	case got := <-listed:
		if !slices.Equal(got, []offset.Index{7}) {
			t.Errorf("listed %v", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("the list waits for the disk")
	}
	release()
	if err := <-published; err != nil || !slices.Equal(s.list(), []offset.Index{7, 9}) {
		t.Errorf("published: %v, listed %v", err, s.list())
	}
}

func TestRetentionWaitsForWhoIsCatchingUp(t *testing.T) {
	var p pins
	synctest.Test(t, func(t *testing.T) {
		match := offset.Index(0)
		matchOf := func(ServerID) offset.Index { return match }
		p.pin("n1@x", 100)
		if got := p.floor(500, matchOf); got != 100 {
			t.Errorf("floor %d", got)
		}
		match = 500
		if got := p.floor(500, matchOf); got != 500 {
			t.Errorf("floor %d after it caught up", got)
		}
		match = 0
		p.pin("n1@x", 100)
		time.Sleep(pinTime + time.Second)
		if got := p.floor(500, matchOf); got != 500 {
			t.Errorf("floor %d after its time", got)
		}
	})
}

// TestAVoterIsWipedAndAnotherDiesWhileItIsReplaced: the wiped member's new instance must not stand in for the old one's promise.
func TestAVoterIsWipedAndAnotherDiesWhileItIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 20)
		l, wiped, other := c.leader(), c.followers()[0], c.followers()[1]
		oldID := wiped.node.ID()
		c.kill(wiped.name)
		c.wipe(wiped.name)
		c.start(wiped.name)
		c.until("it to wait", 5*time.Second, func() bool { return c.nodes[wiped.name].node.Status().State == "waiting" })
		if err := l.node.AddMember(t.Context(), wiped.name, wiped.name+":"+testPort, false); err != nil {
			t.Fatal(err)
		}
		c.until("the new instance to have the log", 5*time.Second, func() bool { return len(c.nodes[wiped.name].state.all()) == len(l.state.all()) })
		c.kill(other.name)
		done := make(outcomes, 1)
		if err := l.node.Propose(textRecord("without a quorum"), 1, done); err != nil {
			t.Fatal(err)
		}
		if out := <-done; !errors.Is(out.Err, ErrUnknown) {
			t.Errorf("one voter of three decided: %v", out.Err)
		}
		time.Sleep(10 * time.Second)
		if c.leader() != nil {
			t.Error("one voter of three and a member without a vote have a leader")
		}
		c.start(other.name)
		c.send(textRecord("b"))
		if err := c.leader().node.AddMember(t.Context(), wiped.name, wiped.name+":"+testPort, true); err != nil {
			t.Fatal(err)
		}
		if err := c.leader().node.RemoveMember(t.Context(), string(oldID)); err != nil {
			t.Fatal(err)
		}
		contains(t, c.converged(5*time.Second), append(want, "b"))
	})
}
