package raftlog

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// TestMemberThatDoesNotAdvance: a follower whose disk is full answers heartbeats and takes nothing. The leader says so, and when it is over.
func TestMemberThatDoesNotAdvance(t *testing.T) {
	bubbleOf(t, func(o *Options) { o.SegmentBytes = 4 << 10 }, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 5)
		c.converged(5 * time.Second)
		f := c.followers()[0]
		freed := f.fs.AddHook(func(op *vfs.Op) error {
			if op.Kind == vfs.OpPreallocate {
				return syscall.ENOSPC
			}
			return nil
		})
		want = append(want, c.sendTexts("b", 200)...)
		stuck := func() time.Duration {
			for _, m := range c.leader().node.Status().Members {
				if m.ID == f.node.ID() {
					return m.Stuck
				}
			}
			return 0
		}
		took := c.until("the alarm", 20*time.Second, func() bool { return stuck() > 0 })
		if took < 8*time.Second {
			t.Errorf("alarm after %v", took)
		}
		for _, m := range c.leader().node.Status().Members {
			if m.ID != f.node.ID() && m.Stuck > 0 {
				t.Errorf("%+v", m)
			}
		}
		freed()
		c.until("all is well", 20*time.Second, func() bool { return stuck() == 0 })
		contains(t, c.converged(5*time.Second), want)
	})
}

// TestLaggardsLookAtAdvance is the rule of the alarm.
func TestLaggardsLookAtAdvance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g laggards
		look := func(match offset.Index, advances bool) (stuck, healed bool) {
			time.Sleep(laggardLook)
			return g.note("a", match, advances, time.Now())
		}
		for range 11 {
			if stuck, _ := look(5, false); stuck && g.stuck("a") < laggardAfter {
				t.Error("too early")
			}
		}
		if g.stuck("a") != laggardAfter {
			t.Errorf("stuck for %v", g.stuck("a"))
		}
		if _, healed := look(5, true); !healed || g.stuck("a") != 0 {
			t.Error("not healed by catching up")
		}
		for range 9 {
			look(5, false)
		}
		if stuck, _ := look(6, false); stuck {
			t.Error("a member that advances is no laggard")
		}
		for range 30 {
			if stuck, _ := look(5, true); stuck {
				t.Error("a member that is silent, caught up or being sent an image is no laggard")
			}
		}
		g.forget()
	})
}
