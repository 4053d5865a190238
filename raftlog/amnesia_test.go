package raftlog

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// backup is a copy of a running member's files.
type backup struct {
	fs   *vfs.Mem
	real string
}

func (c *testCluster) backUp(tn *testNode) backup {
	c.t.Helper()
	b := backup{tn.fs.KillClone(), c.t.TempDir()}
	copyFile(c.t, filepath.Join(tn.real, stableFile), filepath.Join(b.real, stableFile))
	return b
}

// TestRP5_RestoredOldCopyIsRefused: what the member has forgotten it had promised to keep; whoever remembers the promise refuses it, it
// stays away, and comes back as a new instance.
func TestRP5_RestoredOldCopyIsRefused(t *testing.T) {
	for _, leads := range []bool{false, true} {
		bubble(t, func(t *testing.T, c *testCluster) {
			want := c.sendTexts("a", 5)
			c.converged(5 * time.Second)
			victim := c.followers()[0]
			if leads {
				victim = c.leader()
			}
			old := c.backUp(victim)
			want = append(want, c.sendTexts("b", 20)...)
			c.pass(time.Second)
			c.kill(victim.name)
			c.waitLeader()
			c.nodes[victim.name] = &testNode{name: victim.name, fs: old.fs, real: old.real}
			victim = c.start(victim.name)
			c.quarantined(victim, 5*time.Second, errForgot.Error())
			want = append(want, c.sendTexts("c", 5)...)

			oldID := c.leader().node.Status().Members
			c.wipe(victim.name)
			back := c.start(victim.name)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := c.leader().node.AddMember(ctx, victim.name, victim.name+":"+testPort, true); err != nil {
				t.Fatal(err)
			}
			for _, m := range oldID {
				if m.ID.Name() == victim.name && m.ID != back.node.ID() {
					if err := c.leader().node.RemoveMember(ctx, string(m.ID)); err != nil {
						t.Fatal(err)
					}
				}
			}
			contains(t, c.converged(10*time.Second), want)
		})
	}
}

// TestRP5_OldCopyIsRefusedWhileTheLeaderIsDead: a follower has had nothing to do with the other one, and still refuses its old copy, since the
// leader told it before it died. With the copy's vote it would lead without what leader and follower had acked.
func TestRP5_OldCopyIsRefusedWhileTheLeaderIsDead(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		c.sendTexts("a", 5)
		c.converged(5 * time.Second)
		leader, victim := c.leader(), c.followers()[0]
		old := c.backUp(victim)
		want := c.sendTexts("b", 20)
		c.pass(time.Second)
		c.kill(victim.name)
		c.kill(leader.name)
		c.nodes[victim.name] = &testNode{name: victim.name, fs: old.fs, real: old.real}
		victim = c.start(victim.name)
		c.quarantined(victim, 5*time.Second, errForgot.Error())
		c.start(leader.name)
		want = append(want, c.sendTexts("c", 5)...)
		contains(t, c.converged(10*time.Second), want)
	})
}

// TestFollowersRememberWhatTheLeaderSays of itself and of the other followers.
func TestFollowersRememberWhatTheLeaderSays(t *testing.T) {
	self := ServerID("n0@" + strings.Repeat("0", 12))
	n := newNetwork(&Options{Logger: hclog.NewNullLogger()}, &directory{id: identity{Name: "n0"}})
	n.peer("n1@1").adopt(standing{run: 5, held: 2, term: 1, commit: 2})
	n.hear("n1@1", heartbeat{term: 3, commit: 7, others: []hearsay{{"n2@2", 6, 4, 3}, {self, 1, 100, 9}}})
	for id, s := range map[ServerID]standing{
		"n1@1": {run: 8, held: 6, term: 3},
		"n2@2": {run: 9, held: 3, term: 3},
	} {
		if _, err := n.peer(id).meet(s, false); !errors.Is(err, errForgot) {
			t.Errorf("%s with %+v: %v", id, s, err)
		}
	}
	servers := []raft.Server{{ID: raft.ServerID(self)}, {ID: "n1@1"}, {ID: "n2@2"}, {ID: "n3@3"}}
	if told := n.tell("n2@2", servers); !slices.Equal(told, []hearsay{{"n1@1", 5, 7, 3}}) {
		t.Errorf("told %+v", told) // of n2 itself and of what was only heard nothing is told
	}
}

