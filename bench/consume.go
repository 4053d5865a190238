package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/offset"
)

const (
	// holdTime is how long a broker may keep a pull that finds nothing.
	holdTime = time.Second
	// pullPause is the pause after a pull that failed.
	pullPause = 50 * time.Millisecond
)

// consume drains the queues: each worker takes a queue and pulls it, one request at a time, up to where it ended when the run began. With a
// duration it goes on with what comes later until the time is over.
func (r *running) consume(ctx context.Context) error {
	from, err := r.links.offsets(ctx, (*client.Client).MinOffset)
	if err != nil {
		return err
	}
	to, err := r.links.offsets(ctx, (*client.Client).MaxOffset)
	if err != nil {
		return err
	}
	if limit := r.settings.Duration.Duration; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.settings.Warmup.Duration+limit)
		defer cancel()
	}
	workers := min(r.settings.Concurrency, len(r.links.queues))
	pulls := NewRecorder("pulled", r.settings, workers)
	r.begin(pulls)
	waiting := make(chan int, len(r.links.queues))
	for i := range r.links.queues {
		waiting <- i
	}
	if r.settings.Duration.Duration == 0 {
		close(waiting)
	}
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			d := drain{r: r, reader: r.links.client(w).NewPullConsumer(r.settings.Group), shard: pulls.Shard(w)}
			d.run(ctx, waiting, from, to)
		})
	}
	working.Wait()
	r.ended = r.clock()
	return nil
}

// drain is one worker of consume.
type drain struct {
	r      *running
	reader *client.PullConsumer
	shard  *Shard
}

// run takes queues until there are none. With a duration queues go back for the next worker when they are read to their end.
func (d *drain) run(ctx context.Context, waiting chan int, next, to []offset.Queue) {
	for {
		select {
		case <-ctx.Done():
			return
		case i, ok := <-waiting:
			if !ok {
				return
			}
			follow := d.r.settings.Duration.Duration > 0
			next[i] = d.queue(ctx, d.r.links.queues[i], next[i], to[i], follow)
			if follow {
				waiting <- i
			}
		}
	}
}

// queue pulls from at to to, or to the first pull that finds nothing, and returns where it stopped.
func (d *drain) queue(ctx context.Context, q client.Queue, at, to offset.Queue, follow bool) offset.Queue {
	moved := time.Now()
	for ctx.Err() == nil && (follow || at < to) && !d.r.enough() {
		req := client.NewPullRequest(q, at)
		req.Max = int32(d.r.settings.PullMax)
		if follow {
			req.Wait = min(holdTime, 100*time.Millisecond)
		}
		began := d.r.clock()
		got, err := d.reader.Pull(ctx, req)
		switch {
		case ctx.Err() != nil:
			return at
		case err != nil:
			d.shard.Failed(err)
			pause(ctx, pullPause)
			continue
		}
		bytes, wall := int64(0), time.Now().UnixMilli()
		for _, m := range got.Messages {
			bytes += int64(len(m.Body))
			d.shard.Aged(wall-m.BornTimestamp, wall-m.StoreTimestamp)
		}
		if n := len(got.Messages); n > 0 {
			now := d.r.clock()
			d.shard.Answered(began, now, int64(n), bytes)
			d.r.taken.Add(int64(n))
		}
		if got.Next <= at && got.Status != client.Found { // nothing new
			if follow {
				return at
			}
			// A replica that cannot serve yet, because it has only just heard of the group, say, sends its readers to another one.
			if got.Status == client.NoMatch && time.Since(moved) < homeMax {
				pause(ctx, pullPause)
				continue
			}
			d.shard.Failed(fmt.Errorf("%w %d, it was to end at %d", errShort, at, to))
			return to
		}
		at, moved = got.Next, time.Now()
	}
	return at
}

// enough reports whether the number of messages that was asked for has been read.
func (r *running) enough() bool {
	return r.settings.Messages > 0 && r.taken.Load() >= r.settings.Messages
}

// homeMax is how long replicas may send a reader to each other before the queue counts as read.
const homeMax = 5 * time.Second

var errShort = errors.New("queue ends early: at")

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
