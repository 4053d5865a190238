//go:build linux

package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/offset"
)

// LoadOptions say what a Load does. Zero fields take the defaults in brackets.
type LoadOptions struct {
	Producers int           // each with one message under way, to one queue [8]
	Interval  time.Duration // between the sends of one producer [20 ms]
	Size      int           // of a body in bytes [1 KiB]
	Timeout   time.Duration // of one attempt; there is no second one [500 ms]
	RoutePoll time.Duration // [250 ms]
}

func (o *LoadOptions) ensureDefaults() {
	if o.Producers == 0 {
		o.Producers = 8
	}
	if o.Interval == 0 {
		o.Interval = 20 * time.Millisecond
	}
	if o.Size == 0 {
		o.Size = 1 << 10
	}
	if o.Timeout == 0 {
		o.Timeout = 500 * time.Millisecond
	}
	if o.RoutePoll == 0 {
		o.RoutePoll = 250 * time.Millisecond
	}
}

const (
	loadGroup  = "cluster-load"
	commitEach = 200 * time.Millisecond
)

// Load sends unique messages at a steady rate, tails every queue, and commits and queries a group's offsets, until Stop. A client asks for the
// route after an error, makes no second attempt, and calls no outcome certain that is not.
type Load struct {
	c       *Cluster
	opts    LoadOptions
	began   time.Time
	client  *client.Client
	stop    context.CancelFunc
	done    sync.WaitGroup
	readers context.Context // ends with the tails

	mu struct {
		sync.Mutex
		history History
		tails   map[int32]int64 // next offset of each queue
	}
}

// StartLoad begins. The history begins now.
func (c *Cluster) StartLoad(o LoadOptions) *Load {
	c.t.Helper()
	o.ensureDefaults()
	l := &Load{c: c, opts: o, began: time.Now()}
	l.client = c.NewClient(client.Options{Timeout: o.Timeout, RoutePoll: o.RoutePoll})
	l.mu.history.Drains = map[string][]Seen{}
	l.mu.tails = map[int32]int64{}
	ctx, cancel := context.WithCancel(c.t.Context())
	l.stop, l.readers = cancel, ctx
	producer := l.client.NewProducer(client.ProducerOptions{Retries: -1, NoAutoCreate: true})
	for i := range o.Producers {
		l.done.Go(func() { l.produce(ctx, producer, uint32(i)) })
	}
	for q := range c.opts.Queues {
		l.done.Go(func() { l.tail(ctx, q) })
		l.done.Go(func() { l.commit(ctx, q) })
	}
	return l
}

// Since is the time on the history's clock.
func (l *Load) Since() time.Duration { return time.Since(l.began) }

func (l *Load) queue(id int32) client.Queue {
	return client.Queue{Topic: Topic, Broker: GroupName, ID: id}
}

// produce sends the messages of one producer, each at its time, or at once if that has passed.
func (l *Load) produce(ctx context.Context, p *client.Producer, producer uint32) {
	queue := int32(producer) % l.c.opts.Queues
	tick := time.NewTicker(l.opts.Interval)
	defer tick.Stop()
	for number := uint32(0); ; number++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s := Send{ID: ID{producer, number}, Start: l.Since()}
		r, err := p.SendTo(context.WithoutCancel(ctx), l.queue(queue), &client.Message{Topic: Topic, Body: appendBody(nil, s.ID, l.opts.Size)})
		s.End, s.Outcome, s.Addr = l.Since(), client.OutcomeOf(err), r.Addr
		if err == nil {
			s.Place = Place{r.Queue.ID, int64(r.QueueOffset)}
		} else {
			s.Err = err.Error()
			l.client.RefreshRoute(ctx, Topic)
		}
		l.mu.Lock()
		l.mu.history.Sends = append(l.mu.history.Sends, s)
		l.mu.Unlock()
	}
}

