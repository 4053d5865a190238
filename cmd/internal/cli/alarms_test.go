package cli

import (
	"strings"
	"testing"

	"github.com/raftmq/raftmq/console"
)

// TestClusterStatusNamesWhatIsWrong: what an operator must look at is named with the member and the next step.
func TestClusterStatusNamesWhatIsWrong(t *testing.T) {
	healthy := func() *found {
		members := []foundMember{}
		peers := []console.RaftPeer{}
		for _, n := range []string{"n0", "n1", "n2"} {
			role := "follower"
			if n == "n0" {
				role = "leader"
			}
			members = append(members, foundMember{MemberView: console.MemberView{Group: "g", Node: n, Role: role, Serving: true, Recovered: true}})
			peers = append(peers, console.RaftPeer{Node: n, ID: n + "@1", Voter: true})
		}
		return &found{members: members, raft: map[string]console.Raft{"g": {Group: "g", Members: peers}}}
	}
	if wrong := healthy().unhealthy(); len(wrong) > 0 {
		t.Fatalf("a healthy group: %v", wrong)
	}
	tests := map[string]struct {
		change func(f *found)
		want   string
	}{
		"damage":     {func(f *found) { f.members[1].Damage = "damaged at position 7 in f" }, "n1 of g is damaged at position 7 in f; it leaves as soon as the others suffice, then: raftmq raft rejoin n1"},
		"stuck":      {func(f *found) { f.raft["g"].Members[2].StuckMS = 12_000 }, "n2 of g answers the leader and has taken no entry for 12s"},
		"refused":    {func(f *found) { f.raft["g"].Members[2].Refused = "an older copy" }, "n2 of g is refused by the others: an older copy; bring it back with: raftmq raft rejoin n2"},
		"disk full":  {func(f *found) { f.members[0].Disk = "no space" }, "n0 of g refuses sends: no space"},
		"not led":    {func(f *found) { f.members[0].Role = "follower" }, "g has no serving leader"},
		"one silent": {func(f *found) { f.silent = []string{"admin port h:1: refused"} }, "admin port h:1: refused"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := healthy()
			tt.change(f)
			if got := strings.Join(f.unhealthy(), "\n"); !strings.Contains(got, tt.want) || strings.Count(got, "\n") > 0 {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
