package broker

import (
	"slices"
	"testing"
	"time"

	"github.com/raftmq/raftmq/raftlog"
)

func threeMembers() []raftlog.Member {
	return []raftlog.Member{{ID: "n0@a"}, {ID: "n1@b"}, {ID: "n2@c"}}
}

func TestBrokerIDsAreDenseInMemberOrder(t *testing.T) {
	tests := []struct {
		leader raftlog.ServerID
		want   [3]int64
	}{
		{"n0@a", [3]int64{0, 1, 2}},
		{"n1@b", [3]int64{1, 0, 2}},
		{"n2@c", [3]int64{1, 2, 0}},
		{"", [3]int64{-1, -1, -1}},
	}
	for _, tt := range tests {
		for i, m := range threeMembers() {
			if got := brokerID(threeMembers(), tt.leader, m.ID); got != tt.want[i] {
				t.Errorf("leader %q: id of %s = %d, want %d", tt.leader, m.ID, got, tt.want[i])
			}
		}
	}
	if got := brokerID(threeMembers(), "n0@a", "n0@old"); got != -1 {
		t.Errorf("id of a former instance = %d, want none", got)
	}
}

func TestReadableFollowersAreNearAndHeardFrom(t *testing.T) {
	members := threeMembers()
	members[0].LastContact, members[0].MatchIndex = noon, 1000
	members[2].LastContact, members[2].MatchIndex = noon.Add(-time.Minute), 1000
	s := raftlog.Status{Self: "n1@b", State: "leader", LastIndex: 1000, NextPosition: 5000, Members: members}
	v := viewOf(s, noon)
	if !slices.Equal(v.readable, []int64{1}) || v.end != 5000 || v.stale {
		t.Errorf("view = %+v, want follower 1 readable", v)
	}
	members[0].MatchIndex = 1000 - followerLag - 1
	if v := viewOf(s, noon); len(v.readable) != 0 {
		t.Errorf("a follower that lags is readable: %+v", v)
	}
	s.State, s.LeaderContact, s.LeaderNextPosition = "follower", noon.Add(-leaderSilence-1), 9000
	if v := viewOf(s, noon); !v.stale || v.end != 9000 || len(v.readable) != 0 {
		t.Errorf("view of a cut-off follower = %+v", v)
	}
}

func TestSuggestedReplica(t *testing.T) {
	v := &groupView{readable: []int64{1}}
	tests := []struct {
		name           string
		slow           bool
		slowID, normal int64
		want           int64
	}{
		{"who reads recent messages stays at the leader", false, 1, 0, 0},
		{"who reads old ones is sent to the replica of the group", true, 1, 0, 1},
		{"unless that replica cannot serve", true, 2, 0, 0},
		{"a group may ask for a replica always", false, 1, 1, 1},
	}
	for _, tt := range tests {
		if got := v.suggest(tt.slow, tt.slowID, tt.normal); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
