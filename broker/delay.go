package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting/message"
)

const (
	releaseMessages = 256       // at most in one entry
	releaseBytes    = 512 << 10 // at most, unless one message is larger
	releaseIdle     = time.Second
	releasePause    = 100 * time.Millisecond // after a proposal that failed
)

// delayService releases due messages of the delay levels while this member leads. One entry moves the cursor of a level and appends the
// released messages; its precondition is where the cursor stands, so a release that is proposed twice, by this leader or by two,
// happens once (design D15).
type delayService struct {
	state    *state.State
	proposer proposer
	clock    *storeClock
	wall     func() time.Time
	levels   int32
	releaser releaser
	wake     chan struct{} // one slot: messages were added to the schedule topic
	logger   hclog.Logger
	released *meter
}

// poke says that messages were added to the schedule topic. It never blocks.
func (d *delayService) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run releases until ctx ends.
func (d *delayService) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.wake:
		}
		timer.Reset(d.releaseDue(ctx))
	}
}

// releaseDue releases what is due on every level and returns how long until more is.
func (d *delayService) releaseDue(ctx context.Context) time.Duration {
	pause := releaseIdle
	topic := d.state.Topic(message.ScheduleTopic)
	if topic == nil {
		return pause
	}
	for level := int32(1); level <= d.levels && ctx.Err() == nil; level++ {
		wait, err := d.releaseLevel(ctx, level, consumequeue.Key{Topic: topic.ID, Queue: level - 1})
		if err != nil {
			if !ordinary(err) {
				d.logger.Error("delayed messages not released", "level", level, "error", err)
			}
			wait = releasePause
		}
		pause = min(pause, wait)
	}
	return pause
}

// ordinary reports whether an attempt failed because leadership or the service ends, or the proposer is full.
func ordinary(err error) bool {
	return errors.Is(err, raftlog.ErrNotAppended) || errors.Is(err, raftlog.ErrUnknown) || errors.Is(err, context.Canceled)
}

// releaseLevel releases one entry's worth of what is due on a level and returns how long until it should be called again.
func (d *delayService) releaseLevel(ctx context.Context, level int32, k consumequeue.Key) (time.Duration, error) {
	cursor, held := d.state.DelayCursor(level), d.state.Range(k)
	if cursor < held.Min { // retention removed what nobody was awake to release
		return 0, d.advance(ctx, level, cursor, held.Min, nil)
	}
	if cursor >= held.Max {
		return releaseIdle, nil
	}
	units, err := d.state.Units(nil, k, cursor, releaseMessages)
	if err != nil {
		return 0, err
	}
	now := d.wall().UnixMilli()
	due := 0
	for due < len(units) && units[due].TagsCode <= now {
		due++
	}
	if due == 0 {
		return time.Duration(units[0].TagsCode-now) * time.Millisecond, nil
	}
	stored, n, err := d.state.AppendMessages(nil, k, cursor, units[:due], releaseBytes)
	if err != nil {
		return 0, err
	}
	messages, err := decodeAll(stored, n)
	if err != nil {
		return 0, fmt.Errorf("level %d at %d: %w", level, cursor, err)
	}
	if err := d.advance(ctx, level, cursor, cursor+offset.Queue(n), messages); err != nil {
		return 0, err
	}
	d.released.add(int64(n))
	return 0, nil
}

// oldest returns the position of the oldest delayed message that was not released, 0 if there is none: the log begins with no message.
func (d *delayService) oldest() (oldest offset.Physical, err error) {
	topic := d.state.Topic(message.ScheduleTopic)
	if topic == nil {
		return 0, nil
	}
	for level := int32(1); level <= d.levels; level++ {
		k := consumequeue.Key{Topic: topic.ID, Queue: level - 1}
		cursor, held := d.state.DelayCursor(level), d.state.Range(k)
		cursor = max(cursor, held.Min)
		if cursor >= held.Max {
			continue
		}
		first, err := d.state.Units(nil, k, cursor, 1)
		if err != nil {
			return 0, fmt.Errorf("delay level %d at %d: %w", level, cursor, err)
		}
		if len(first) > 0 && (oldest == 0 || first[0].Position < oldest) {
			oldest = first[0].Position
		}
	}
	return oldest, nil
}

// advance proposes that the cursor of level moves and messages are released, and waits for it.
func (d *delayService) advance(ctx context.Context, level int32, from, to offset.Queue, messages []message.Message) error {
	if err := d.releaser.prepare(ctx, messages); err != nil {
		return err
	}
	releases := d.releaser.releases(messages)
	done := make(outcomeChan, 1)
	var subs []byte
	encode := func(timestamp int64) {
		subs = state.AppendAdvanceDelay(subs[:0], level, from, to, uint16(len(releases)))
		for i := range releases {
			subs = releases[i].append(subs, timestamp)
		}
	}
	propose := func() error { return d.proposer.Propose(subs, 1+len(releases), done) }
	if err := d.clock.propose(releaseBytes, encode, propose); err != nil {
		return err
	}
	select {
	case o := <-done:
		if o.Err == nil && o.Results[0].Code != state.OK && o.Results[0].Code != state.Stale {
			return fmt.Errorf("advance of level %d from %d to %d: result %d", level, from, to, o.Results[0].Code)
		}
		return o.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func decodeAll(stored []byte, n int) ([]message.Message, error) {
	messages := make([]message.Message, 0, n)
	for range n {
		m, size, err := message.DecodeStored(stored)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
		stored = stored[size:]
	}
	return messages, nil
}
