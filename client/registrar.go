package client

import (
	"context"
	"fmt"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Registrar tells NameServers about one member of a broker group. Each call goes to all NameServers at once and waits for their
// answers, each at most Options.Timeout; a NameServer that is down delays nobody else's. Calls must not overlap: the order of
// registrations is the order of calls.
type Registrar struct {
	client *Client
	member Member
}

// Member is who registers.
type Member struct {
	Cluster string
	Broker  string // broker name
	Addr    string // "host:port" that clients are told
	HAAddr  string // [Addr]
	// GroupID is the Raft group's UUID. With it a NameServer tells a new group under an old name from a stale leader.
	GroupID string
	// Timeout is how long a NameServer keeps the member without a sign of life [10 s].
	Timeout time.Duration
}

// Registration is what a member says about itself.
type Registration struct {
	ID   int64 // 0 leader, 1… followers
	Term int64 // Raft term; the NameServer lets the highest one be leader
	// Version and Stamp are the topic table's counter and time (ms).
	Version, Stamp int64
	Topics         []protocol.TopicConfig
	// Changed says that Topics are only those that have changed since this leader's last registration; otherwise they are all, and a
	// topic that is missing has been deleted.
	Changed bool
}

// Registered is one NameServer's answer.
type Registered struct {
	Addr string // of the NameServer
	// Err: nil; a *ResponseError if it refused, which wraps ErrStale, ErrNeedFull or ErrNotRegistered beside it where they apply;
	// otherwise it was not reached.
	Err        error
	LeaderAddr string // of the live leader, told to followers
}

// NewRegistrar validates nothing and sends nothing.
func (c *Client) NewRegistrar(m Member) *Registrar {
	setDefault(&m.HAAddr, m.Addr)
	setDefault(&m.Timeout, 10*time.Second)
	return &Registrar{client: c, member: m}
}

// SetGroupID sets Member.GroupID once it is known.
func (r *Registrar) SetGroupID(id string) { r.member.GroupID = id }

// Register sends code 103 to all NameServers. A NameServer that does not know the leader's full table refuses changed topics: send
// them all then.
func (r *Registrar) Register(ctx context.Context, reg Registration) []Registered {
	version := protocol.DataVersion{StateVersion: reg.Term, Counter: reg.Version, Timestamp: reg.Stamp}
	body := protocol.RegisterBrokerBody{DataVersion: version, Topics: reg.Topics}.Encode()
	h := protocol.RegisterBrokerHeader{ClusterName: r.member.Cluster, BrokerName: r.member.Broker, BrokerAddr: r.member.Addr,
		HAServerAddr: r.member.HAAddr, BrokerID: reg.ID, HeartbeatTimeoutMillis: r.member.Timeout.Milliseconds(), BodyCRC32: protocol.BodyCRC(body)}
	topics := protocol.RegisterFull
	if reg.Changed {
		topics = protocol.RegisterChanged
	}
	fields := append(h.AppendFields(nil), protocol.Field{Key: protocol.RegisterTopicsField, Value: topics})
	if r.member.GroupID != "" {
		fields = append(fields, protocol.Field{Key: protocol.RegisterGroupField, Value: r.member.GroupID})
	}
	return r.all(ctx, protocol.CodeRegisterBroker, body, fields)
}

// Heartbeat sends code 904 to all NameServers. A NameServer that does not know the member, because it was started anew or the
// member has expired, gives ErrNotRegistered.
func (r *Registrar) Heartbeat(ctx context.Context, id int64) []Registered {
	h := &protocol.BrokerHeartbeatHeader{ClusterName: r.member.Cluster, BrokerAddr: r.member.Addr, BrokerName: r.member.Broker,
		BrokerID: id, HeartbeatTimeoutMillis: r.member.Timeout.Milliseconds()}
	return r.all(ctx, protocol.CodeBrokerHeartbeat, nil, h.AppendFields(nil))
}

// Unregister sends code 104 to all NameServers.
func (r *Registrar) Unregister(ctx context.Context, id int64) []Registered {
	h := &protocol.BrokerIdentityHeader{ClusterName: r.member.Cluster, BrokerAddr: r.member.Addr, BrokerName: r.member.Broker, BrokerID: id}
	return r.all(ctx, protocol.CodeUnregisterBroker, nil, h.AppendFields(nil))
}

// all sends a request to every NameServer and returns the answers in the order of Options.NameServers.
func (r *Registrar) all(ctx context.Context, code int32, body []byte, fields protocol.Fields) []Registered {
	type result struct {
		at int
		Registered
	}
	servers := r.client.opts.NameServers
	results := make(chan result, len(servers))
	for i, addr := range servers {
		req := &remoting.Command{Code: code, Body: body, Ext: fields}
		r.client.remoting.Go(addr, req, r.client.opts.Timeout, func(resp *remoting.Command, err error) {
			got := Registered{Addr: addr, Err: err}
			if err == nil {
				got.Err = registerError(addr, resp)
				got.LeaderAddr, _ = resp.Ext.Get("masterAddr")
			}
			results <- result{i, got}
		})
	}
	out := make([]Registered, len(servers))
	for i, addr := range servers {
		out[i] = Registered{Addr: addr, Err: remoting.ErrTimeout}
	}
	for range servers {
		select {
		case got := <-results:
			out[got.at] = got.Registered
		case <-ctx.Done():
			return out
		}
	}
	return out
}

// registerError is answer with the reason that a NameServer of ours gives.
func registerError(addr string, resp *remoting.Command) error {
	err := answer(addr, resp)
	if err == nil {
		return nil
	}
	reason, _ := resp.Ext.Get(protocol.RegisterRefusedField)
	switch reason {
	case protocol.RefusedNeedFull:
		return fmt.Errorf("%w: %w", ErrNeedFull, err)
	case protocol.RefusedStale:
		return fmt.Errorf("%w: %w", ErrStale, err)
	case protocol.RefusedUnknown:
		return fmt.Errorf("%w: %w", ErrNotRegistered, err)
	}
	return err
}
