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

// verify reads all queues to their ends, again and again until nothing that was acknowledged is missing or patience is over, and gives the verdict.
// What is missing is lost only if the last round has read every queue to the end that its leader told.
func (rd *readers) verify(ctx context.Context) {
	err := rd.readAll(ctx)
	checks := rd.ledger.Checks()
	if err != nil && checks.Lost > 0 {
		checks.Unread, checks.Lost = checks.Lost, 0
		rd.r.run.Notes = append(rd.r.run.Notes, fmt.Sprintf("reading back ended with: %v", err))
	}
	rd.r.run.Checks = &checks
}

// readAll reads at least one round, so that duplicates behind the last message are found too.
func (rd *readers) readAll(ctx context.Context) error {
	reader := rd.r.links.clients[0].NewPullConsumer(rd.r.settings.Group)
	for deadline := rd.r.clock() + patience; ; {
		before := rd.ledger.Missing()
		err := rd.round(ctx, reader)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && rd.ledger.Missing() == 0:
			return nil
		case rd.ledger.Missing() < before:
			deadline = rd.r.clock() + patience
		case rd.r.clock() > deadline:
			return err
		}
		pause(ctx, 4*pullPause)
	}
}

// round reads every queue to its end once. The error is the last that kept it from an end.
func (rd *readers) round(ctx context.Context, reader *client.PullConsumer) (err error) {
	for i, q := range rd.r.links.queues {
		if e := rd.toEnd(ctx, reader, i); e != nil {
			err = fmt.Errorf("read back queue %d of %s at %d: %w", q.ID, q.Broker, rd.next[i], e)
		}
	}
	return err
}

// toEnd reads a queue to where its leader says that it ends. A pull may find nothing although there is something: followers that do not know
// their leader answer so.
func (rd *readers) toEnd(ctx context.Context, reader *client.PullConsumer, i int) error {
	end, err := rd.r.links.clients[0].MaxOffset(ctx, rd.r.links.queues[i])
	if err != nil {
		rd.r.links.clients[0].RefreshRoute(ctx, rd.r.settings.Topic)
		return err
	}
	for rd.next[i] < end {
		before := rd.next[i]
		if _, err := rd.pull(ctx, reader, i, 0); err != nil {
			return err
		}
		if rd.next[i] == before {
			return fmt.Errorf("nothing comes below the end at %d", end)
		}
	}
	return nil
}