// tail reads one queue from its first message on, wherever the broker wants it read.
func (l *Load) tail(ctx context.Context, queue int32) {
	reader := l.client.NewPullConsumer(loadGroup)
	at := offset.Queue(0)
	for ctx.Err() == nil {
		req := client.NewPullRequest(l.queue(queue), at)
		req.Wait = l.opts.Timeout / 2
		r, err := reader.Pull(ctx, req)
		if err != nil {
			l.pause(ctx)
			continue
		}
		l.saw(fmt.Sprint("tail ", queue), r)
		at = r.Next
	}
}

func (l *Load) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(50 * time.Millisecond):
	}
}

func (l *Load) saw(by string, r client.PullResult) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range seenOf(by, r, l.Since()) {
		l.mu.history.Seen = append(l.mu.history.Seen, s)
		l.mu.tails[s.Place.Queue] = s.Place.Offset + 1
	}
}

func seenOf(by string, r client.PullResult, at time.Duration) []Seen {
	var all []Seen
	for _, m := range r.Messages {
		s := Seen{At: at, By: by, Place: Place{m.QueueID, int64(m.QueueOffset)}}
		s.ID, s.Bad = parseBody(m.Body)
		all = append(all, s)
	}
	return all
}

// commit commits how far the tail is and asks for it again.
func (l *Load) commit(ctx context.Context, queue int32) {
	tick := time.NewTicker(commitEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.mu.Lock()
		at := l.mu.tails[queue]
		l.mu.Unlock()
		c := Commit{Start: l.Since(), Queue: queue, Offset: at}
		c.Unknown = l.client.CommitOffset(ctx, loadGroup, l.queue(queue), offset.Queue(at)) != nil
		l.committed(c)
		c = Commit{Start: l.Since(), Queue: queue, Query: true}
		if at, found, err := l.client.CommittedOffset(ctx, loadGroup, l.queue(queue)); err == nil && found {
			c.Offset = int64(at)
			l.committed(c)
		}
	}
}

func (l *Load) committed(c Commit) {
	c.End = l.Since()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.history.Commits = append(l.mu.history.Commits, c)
}

// Acked counts what was acknowledged so far.
func (l *Load) Acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.history.Acked()
}

// Stop ends the load, reads every queue from every node that runs, and returns the history. The cluster must be healthy.
func (l *Load) Stop() *History {
	l.c.t.Helper()
	l.stop()
	l.done.Wait()
	l.client.Close()
	h := &l.mu.history
	for _, n := range l.c.Nodes {
		seen, err := l.drain(n)
		if err != nil {
			l.c.t.Errorf("drain of %s: %v", n.Name, err)
		}
		h.Drains[n.Name] = seen
	}
	return h
}

// drain reads all queues of one node from the first message to the last.
func (l *Load) drain(n *Node) ([]Seen, error) {
	cl := l.c.replica(n)
	defer cl.Close()
	reader := cl.NewPullConsumer(loadGroup)
	ctx, cancel := context.WithTimeout(l.c.t.Context(), time.Minute)
	defer cancel()
	var all []Seen
	for q := range l.c.opts.Queues {
		end, err := cl.MaxOffset(ctx, l.queue(q))
		if err != nil {
			return nil, err
		}
		for at := offset.Queue(0); at < end; {
			req := client.NewPullRequest(l.queue(q), at)
			req.Max, req.LeaderOnly = 256, true
			r, err := reader.Pull(ctx, req)
			if err != nil {
				return nil, fmt.Errorf("queue %d at %d of %d: %w", q, at, end, err)
			}
			if r.Status == client.OffsetMoved {
				return nil, fmt.Errorf("queue %d at %d of %d: %v", q, at, end, r.Status)
			}
			if r.Status != client.Found {
				l.pause(ctx) // a follower may be a moment behind
			}
			all = append(all, seenOf(n.Name, r, l.Since())...)
			at = r.Next
		}
	}
	return all, nil
}
