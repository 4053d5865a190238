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
