package client

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// PullConsumer reads queues at offsets that the caller keeps. It joins no group. All methods may be called from any goroutine.
type PullConsumer struct {
	client *Client
	group  string

	mu      sync.Mutex
	replica map[Queue]int64 // broker id that the last answer suggested
}

// NewPullConsumer returns a reader that brokers know as group. Brokers create the group if they may.
func (c *Client) NewPullConsumer(group string) *PullConsumer {
	return &PullConsumer{client: c, group: group, replica: map[Queue]int64{}}
}

// PullStatus is what a pull found.
type PullStatus uint8

const (
	// Found: Messages is not empty unless tags filtered all of them out.
	Found PullStatus = iota
	// NoNewMessage: the queue ends at the offset.
	NoNewMessage
	// NoMatch: nothing between the offset and Next is for us.
	NoMatch
	// OffsetMoved: the offset is outside the queue, or was reset; go on at Next.
	OffsetMoved
)

func (s PullStatus) String() string {
	return [...]string{"found", "no new message", "no match", "offset moved"}[s]
}

// PullRequest says what to read. Zero fields take the defaults in brackets.
type PullRequest struct {
	Queue  Queue
	Offset offset.Queue
	Max    int32         // messages [32]
	Tags   string        // ["*"]
	Wait   time.Duration // how long the broker may hold the request when there is nothing new; 0: not at all
	// Commit, if at least 0, is stored as the group's offset of the queue by the way [-1 by NewPullRequest].
	Commit offset.Queue
	// Registered leaves the subscription out: the broker takes that of the group's heartbeat.
	Registered bool
	SubVersion int64
	// LeaderOnly ignores the broker's suggestion to read from a follower.
	LeaderOnly bool
}

// NewPullRequest returns a request that commits nothing.
func NewPullRequest(q Queue, at offset.Queue) PullRequest {
	return PullRequest{Queue: q, Offset: at, Max: 32, Commit: -1}
}

// PullResult is a broker's answer. Messages are decompressed and filtered by tag; they share one buffer.
type PullResult struct {
	Status   PullStatus
	Messages []*message.Message
	Next     offset.Queue
	Bounds   offset.Range
	Addr     string // who answered
	BrokerID int64  // where the broker wants the next pull to go
}

// Pull reads once. The address follows the broker's last suggestion for the queue; after an error the route is asked for again.
func (p *PullConsumer) Pull(ctx context.Context, r PullRequest) (PullResult, error) {
	route, err := p.client.Route(ctx, r.Queue.Topic)
	if err != nil {
		return PullResult{}, err
	}
	addr, id, ok := p.target(route, &r)
	if !ok {
		p.client.ForgetRoute(r.Queue.Topic)
		return PullResult{}, fmt.Errorf("%w: broker %s is not in the route of topic %s", ErrNoRoute, r.Queue.Broker, r.Queue.Topic)
	}
	ctx, cancel := context.WithTimeout(ctx, p.client.opts.Timeout+r.Wait)
	defer cancel()
	resp, err := p.client.remoting.Invoke(ctx, addr, p.command(&r, id))
	if err == nil {
		err = answer(addr, resp, protocol.PullNotFound, protocol.PullRetryImmediately, protocol.PullOffsetMoved)
	}
	if err != nil {
		p.suggest(r.Queue, leaderID)
		p.client.fetchRoute(r.Queue.Topic, func(*Route, error) {})
		return PullResult{}, fmt.Errorf("pull from %s: %w", addr, err)
	}
	return p.result(&r, addr, resp)
}

// target returns where the next pull of the queue goes; id is the broker id that was meant.
func (p *PullConsumer) target(route *Route, r *PullRequest) (addr string, id int64, ok bool) {
	if !r.LeaderOnly {
		p.mu.Lock()
		id = p.replica[r.Queue]
		p.mu.Unlock()
	}
	addr, ok = route.Replica(r.Queue.Broker, id)
	return addr, id, ok
}

func (p *PullConsumer) suggest(q Queue, id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id == leaderID {
		delete(p.replica, q)
		return
	}
	p.replica[q] = id
}

func (p *PullConsumer) command(r *PullRequest, id int64) *remoting.Command {
	h := &protocol.PullMessageHeader{
		ConsumerGroup: p.group, Topic: r.Queue.Topic, QueueID: r.Queue.ID, QueueOffset: int64(r.Offset),
		MaxMsgNums: r.Max, SubVersion: r.SubVersion, ExpressionType: "TAG",
	}
	if h.MaxMsgNums <= 0 {
		h.MaxMsgNums = 32
	}
	if r.Commit >= 0 && id == leaderID { // followers store no offsets (clients clear the bit themselves)
		h.SysFlag |= protocol.PullCommitOffset
		h.CommitOffset = int64(r.Commit)
	}
	if r.Wait > 0 {
		h.SysFlag |= protocol.PullSuspend
		h.SuspendTimeoutMillis = r.Wait.Milliseconds()
	}
	if !r.Registered {
		h.SysFlag |= protocol.PullSubscription
		h.Subscription = parseFilter(Subscription{Tags: r.Tags}, 0).expression
	}
	return command(protocol.CodePullMessage, h, nil)
}

