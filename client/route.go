package client

import (
	"maps"
	"slices"
	"time"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// Route is where one topic lives. It is immutable once published.
type Route struct {
	Topic   string
	Brokers []RouteBroker // by name
	Fetched time.Time

	write, read []Queue
}

// RouteBroker is one broker group that has the topic.
type RouteBroker struct {
	Name, Cluster string
	Addrs         map[int64]string // by broker id; 0 is the leader
	ReadQueues    int32
	WriteQueues   int32
	Perm          int32 // bits 4 read, 2 write, 1 inherit
}

// leaderID is the broker id of a leader.
const leaderID = 0

func (r *Route) broker(name string) *RouteBroker {
	for i := range r.Brokers {
		if r.Brokers[i].Name == name {
			return &r.Brokers[i]
		}
	}
	return nil
}

// WriteQueues lists the queues that producers may use: of writable brokers with a leader. They are ordered so that
// neighbours lie on different brokers. The slice is the route's.
func (r *Route) WriteQueues() []Queue { return r.write }

// ReadQueues lists the queues that consumers share: of readable brokers. The slice is the route's.
func (r *Route) ReadQueues() []Queue { return r.read }

// publish completes a route whose brokers are known. It does not change after that.
func (r *Route) publish() *Route {
	r.write = r.queues(func(b *RouteBroker) int32 {
		if b.Perm&protocol.PermWrite == 0 || b.Addrs[leaderID] == "" {
			return 0
		}
		return b.WriteQueues
	})
	r.read = r.queues(func(b *RouteBroker) int32 {
		if b.Perm&protocol.PermRead == 0 {
			return 0
		}
		return b.ReadQueues
	})
	return r
}

func (r *Route) queues(count func(*RouteBroker) int32) []Queue {
	var out []Queue
	for id := int32(0); ; id++ {
		before := len(out)
		for i := range r.Brokers {
			if id < count(&r.Brokers[i]) {
				out = append(out, Queue{r.Topic, r.Brokers[i].Name, id})
			}
		}
		if len(out) == before {
			return out
		}
	}
}

// Leader returns the address of a broker's id 0.
func (r *Route) Leader(broker string) (addr string, ok bool) {
	b := r.broker(broker)
	if b == nil || b.Addrs[leaderID] == "" {
		return "", false
	}
	return b.Addrs[leaderID], true
}

// Replica returns the address of a broker's id, or of the next id, or of any. Source: MQClientInstance#findBrokerAddressInSubscribe.
func (r *Route) Replica(broker string, id int64) (addr string, ok bool) {
	b := r.broker(broker)
	if b == nil {
		return "", false
	}
	for _, id := range []int64{id, id + 1} {
		if addr := b.Addrs[id]; addr != "" {
			return addr, true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b.Addrs)) {
		return b.Addrs[id], true
	}
	return "", false
}

// addrs lists every address of every broker of the route.
func (r *Route) addrs() []string {
	var out []string
	for _, b := range r.Brokers {
		for _, addr := range b.Addrs {
			out = append(out, addr)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
