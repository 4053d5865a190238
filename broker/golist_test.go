package broker

import (
	"context"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// The stock Go client takes an error for an empty list of consumers and lets all its queues go; it waits 3 s for the answer.
func TestAGoConsumerIsToldOfNoEmptyList(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		ask := func(i int, language protocol.Language) (*remoting.Command, time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			began := time.Now()
			resp, err := g.client.Invoke(ctx, g.members[i].addr(), &remoting.Command{
				Code: protocol.CodeGetConsumerListByGroup, Language: language, Version: 401, Ext: fields("consumerGroup", "g"),
			})
			if err != nil {
				t.Fatal(err)
			}
			return resp, time.Since(began)
		}
		for i := range g.members {
			if resp, took := ask(i, protocol.Go); resp.Code == protocol.Success || took <= 3*time.Second {
				t.Errorf("%s: %d after %v", g.members[i].name, resp.Code, took)
			}
			if resp, took := ask(i, protocol.Java); resp.Code == protocol.Success || took > time.Second {
				t.Errorf("%s: Java is told %d after %v", g.members[i].name, resp.Code, took)
			}
		}
	})
}
