package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// routeCache holds the routes that were asked for. A route older than RoutePoll is used on while a new one is fetched beside;
// topics that nobody uses are not polled, and no goroutine is needed for it.
type routeCache struct {
	mu      sync.Mutex
	entries map[string]*routeEntry
}

// routeEntry is one topic. waiting is not nil while a request is under way; its functions are called at its end.
type routeEntry struct {
	route   *Route // the last that came
	waiting []func(*Route, error)
}

// Route returns the topic's route: from the cache, or asked for if it is not there. ErrNoRoute: no NameServer knows the topic.
func (c *Client) Route(ctx context.Context, topic string) (*Route, error) {
	if r := c.cachedRoute(topic); r != nil {
		return r, nil
	}
	return c.RefreshRoute(ctx, topic)
}

// RefreshRoute asks for the topic's route now. Concurrent calls for one topic share a request. On failure the cached route stays.
func (c *Client) RefreshRoute(ctx context.Context, topic string) (*Route, error) {
	type result struct {
		route *Route
		err   error
	}
	got := make(chan result, 1)
	c.fetchRoute(topic, func(r *Route, err error) { got <- result{r, err} })
	select {
	case r := <-got:
		return r.route, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ForgetRoute drops the topic's cached route.
func (c *Client) ForgetRoute(topic string) {
	c.routes.mu.Lock()
	defer c.routes.mu.Unlock()
	if e := c.routes.entries[topic]; e != nil {
		e.route = nil
	}
}

// cachedRoute returns the cached route or nil, and has an old one fetched again without waiting.
func (c *Client) cachedRoute(topic string) *Route {
	c.routes.mu.Lock()
	var route *Route
	if e := c.routes.entries[topic]; e != nil {
		route = e.route
	}
	c.routes.mu.Unlock()
	if route != nil && time.Since(route.Fetched) >= c.opts.RoutePoll {
		c.fetchRoute(topic, func(*Route, error) {})
	}
	return route
}

// fetchRoute asks for the route without blocking, or joins the request under way, and calls done once.
func (c *Client) fetchRoute(topic string, done func(*Route, error)) {
	c.routes.mu.Lock()
	e := c.routes.entries[topic]
	if e == nil {
		e = &routeEntry{}
		c.routes.entries[topic] = e
	}
	first := e.waiting == nil
	e.waiting = append(e.waiting, done)
	c.routes.mu.Unlock()
	if first {
		c.askRoute(topic, e, c.currentNameServer(), len(c.opts.NameServers))
	}
}

// askRoute asks one NameServer and, if it does not answer at all, the next one, as long as any is left.
func (c *Client) askRoute(topic string, e *routeEntry, at, left int) {
	if left == 0 {
		c.endFetch(e, nil, fmt.Errorf("route of topic %s: %w", topic, ErrNoNameServer))
		return
	}
	addr := c.opts.NameServers[at]
	req := command(protocol.CodeGetRouteInfoByTopic, routeRequest(topic), nil)
	c.remoting.Go(addr, req, c.opts.Timeout, func(resp *remoting.Command, err error) {
		if err != nil {
			c.logger.Debug("NameServer did not answer", "address", addr, "error", err)
			c.askRoute(topic, e, (at+1)%len(c.opts.NameServers), left-1)
			return
		}
		c.setNameServer(at)
		if err := answer(addr, resp); err != nil {
			c.endFetch(e, nil, noRoute(topic, err))
			return
		}
		r, err := decodeRoute(topic, resp.Body)
		c.endFetch(e, r, err)
	})
}

func (c *Client) endFetch(e *routeEntry, r *Route, err error) {
	c.routes.mu.Lock()
	waiting := e.waiting
	e.waiting = nil
	if err == nil {
		e.route = r
	}
	c.routes.mu.Unlock()
	for _, done := range waiting {
		done(r, err)
	}
}

// noRoute makes the answer 17 an ErrNoRoute.
func noRoute(topic string, err error) error {
	if IsCode(err, protocol.TopicNotExist) {
		return fmt.Errorf("%w of topic %s: %w", ErrNoRoute, topic, err)
	}
	return fmt.Errorf("route of topic %s: %w", topic, err)
}

// asTemplate makes the route of the template topic that of a topic that does not exist yet: a broker that gets a message for it
// makes it with at most queues queues. Source: MQClientInstance#updateTopicRouteInfoFromNameServer.
func (r *Route) asTemplate(topic string, queues int32) *Route {
	out := &Route{Topic: topic, Fetched: r.Fetched}
	for _, b := range r.Brokers {
		b.ReadQueues = min(b.ReadQueues, queues)
		b.WriteQueues = min(b.WriteQueues, queues)
		out.Brokers = append(out.Brokers, b)
	}
	return out.publish()
}

const templateTopic = message.AutoCreateKey