// TestRP2_CloneIsRefused: a copy of a member on another machine, with the same configuration.
func TestRP2_CloneIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 5)
		c.converged(5 * time.Second)
		original := c.followers()[0]
		copied := c.backUp(original)
		host := c.net.Host("clone")
		l, err := host.Listen(":" + testPort)
		if err != nil {
			t.Fatal(err)
		}
		clone, err := Open(Options{
			FS: copied.fs, Dir: "data", RealDir: copied.real, Group: "g", Name: original.name, Peers: c.peers,
			Listener: l, Dial: host.Dial, Secret: []byte("secret"), SegmentBytes: 64 << 10, TailCacheBytes: 1 << 20, ReserveBytes: 1,
			Applier: &testState{fs: copied.fs, dir: "data", every: c.every}, Logger: c.logger("clone"),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := clone.Run(ctx); !errors.Is(err, ErrQuarantined) || !errors.Is(err, errTwin) {
			t.Errorf("the clone ended with %v", err)
		}
		want = append(want, c.sendTexts("b", 5)...)
		contains(t, c.converged(5*time.Second), want)
		if original.node.Status().State != "follower" {
			t.Errorf("the original: %+v", original.node.Status())
		}
	})
}

// TestRP2_SecondProcessOnOneDirectory: the lock.
func TestRP2_SecondProcessOnOneDirectory(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		tn := c.followers()[0]
		l, err := c.net.Host("second").Listen(":1")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, err = Open(Options{FS: tn.fs, Dir: "data", RealDir: tn.real, Group: "g", Name: tn.name, Peers: c.peers, Listener: l, Secret: []byte("secret"), Applier: &testState{}})
		if !errors.Is(err, vfs.ErrLocked) || errors.Is(err, ErrQuarantined) {
			t.Errorf("got %v", err)
		}
	})
}

// TestRP3_SwappedDirectories: each of two members refuses the other's directory, and both are well when they are put back.
func TestRP3_SwappedDirectories(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 5)
		c.converged(5 * time.Second)
		x, y := c.peers[1].Name, c.peers[2].Name
		c.kill(x)
		c.kill(y)
		swap := func() {
			a, b := c.nodes[x], c.nodes[y]
			c.nodes[x], c.nodes[y] = &testNode{name: x, fs: b.fs, real: b.real}, &testNode{name: y, fs: a.fs, real: a.real}
		}
		swap()
		for _, name := range []string{x, y} {
			if _, err := c.tryStart(name, nil); !errors.Is(err, ErrQuarantined) || !strings.Contains(err.Error(), "belongs to member") {
				t.Errorf("%s over the other's directory: %v", name, err)
			}
		}
		swap()
		c.start(x)
		c.start(y)
		want = append(want, c.sendTexts("b", 5)...)
		contains(t, c.converged(10*time.Second), want)
	})
}

// TestWhatIsHeldAgainstAnInstance is the rule by which a process is refused.
func TestWhatIsHeldAgainstAnInstance(t *testing.T) {
	known := func() *peer {
		p := &peer{id: "a@1"}
		p.adopt(standing{run: 1, held: 5, term: 3, commit: 7})
		p.record(&raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 8, LeaderCommitIndex: 9, Entries: []*raft.Log{{Index: 9}, {Index: 10}}}, &raft.AppendEntriesResponse{Term: 4, Success: false}, time.Now())
		p.record(&raft.AppendEntriesRequest{Term: 4, PrevLogEntry: 8, LeaderCommitIndex: 9, Entries: []*raft.Log{{Index: 9}, {Index: 10}}}, &raft.AppendEntriesResponse{Term: 4, Success: true}, time.Now())
		return p
	}
	tests := []struct {
		name    string
		s       standing
		relaxed bool
		isNew   bool
		err     error
	}{
		{"the same process", standing{run: 1, held: 1, term: 1}, false, false, nil},
		{"a restart with all of it", standing{run: 2, held: 10, term: 4}, false, true, nil},
		{"a restart without what was not committed", standing{run: 2, held: 9, term: 4}, false, true, nil},
		{"a restart without a committed entry", standing{run: 2, held: 8, term: 4}, false, false, errForgot},
		{"the same where acks do not wait for the disk", standing{run: 2, held: 8, term: 4}, true, true, nil},
		{"a restart in an older term", standing{run: 2, held: 20, term: 3}, true, false, errForgot},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			isNew, err := known().meet(tt.s, tt.relaxed)
			if isNew != tt.isNew || !errors.Is(err, tt.err) {
				t.Errorf("new %v, %v", isNew, err)
			}
		})
	}
	told := &peer{id: "a@1"}
	told.promised.told = hearsay{id: "a@1", run: 1, held: 9}
	for _, s := range []standing{{run: 2, held: 8}, {run: 2, held: 9}, {run: 1, held: 3}} {
		if _, err := told.meet(s, false); errors.Is(err, errForgot) != (s.run != 1 && s.held < 9) {
			t.Errorf("told of run 1 with 9, meets %+v: %v", s, err)
		}
	}
	if p := known(); p.promised.held != offset.Index(9) || p.promised.term != 4 {
		t.Errorf("promised: %+v", p.promised)
	}
}
