package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/offset"
)

// readers read the queues of a run and tell its ledger what lies there. They read from leaders only: what a follower does not have yet is
// not lost.
type readers struct {
	r      *running
	ledger *Ledger
	id     uint64 // of the run, in each mark
	next   []offset.Queue
	// arrived, if not nil, is called for the first copy of each message.
	arrived func(m mark, bytes int, now time.Duration)
}

// follow reads every queue with long polls, each on its own goroutine, until ctx ends.
func (rd *readers) follow(ctx context.Context) {
	var reading sync.WaitGroup
	for i := range rd.r.links.queues {
		reader := rd.r.links.client(i).NewPullConsumer(rd.r.settings.Group)
		reading.Go(func() {
			for ctx.Err() == nil {
				if _, err := rd.pull(ctx, reader, i, holdTime); err != nil && ctx.Err() == nil {
					pause(ctx, pullPause)
				}
			}
		})
	}
	reading.Wait()
}

// pull reads a queue once and returns how many messages came.
func (rd *readers) pull(ctx context.Context, reader *client.PullConsumer, i int, hold time.Duration) (int, error) {
	req := client.NewPullRequest(rd.r.links.queues[i], rd.next[i])
	req.Wait, req.LeaderOnly = hold, true
	got, err := reader.Pull(ctx, req)
	if err != nil {
		return 0, err
	}
	now := rd.r.clock()
	for _, m := range got.Messages {
		mk, ok := readMark(m.Body, rd.id)
		if !ok {
			rd.ledger.Foreign()
			continue
		}
		if rd.ledger.Found(mk.number, i, int64(m.QueueOffset)) && rd.arrived != nil {
			rd.arrived(mk, len(m.Body), now)
		}
	}
	rd.next[i] = max(rd.next[i], got.Next)
	return len(got.Messages), nil
}

// patience is how long reading back goes on without finding anything new while acknowledged messages are missing.
const patience = 15 * time.Second

// readAll reads all queues to their ends, again and again until nothing that was acknowledged is missing or patience is over. The error is
// the last one that kept it from reading.
func (rd *readers) readAll(ctx context.Context) error {
	reader := rd.r.links.clients[0].NewPullConsumer(rd.r.settings.Group)
	for deadline := rd.r.clock() + patience; ; {
		progress, err := rd.round(ctx, reader)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && rd.ledger.Missing() == 0:
			return nil
		case progress:
			deadline = rd.r.clock() + patience
		case rd.r.clock() > deadline:
			return err
		}
		pause(ctx, 4*pullPause)
	}
}

// round reads every queue to its end once.
func (rd *readers) round(ctx context.Context, reader *client.PullConsumer) (progress bool, err error) {
	for i, q := range rd.r.links.queues {
		for {
			n, e := rd.pull(ctx, reader, i, 0)
			if e != nil {
				err = fmt.Errorf("read back queue %d of %s at %d: %w", q.ID, q.Broker, rd.next[i], e)
				break
			}
			if n == 0 {
				break
			}
			progress = true
		}
	}
	return progress, err
}
