package broker

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// Clients that never try again, one at each member, go on through planned hand-overs: what is under way is answered or waits for the
// next leader. It runs in a bubble of testing/synctest, as all tests with three do.
func TestHandOverFailsNoRequest(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		g.send(leader, "T", 0, "", "first", protocol.Success)
		g.call(leader, 11, pullFields("g", "T", 0, 0), nil) // makes the group
		var stop atomic.Bool
		var sent, failed atomic.Int64
		var clients sync.WaitGroup
		for i := range 6 {
			clients.Go(func() {
				for n := 0; !stop.Load(); n++ {
					resp, err := g.try(i%3, 310, sendFields("T", i%4, ""), []byte(fmt.Sprint(i, " ", n)))
					if sent.Add(1); err != nil || resp.Code != protocol.Success {
						failed.Add(1)
						t.Errorf("send: %+v, %v", resp, err)
					}
					resp, err = g.try(i%3, 15, fields("consumerGroup", "g", "topic", "T", "queueId", i%4, "commitOffset", n), nil)
					if err != nil || resp.Code != protocol.Success {
						failed.Add(1)
						t.Errorf("commit: %+v, %v", resp, err)
					}
				}
			})
		}
		for range 5 {
			time.Sleep(30 * time.Millisecond)
			if err := g.members[leader].broker.Node().TransferLeadership(t.Context(), ""); err != nil {
				t.Errorf("transfer: %v", err)
			}
			leader = g.leader(leader)
		}
		stop.Store(true)
		clients.Wait()
		t.Logf("%d sends, %d failed", sent.Load(), failed.Load())
		total := 0
		for queue := range 4 {
			total += len(g.drain(leader, "T", queue))
		}
		if total != int(sent.Load())+1 {
			t.Errorf("%d messages of %d sends: some were stored twice or lost", total, sent.Load()+1)
		}
	})
}
