package bench

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/client"
)

// errorPause is how long a lane of a closed loop waits after an error, so that a dead broker is not hammered. In an open loop the schedule
// paces.
const errorPause = 10 * time.Millisecond

// lane carries one message at a time: it is sent and answered, then the lane carries the next. It belongs to the sender from send to done,
// else to the generator.
type lane struct {
	id       int
	shard    *Shard
	seq      int64         // number of the message in the run
	intended time.Duration // since the start of the run
	size     int64         // bytes of the body, set by the sender

	done  func(client.SendResult, error) // bound once, so that a message costs no closure
	again func()
}

// sender gives a lane's message to the network and calls l.done once, from any goroutine and also before send returns.
type sender interface{ send(l *lane) }

// generator decides when messages are sent, and records what the answers tell. Invariant: a lane has at most one message in flight.
type generator struct {
	settings *Settings
	sender   sender
	recorder *Recorder
	clock    func() time.Duration // since the start of the run

	lanes    []*lane
	next     atomic.Int64 // closed loop: the next message's number
	stopped  atomic.Bool
	active   atomic.Int64  // closed loop: lanes that have not ended
	finished chan struct{} // closed loop: closed when active is 0
	idle     chan *lane    // open loop; it has room for all lanes
	unsent   int64         // open loop: messages that were due and not sent before the end
}

func newGenerator(s *Settings, send sender, r *Recorder, clock func() time.Duration) *generator {
	g := &generator{settings: s, sender: send, recorder: r, clock: clock, finished: make(chan struct{}), idle: make(chan *lane, s.Concurrency)}
	for i := range s.Concurrency {
		l := &lane{id: i, shard: r.Shard(i)}
		l.done = func(result client.SendResult, err error) { g.answered(l, result, err) }
		l.again = func() { g.advance(l) }
		g.lanes = append(g.lanes, l)
	}
	return g
}

// run sends until the settings' time is over, the number of messages is reached or ctx ends, waits for what is in flight, and returns when
// sending ended.
func (g *generator) run(ctx context.Context) time.Duration {
	if g.settings.Rate > 0 {
		return g.open(ctx)
	}
	return g.closed(ctx)
}

func (g *generator) closed(ctx context.Context) time.Duration {
	g.active.Store(int64(len(g.lanes)))
	for _, l := range g.lanes {
		g.advance(l)
	}
	end := time.NewTimer(g.settings.Warmup.Duration + g.settings.Duration.Duration - g.clock())
	defer end.Stop()
	select {
	case <-ctx.Done():
	case <-end.C:
	case <-g.finished:
	}
	ended := g.clock()
	g.stopped.Store(true)
	<-g.finished
	return ended
}

// advance sends the lane's next message, or ends the lane.
func (g *generator) advance(l *lane) {
	l.seq = g.next.Add(1) - 1
	if g.stopped.Load() || g.settings.Messages > 0 && l.seq >= g.settings.Messages {
		if g.active.Add(-1) == 0 {
			close(g.finished)
		}
		return
	}
	l.intended = g.clock()
	g.sender.send(l)
}

// answered is the end of a message on any lane. It runs where the sender calls it: on the reader of a connection or on a timer.
func (g *generator) answered(l *lane, r client.SendResult, err error) {
	if err == nil && r.Code != 0 { // stored, but not as safely as configured: only code 0 is a success
		err = &client.ResponseError{Code: r.Code, Addr: r.Addr}
	}
	if err != nil {
		l.shard.Failed(err)
	} else {
		l.shard.Answered(l.intended, g.clock(), 1, l.size)
	}
	switch {
	case g.settings.Rate > 0:
		g.idle <- l
	case err != nil:
		time.AfterFunc(errorPause, l.again)
	default:
		g.advance(l)
	}
}

// open sends message n at its time, or as soon after as a lane is idle.
func (g *generator) open(ctx context.Context) time.Duration {
	for _, l := range g.lanes {
		g.idle <- l
	}
	end := g.settings.Warmup.Duration + g.settings.Duration.Duration
	total := messagesUntil(g.settings.Rate, end)
	if g.settings.Messages > 0 {
		total = min(total, g.settings.Messages)
	}
	var n int64
	for ; n < total; n++ {
		if !g.wait(ctx, dueAt(g.settings.Rate, n)) {
			break
		}
		l := g.idleLane(ctx, end)
		if l == nil {
			break
		}
		l.seq, l.intended = n, dueAt(g.settings.Rate, n)
		if l.intended >= g.settings.Warmup.Duration {
			l.shard.Late(g.clock() - l.intended)
		}
		g.sender.send(l)
	}
	ended := min(g.clock(), end)
	if ctx.Err() == nil && n < total {
		g.unsent = total - n
	}
	for range g.lanes {
		<-g.idle
	}
	return ended
}

// wait sleeps until the clock shows due; false: ctx ended.
func (g *generator) wait(ctx context.Context, due time.Duration) bool {
	left := due - g.clock()
	if left <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// idleLane returns a lane without a message, nil when there is none before the end.
func (g *generator) idleLane(ctx context.Context, end time.Duration) *lane {
	select {
	case l := <-g.idle:
		return l
	default:
	}
	t := time.NewTimer(end - g.clock())
	defer t.Stop()
	select {
	case l := <-g.idle:
		return l
	case <-ctx.Done():
	case <-t.C:
	}
	return nil
}

// dueAt is when message n is meant to be sent at a rate a second.
func dueAt(rate float64, n int64) time.Duration {
	return time.Duration(float64(n) / rate * float64(time.Second))
}

// messagesUntil is the number of messages that are due before end.
func messagesUntil(rate float64, end time.Duration) int64 {
	n := int64(rate * end.Seconds())
	for n > 0 && dueAt(rate, n-1) >= end {
		n--
	}
	for dueAt(rate, n) < end {
		n++
	}
	return n
}