func (p *PullConsumer) result(r *PullRequest, addr string, resp *remoting.Command) (PullResult, error) {
	var h protocol.PullMessageResponseHeader
	if err := h.Decode(resp.Ext); err != nil {
		return PullResult{}, fmt.Errorf("pull from %s: %w", addr, err)
	}
	p.suggest(r.Queue, h.SuggestWhichBrokerID)
	out := PullResult{Addr: addr, BrokerID: h.SuggestWhichBrokerID, Next: offset.Queue(h.NextBeginOffset),
		Bounds: offset.Range{Min: offset.Queue(h.MinOffset), Max: offset.Queue(h.MaxOffset)}}
	switch resp.Code {
	case protocol.PullNotFound:
		out.Status = NoNewMessage
	case protocol.PullRetryImmediately:
		out.Status = NoMatch
	case protocol.PullOffsetMoved:
		out.Status = OffsetMoved
	default:
		messages, err := decodeMessages(resp.Body)
		if err != nil {
			return PullResult{}, fmt.Errorf("pull of %v at %d from %s: %w", r.Queue, r.Offset, addr, err)
		}
		f := parseFilter(Subscription{Tags: r.Tags}, 0)
		for _, m := range messages {
			if f.passes(m) {
				out.Messages = append(out.Messages, m)
			}
		}
	}
	return out, nil
}

// decodeMessages decodes messages that lie back to back, as answers to pulls and queries have them.
func decodeMessages(body []byte) ([]*message.Message, error) {
	var out []*message.Message
	for len(body) > 0 {
		m, size, err := message.DecodeStored(body)
		if err != nil {
			return nil, fmt.Errorf("message %d of the answer: %w", len(out), err)
		}
		if err := decompress(&m); err != nil {
			return nil, fmt.Errorf("message %d of the answer: %w", len(out), err)
		}
		out = append(out, &m)
		body = body[size:]
	}
	return out, nil
}

// queueRequest sends a request about one queue to its leader and returns a number of the answer's header.
func (c *Client) queueRequest(ctx context.Context, q Queue, code int32, header protocol.Header, field string) (int64, error) {
	addr, err := c.leader(ctx, q.Topic, q.Broker)
	if err != nil {
		return 0, err
	}
	resp, err := c.Invoke(ctx, addr, code, header, nil)
	if err != nil {
		return 0, err
	}
	text, _ := resp.Ext.Get(field)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("answer of %s to code %d: %s = %q", addr, code, field, text)
	}
	return n, nil
}

// leader returns the address of a broker's id 0 from the topic's route, asking again if the route has none.
func (c *Client) leader(ctx context.Context, topic, broker string) (string, error) {
	route, err := c.Route(ctx, topic)
	if err != nil {
		return "", err
	}
	if addr, ok := route.Leader(broker); ok {
		return addr, nil
	}
	if route, err = c.RefreshRoute(ctx, topic); err != nil {
		return "", err
	}
	if addr, ok := route.Leader(broker); ok {
		return addr, nil
	}
	return "", fmt.Errorf("%w: broker %s of topic %s has no leader", ErrNoRoute, broker, topic)
}

// MaxOffset returns the offset that the queue's next message gets.
func (c *Client) MaxOffset(ctx context.Context, q Queue) (offset.Queue, error) {
	n, err := c.queueRequest(ctx, q, protocol.CodeGetMaxOffset, &protocol.MaxOffsetHeader{Topic: q.Topic, QueueID: q.ID, Committed: true}, "offset")
	return offset.Queue(n), err
}

// MinOffset returns the offset of the queue's oldest message.
func (c *Client) MinOffset(ctx context.Context, q Queue) (offset.Queue, error) {
	n, err := c.queueRequest(ctx, q, protocol.CodeGetMinOffset, &protocol.TopicQueueHeader{Topic: q.Topic, QueueID: q.ID}, "offset")
	return offset.Queue(n), err
}

// OffsetAt returns the offset of the queue's first message stored at or after t.
func (c *Client) OffsetAt(ctx context.Context, q Queue, t time.Time) (offset.Queue, error) {
	n, err := c.queueRequest(ctx, q, protocol.CodeSearchOffsetByTimestamp,
		&protocol.SearchOffsetHeader{Topic: q.Topic, QueueID: q.ID, Timestamp: t.UnixMilli()}, "offset")
	return offset.Queue(n), err
}

// CommittedOffset returns the group's stored offset of the queue; found is false if there is none.
func (c *Client) CommittedOffset(ctx context.Context, group string, q Queue) (at offset.Queue, found bool, err error) {
	n, err := c.queueRequest(ctx, q, protocol.CodeQueryConsumerOffset,
		&protocol.QueryConsumerOffsetHeader{ConsumerGroup: group, Topic: q.Topic, QueueID: q.ID}, "offset")
	if IsCode(err, protocol.QueryNotFound) {
		return 0, false, nil
	}
	return offset.Queue(n), err == nil, err
}

// CommitOffset stores the group's offset of the queue and waits until it is stored.
func (c *Client) CommitOffset(ctx context.Context, group string, q Queue, at offset.Queue) error {
	addr, err := c.leader(ctx, q.Topic, q.Broker)
	if err != nil {
		return err
	}
	_, err = c.Invoke(ctx, addr, protocol.CodeUpdateConsumerOffset, commitHeader(group, q, at), nil)
	return err
}

func commitHeader(group string, q Queue, at offset.Queue) protocol.Header {
	return &protocol.UpdateConsumerOffsetHeader{ConsumerGroup: group, Topic: q.Topic, QueueID: q.ID, CommitOffset: int64(at)}
}
