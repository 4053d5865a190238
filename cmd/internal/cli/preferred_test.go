package cli

import (
	"testing"
	"time"

	"github.com/raftmq/raftmq/raftlog"
)

func TestThePreferredLeaderMustHaveCaughtUp(t *testing.T) {
	leading := func(change func(*raftlog.Status)) raftlog.Status {
		st := raftlog.Status{State: "leader", LastIndex: 1000, Members: []raftlog.Member{
			{ID: "n0@a", Voter: true, MatchIndex: 1000}, {ID: "n1@b", Voter: true, MatchIndex: 990, LastContact: time.Now()}}}
		change(&st)
		return st
	}
	tests := []struct {
		name   string
		status raftlog.Status
		want   bool
	}{
		{"caught up", leading(func(*raftlog.Status) {}), true},
		{"far behind", leading(func(s *raftlog.Status) { s.Members[1].MatchIndex = 900 }), false},
		{"silent", leading(func(s *raftlog.Status) { s.Members[1].LastContact = time.Now().Add(-time.Minute) }), false},
		{"without a vote", leading(func(s *raftlog.Status) { s.Members[1].Voter = false }), false},
		{"no member", leading(func(s *raftlog.Status) { s.Members = s.Members[:1] }), false},
		{"we do not lead", leading(func(s *raftlog.Status) { s.State = "follower" }), false},
	}
	for _, tt := range tests {
		if got := (&preference{leader: "n1"}).caughtUp(tt.status); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
