package main

import (
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/raftmq/raftmq/test/compat/internal/pair"
)

// ledger writes the journal and knows which acknowledged messages have not been delivered yet.
type ledger struct {
	journal *pair.Journal

	mu   sync.Mutex
	seen map[string]bool // delivered
	open map[string]bool // acked and not delivered
}

func newLedger(j *pair.Journal) *ledger {
	return &ledger{journal: j, seen: map[string]bool{}, open: map[string]bool{}}
}

func (l *ledger) acked(e pair.Event) {
	l.journal.Add(e)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.seen[e.ID] {
		l.open[e.ID] = true
	}
}

func (l *ledger) delivered(id string, queue *primitive.MessageQueue, offset int64) {
	l.journal.Add(pair.Event{Event: pair.Delivered, ID: id, Broker: queue.BrokerName, Queue: queue.QueueId, Offset: offset})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[id] = true
	delete(l.open, id)
}

// drain waits until nothing is open, at most so long.
func (l *ledger) drain(within time.Duration) {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); {
		l.mu.Lock()
		n := len(l.open)
		l.mu.Unlock()
		if n == 0 {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
}
