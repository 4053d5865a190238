package broker

import (
	"testing"

	"github.com/raftmq/raftmq/remoting/protocol"
)

func TestEveryRuleIsComplete(t *testing.T) {
	table := ruleTable()
	if len(table) != len(rules) {
		t.Errorf("%d of %d rules have a class", len(table), len(rules))
	}
	for code, r := range table {
		if r.class == 0 || r.follower == 0 || r.handle == nil {
			t.Errorf("%d lacks a class, a follower rule or a handler: %+v", code, r)
		}
		if info, _ := protocol.Lookup(code); info.To&protocol.ToBroker == 0 {
			t.Errorf("%s is not for brokers", info.Name)
		}
	}
}

// A follower may not have applied yet what was just made, so "there is no such thing" is the leader's to say (found by killing the leader
// right after a group was made: the member whose turn it was answered 26).
func TestNotFoundIsTheLeadersToSay(t *testing.T) {
	table := ruleTable()
	for _, code := range []int32{protocol.CodeGetTopicConfig, protocol.CodeGetSubscriptionGroupConfig, protocol.CodeQueryConsumerOffset, protocol.CodeGetConsumerListByGroup} {
		if r := table[code]; r.follower != followerForwards || !r.lease {
			t.Errorf("%d: a follower %v, lease %v", code, r.follower, r.lease)
		}
	}
}
