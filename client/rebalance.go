package client

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// rebalance takes the queues that are ours now and gives up the others. A topic whose route or members cannot be asked keeps its
// assignment.
func (p *PushConsumer) rebalance(ctx context.Context) {
	addrs := p.addrs(ctx)
	if slices.ContainsFunc(addrs, func(a string) bool { return !p.known[a] }) {
		p.heartbeat(ctx, addrs) // brokers list us as a member only after that
	}
	for i := range p.filters {
		f := &p.filters[i]
		mine, err := p.assignment(ctx, f.topic)
		if err != nil {
			if ctx.Err() == nil && !(errors.Is(err, ErrNoRoute) && strings.HasPrefix(f.topic, message.RetryPrefix)) {
				p.client.logger.Warn("assignment unchanged", "group", p.opts.Group, "topic", f.topic, "error", err)
			}
			continue
		}
		p.apply(ctx, f, mine)
	}
}

func (p *PushConsumer) assignment(ctx context.Context, topic string) ([]Queue, error) {
	route, err := p.client.Route(ctx, topic)
	if err != nil {
		return nil, err
	}
	queues := route.ReadQueues()
	if p.opts.Broadcasting {
		return queues, nil
	}
	ids, err := p.members(ctx, route)
	if err == nil && !slices.Contains(ids, p.client.ID()) {
		// The broker was started anew or has lost our connection. Without this we would give up all queues for a round.
		p.heartbeat(ctx, route.addrs())
		ids, err = p.members(ctx, route)
	}
	if err != nil {
		return nil, err
	}
	return allocateAveragely(queues, ids, p.client.ID()), nil
}

// members asks the brokers of the topic, one after the other until one knows, who is in the group.
func (p *PushConsumer) members(ctx context.Context, route *Route) ([]string, error) {
	err := error(ErrNoRoute)
	for _, b := range route.Brokers {
		addr, _ := route.Replica(b.Name, leaderID)
		var resp *remoting.Command
		resp, err = p.client.Invoke(ctx, addr, protocol.CodeGetConsumerListByGroup, &protocol.ConsumerGroupHeader{ConsumerGroup: p.opts.Group}, nil)
		if err == nil {
			return decodeConsumerList(resp.Body)
		}
	}
	return nil, err
}

// apply makes the queue loops of one topic agree with the assignment.
func (p *PushConsumer) apply(ctx context.Context, f *filter, mine []Queue) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for q, l := range p.queues {
		if q.Topic == f.topic && !slices.Contains(mine, q) {
			p.giveUpLocked(context.WithoutCancel(ctx), l)
		}
	}
	for _, q := range mine {
		if p.queues[q] == nil {
			p.queues[q] = p.startQueue(ctx, f, q)
		}
	}
}

// giveUpLocked stops a queue; its offset is stored when its handler has finished. It asks for p.mu. Until then the queue is not
// taken again, so that no message is handled twice at a time by us.
func (p *PushConsumer) giveUpLocked(ctx context.Context, l *queueLoop) {
	if l.stopping {
		return
	}
	l.stopping = true
	l.cancel()
	p.stops.Go(func() {
		<-l.ended
		p.commitNow(ctx, l)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.queues, l.queue)
		p.rebalanceSoon()
	})
}

// addrs lists all broker addresses of all subscribed topics whose route is known.
func (p *PushConsumer) addrs(ctx context.Context) []string {
	set := map[string]bool{}
	for i := range p.filters {
		if route, err := p.client.Route(ctx, p.filters[i].topic); err == nil {
			for _, addr := range route.addrs() {
				set[addr] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// heartbeat tells all brokers, leaders and followers, who we are and what we want, and waits for their answers.
func (p *PushConsumer) heartbeat(ctx context.Context, addrs []string) {
	body := p.heartbeatBody()
	for addr, err := range p.client.invokeAll(ctx, addrs, protocol.CodeHeartBeat, nil, body) {
		if err != nil {
			delete(p.known, addr)
			p.client.logger.Debug("heartbeat failed", "group", p.opts.Group, "address", addr, "error", err)
			continue
		}
		p.known[addr] = true
	}
}

// unregister leaves the group at every broker that knows us.
func (p *PushConsumer) unregister(ctx context.Context) {
	h := &protocol.UnregisterClientHeader{ClientID: p.client.ID(), ConsumerGroup: p.opts.Group}
	p.client.invokeAll(ctx, slices.Collect(maps.Keys(p.known)), protocol.CodeUnregisterClient, h, nil)
}

// invokeAll sends one request to many addresses at once and returns each one's error.
func (c *Client) invokeAll(ctx context.Context, addrs []string, code int32, header protocol.Header, body []byte) map[string]error {
	type result struct {
		addr string
		err  error
	}
	results := make(chan result, len(addrs))
	for _, addr := range addrs {
		c.remoting.Go(addr, command(code, header, body), c.opts.Timeout, func(resp *remoting.Command, err error) {
			if err == nil {
				err = answer(addr, resp)
			}
			results <- result{addr, err}
		})
	}
	out := make(map[string]error, len(addrs))
	for range addrs {
		select {
		case r := <-results:
			out[r.addr] = r.err
		case <-ctx.Done():
			return out
		}
	}
	return out
}

// commitAll stores the offsets that have changed since they were last stored. It does not wait; a failure is repeated at the next
// interval.
func (p *PushConsumer) commitAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for q, l := range p.queues {
		at, changed := l.uncommitted()
		if !changed || p.opts.Broadcasting {
			continue
		}
		route := p.client.cachedRoute(q.Topic)
		if route == nil {
			continue
		}
		addr, ok := route.Replica(q.Broker, leaderID) // any member forwards it
		if !ok {
			continue
		}
		p.client.remoting.Go(addr, command(protocol.CodeUpdateConsumerOffset, commitHeader(p.opts.Group, q, at), nil), p.client.opts.Timeout,
			func(resp *remoting.Command, err error) {
				if err == nil && answer(addr, resp) == nil {
					l.committed.Store(int64(at))
				}
			})
	}
}

// commitNow stores the offset of a queue whose loop has ended.
func (p *PushConsumer) commitNow(ctx context.Context, l *queueLoop) {
	at, changed := l.uncommitted()
	if p.opts.Broadcasting {
		p.mu.Lock()
		defer p.mu.Unlock()
		if changed {
			p.offsets[l.queue] = at
		}
		return
	}
	if !changed {
		return
	}
	if err := p.client.CommitOffset(ctx, p.opts.Group, l.queue, at); err != nil {
		p.client.logger.Warn("offset not stored, messages will come again", "group", p.opts.Group, "topic", l.queue.Topic,
			"brokerName", l.queue.Broker, "queueId", l.queue.ID, "queueOffset", at, "error", err)
	}
}
