package state

import (
	"fmt"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
)

// comparison is the queues of a machine that compares each unit that Apply makes with the stored one.
type comparison struct {
	v      *verifier
	stored *consumequeue.Store
	trim   offset.Physical // the last Trim of the state that is verified
	queues map[consumequeue.Key]*comparedQueue
}

// comparedQueue is how far a queue was compared. ahead holds stored units from next on.
type comparedQueue struct {
	key    consumequeue.Key
	min    offset.Queue // behind the units that retention removed
	next   offset.Queue
	ahead  []consumequeue.Unit
	broken bool // a difference or damage was found: what follows says nothing new
}

// aheadMax is how many units one look into a queue brings.
const aheadMax = 64

func newComparison(v *verifier, stored *consumequeue.Store) *comparison {
	return &comparison{v: v, stored: stored, trim: v.stored.meta.retainedEnd, queues: map[consumequeue.Key]*comparedQueue{}}
}

func (c *comparison) queue(k consumequeue.Key) *comparedQueue {
	q := c.queues[k]
	if q == nil {
		q = &comparedQueue{key: k}
		c.queues[k] = q
	}
	return q
}

func (q *comparedQueue) begin(at offset.Queue) { q.min, q.next = at, at }

// Append compares u with the stored unit. What retention removed, and queues that are gone by now, are not stored any more.
func (c *comparison) Append(k consumequeue.Key, u consumequeue.Unit) (offset.Queue, error) {
	q := c.queue(k)
	at := q.next
	q.next++
	if u.Position < c.trim {
		q.min = q.next
		return at, nil
	}
	if q.broken || c.stored.Next(k) == 0 {
		return at, nil
	}
	if len(q.ahead) == 0 && !c.lookAhead(q, at) {
		return at, nil
	}
	got := q.ahead[0]
	q.ahead = q.ahead[1:]
	c.v.report.Units++
	if got != u {
		q.broken = true
		c.v.differs("unit", "queue %s, offset %d is %+v, should be %+v", keyName(k), at, got, u)
	}
	return at, nil
}

// lookAhead fills q.ahead from at on; false if there is nothing, which is said.
func (c *comparison) lookAhead(q *comparedQueue, at offset.Queue) bool {
	units, err := c.stored.Read(q.ahead[:0], q.key, at, aheadMax)
	q.ahead = units
	if len(units) > 0 {
		return true
	}
	q.broken = true
	if err != nil {
		c.v.problem("unit", fmt.Errorf("unit of queue %s at %d: %w", keyName(q.key), at, err))
	} else {
		c.v.differs("unit", "queue %s ends at %d, the log has more", keyName(q.key), at)
	}
	return false
}

// finish compares where the queues begin. Where they end is a record of state.db.
func (c *comparison) finish() {
	for k, q := range c.queues {
		if got := c.stored.Range(k); got.Min != q.min && !q.broken {
			c.v.differs("first unit", "queue %s begins at %d, should be %d", keyName(k), got.Min, q.min)
		}
	}
}

func (c *comparison) Next(k consumequeue.Key) offset.Queue { return c.queue(k).next }
func (c *comparison) Drop(k consumequeue.Key)              { delete(c.queues, k) }
func (c *comparison) Trim(offset.Physical)                 {}

func (c *comparison) Keys() []consumequeue.Key {
	keys := make([]consumequeue.Key, 0, len(c.queues))
	for k := range c.queues {
		keys = append(keys, k)
	}
	return keys
}

func keyName(k consumequeue.Key) string { return fmt.Sprintf("%d/%d", k.Topic, k.Queue) }
