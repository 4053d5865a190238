package sim

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The death detector takes a refused dial for the death of the leader's process (design D19). Each wrong guess here costs at most one
// election that nobody needed, and no message.

// needless runs a test of a guess and checks how many leaders it made and for how long nothing was acknowledged.
func needless(t *testing.T, leadersMax int, guess func(c *Cluster, leader string, followers []string)) {
	t.Helper()
	slowWithRace(t)
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New(t)
		c.SendFor(2 * time.Second)
		before := c.watch.terms()
		guess(c, c.Leader(), c.Followers())
		c.Run(5 * time.Second)
		c.Heal()
		c.Run(3 * time.Second)
		if made := c.watch.terms() - before; made > leadersMax {
			t.Errorf("%d leaders were made, at most %d should be", made, leadersMax)
		} else {
			t.Logf("%d elections, longest gap between acknowledgements %v", made, c.History.longestGap(2*time.Second, 10*time.Second))
		}
		c.CheckAll()
	})
}

// longestGap is the longest time between two successes within a part of the history.
func (h *History) longestGap(from, to time.Duration) (longest time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ends := []time.Duration{from, to}
	for _, s := range h.Sends {
		if s.Outcome == OK && s.EndAt > from && s.EndAt < to {
			ends = append(ends, s.EndAt)
		}
	}
	slices.Sort(ends)
	for i := 1; i < len(ends); i++ {
		longest = max(longest, ends[i]-ends[i-1])
	}
	return longest
}

func TestRefusedDialsWhileTheLeaderLives(t *testing.T) {
	needless(t, 1, func(c *Cluster, leader string, followers []string) {
		for _, f := range followers {
			c.Refuse(f, leader)
		}
	})
}

func TestTheLeadersListenerIsRestarted(t *testing.T) {
	needless(t, 1, func(c *Cluster, leader string, followers []string) {
		for _, f := range followers {
			c.Refuse(f, leader)
		}
		c.Run(20 * time.Millisecond)
		c.Heal()
	})
}

func TestOnlyOneFollowerIsRefused(t *testing.T) {
	for i := range 2 {
		t.Run([]string{"first", "second"}[i], func(t *testing.T) {
			needless(t, 1, func(c *Cluster, leader string, followers []string) { c.Refuse(followers[i], leader) })
		})
	}
}

// The second follower waits 50 ms for the first one; the first one notices 50 ms later.
func TestBothFollowersFireAtOnce(t *testing.T) {
	needless(t, 1, func(c *Cluster, leader string, followers []string) {
		c.Refuse(followers[1], leader)
		time.Sleep(50 * time.Millisecond)
		c.Refuse(followers[0], leader)
	})
}

func TestTheFirstFollowerLagsBehind(t *testing.T) {
	needless(t, 1, func(c *Cluster, leader string, followers []string) {
		c.SlowDisk(followers[0], 300*time.Millisecond)
		c.Run(time.Second)
		for _, f := range followers {
			c.Refuse(f, leader)
		}
		c.Run(200 * time.Millisecond)
		c.HealDisk(followers[0])
	})
}

// The same with a leader that is really dead: the first follower cannot win, the second must not wait for timers.
func TestTheLeaderDiesAndTheFirstFollowerLagsBehind(t *testing.T) {
	needless(t, 1, func(c *Cluster, leader string, followers []string) {
		c.SlowDisk(followers[0], 300*time.Millisecond)
		c.Run(time.Second)
		c.Kill(leader)
		c.Run(time.Second)
		c.HealDisk(followers[0])
		c.Start(leader)
	})
}
