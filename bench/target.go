package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/offset"
)

// Target is the cluster that runs are made against.
type Target struct {
	NameServers []string
	Cluster     string // whose broker groups get the topic; "" for all
	// Dial opens connections; nil: TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
}

// reachTimeout bounds what is asked before a run.
const reachTimeout = 15 * time.Second

// links are the clients of one run. Each has one connection to each broker that it talks to.
type links struct {
	clients []*client.Client
	queues  []client.Queue
	index   map[client.Queue]int
	note    string // what the run has to say about the topic; "": nothing
}

// open makes the topic ready and connects. The caller closes the links.
func (t *Target) open(ctx context.Context, s *Settings) (*links, error) {
	l := &links{index: map[client.Queue]int{}}
	for range s.clients() {
		c, err := client.New(client.Options{NameServers: t.NameServers, Dial: t.Dial, Timeout: s.Timeout.Duration})
		if err != nil {
			l.close()
			return nil, err
		}
		l.clients = append(l.clients, c)
	}
	if err := t.prepare(ctx, l, s); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// prepare creates the topic, waits until the route shows its queues, and lets every client know the route.
func (t *Target) prepare(ctx context.Context, l *links, s *Settings) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	admin, want := l.clients[0].Admin(), 1
	if s.Queues > 0 {
		brokers, err := admin.Cluster(ctx, t.Cluster)
		if err != nil {
			return err
		}
		want = len(brokers) * s.Queues
		if err := admin.CreateTopic(ctx, t.Cluster, client.TopicSpec{Name: s.Topic, ReadQueues: int32(s.Queues)}); err != nil {
			if !l.asItIs(ctx, s, err) {
				return err
			}
			want = 1
		}
	}
	for {
		route, err := l.clients[0].RefreshRoute(ctx, s.Topic)
		if err == nil && len(route.WriteQueues()) >= want {
			l.queues = route.WriteQueues()
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("topic %s has not got its %d queues within %v: %w", s.Topic, want, reachTimeout, orTimeout(err))
		case <-time.After(50 * time.Millisecond):
		}
	}
	for i, q := range l.queues {
		l.index[q] = i
	}
	for _, c := range l.clients[1:] {
		if _, err := c.Route(ctx, s.Topic); err != nil {
			return err
		}
	}
	return nil
}

// asItIs reports whether a topic that brokers refuse to create is there all the same, as RocketMQ's BenchmarkTest is. It is then used as it is.
func (l *links) asItIs(ctx context.Context, s *Settings, refusal error) bool {
	var refused *client.ResponseError
	if !errors.As(refusal, &refused) {
		return false
	}
	route, err := l.clients[0].RefreshRoute(ctx, s.Topic)
	if err != nil || len(route.WriteQueues()) == 0 {
		return false
	}
	l.note = fmt.Sprintf("the topic is used as it is, with %d queues: %v", len(route.WriteQueues()), refusal)
	return true
}

func orTimeout(err error) error {
	if err == nil {
		return context.DeadlineExceeded
	}
	return err
}

func (l *links) close() {
	for _, c := range l.clients {
		c.Close()
	}
}

// client returns the client of a lane or worker.
func (l *links) client(worker int) *client.Client { return l.clients[worker%len(l.clients)] }

// queue returns the queue of a message: all in turn.
func (l *links) queue(number int64) client.Queue { return l.queues[number%int64(len(l.queues))] }

// offsets asks for one offset of every queue.
func (l *links) offsets(ctx context.Context, ask func(*client.Client, context.Context, client.Queue) (offset.Queue, error)) ([]offset.Queue, error) {
	out := make([]offset.Queue, len(l.queues))
	for i, q := range l.queues {
		at, err := ask(l.clients[0], ctx, q)
		if err != nil {
			return nil, fmt.Errorf("offset of queue %d of %s: %w", q.ID, q.Broker, err)
		}
		out[i] = at
	}
	return out, nil
}
