package namesrv

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Codes 103, 104, 904 and 322, sent by brokers. Source: DefaultRequestProcessor, RouteInfoManager. Differences: the term in
// DataVersion.stateVersion decides between leaders (design D19, D25); a broker of ours says with
// protocol.RegisterGroupField and RegisterTopicsField which Raft group it is and whether its topics are all or only the changed ones;
// a heartbeat of an unknown member is answered 1, so that it registers at once with a NameServer that has just started.

// timeoutMax bounds the timeout that a registration may bring.
const timeoutMax = 10 * time.Minute

func (s *Server) registerBroker(r *remoting.Request) (*remoting.Command, error) {
	reg, err := s.decodeRegistration(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", protocol.RemarkRegister, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := s.mu.table.register(time.Now(), reg)
	if err != nil {
		if !errors.Is(err, errNeedFull) {
			s.logger.Warn("registration refused", "brokerName", reg.broker, "brokerId", reg.id, "address", reg.addr, "term", reg.version.state, "error", err)
		}
		return nil, fmt.Errorf("%s: %w", protocol.RemarkRegister, err)
	}
	if out.changed {
		s.logger.Info("broker registered", "brokerName", reg.broker, "brokerId", reg.id, "address", reg.addr, "term", reg.version.state, "topics", len(reg.topics))
	}
	if out.refusedTopics > 0 {
		s.logger.Warn("route table is full, new topics refused", "brokerName", reg.broker, "topics", out.refusedTopics)
	}
	resp := &remoting.Command{Ext: (&protocol.RegisterBrokerResponseHeader{HAServerAddr: out.leaderHA, MasterAddr: out.leaderAddr}).AppendFields(nil)}
	if order := s.mu.kv.list(orderTopicNamespace); order != nil {
		resp.Body = (&protocol.KVTable{Table: order}).Encode()
	}
	return resp, nil
}

// decodeRegistration checks everything that does not need the table.
func (s *Server) decodeRegistration(r *remoting.Request) (*registration, error) {
	var h protocol.RegisterBrokerHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	if err := validMember(h.ClusterName, h.BrokerName, h.BrokerAddr, h.BrokerID); err != nil {
		return nil, err
	}
	body, err := protocol.DecodeRegisterBrokerBody(r.Body, &h)
	if err != nil {
		return nil, err
	}
	v := body.DataVersion
	reg := &registration{
		cluster: h.ClusterName, broker: h.BrokerName, addr: h.BrokerAddr, haAddr: h.HAServerAddr, id: h.BrokerID,
		version: version{v.StateVersion, v.Timestamp, v.Counter},
		timeout: s.timeoutOf(h.HeartbeatTimeoutMillis),
		conn:    r.Conn.ID(),
		topics:  make(map[string]queues, len(body.Topics)),
		scope:   scopeOf(r.Ext),
	}
	reg.groupID, _ = r.Ext.Get(protocol.RegisterGroupField)
	reg.own()
	if reg.version.state < 0 {
		return nil, fmt.Errorf("stateVersion %d is negative", reg.version.state)
	}
	for _, t := range body.Topics {
		if !validName(t.TopicName) || !validQueues(t.ReadQueueNums) || !validQueues(t.WriteQueueNums) {
			return nil, fmt.Errorf("topic %.64q with %d read and %d write queues", t.TopicName, t.ReadQueueNums, t.WriteQueueNums)
		}
		reg.topics[t.TopicName] = queues{t.ReadQueueNums, t.WriteQueueNums, t.Perm, t.TopicSysFlag}
	}
	return reg, nil
}

func scopeOf(fields protocol.Fields) scope {
	switch v, _ := fields.Get(protocol.RegisterTopicsField); v {
	case protocol.RegisterFull:
		return scopeFull
	case protocol.RegisterChanged:
		return scopeChanged
	}
	return scopeUnmarked
}

// own copies the names that the table keeps out of the request's header, which would live as long as they do.
func (r *registration) own() {
	for _, name := range []*string{&r.cluster, &r.broker, &r.addr, &r.haAddr, &r.groupID} {
		*name = strings.Clone(*name)
	}
}

func (s *Server) timeoutOf(millis int64) time.Duration {
	if millis <= 0 {
		return s.opts.BrokerTimeout
	}
	return min(time.Duration(min(millis, math.MaxInt32))*time.Millisecond, timeoutMax)
}

// unregisterBroker answers 0 also when nothing is registered: what the sender wants is so.
func (s *Server) unregisterBroker(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.BrokerIdentityHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	s.mu.Lock()
	gone, ok := s.mu.table.unregister(time.Now(), h.BrokerName, h.BrokerAddr, h.BrokerID, r.Conn.ID())
	s.mu.Unlock()
	if ok {
		s.departed([]departure{gone})
	}
	return &remoting.Command{}, nil
}

func (s *Server) brokerHeartbeat(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.BrokerHeartbeatHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	var timeout time.Duration
	if h.HeartbeatTimeoutMillis > 0 {
		timeout = s.timeoutOf(h.HeartbeatTimeoutMillis)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.table.heartbeat(time.Now(), h.BrokerName, h.BrokerAddr, h.BrokerID, timeout, r.Conn.ID()) {
		return nil, fmt.Errorf("%w: %s as id %d of %s", errUnknownMember, h.BrokerAddr, h.BrokerID, h.BrokerName)
	}
	return &remoting.Command{}, nil
}

// queryDataVersion tells a broker whether it has to register anew. As upstream it counts as a sign of life if nothing changed.
func (s *Server) queryDataVersion(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.BrokerIdentityHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	var sent protocol.DataVersion
	if err := sent.Decode(r.Body); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.mu.table.versionOf(h.BrokerName, h.BrokerAddr)
	changed := !ok || known != version{sent.StateVersion, sent.Timestamp, sent.Counter}
	if !changed {
		s.mu.table.heartbeat(time.Now(), h.BrokerName, h.BrokerAddr, h.BrokerID, 0, r.Conn.ID())
	}
	resp := &remoting.Command{Ext: (&protocol.DataVersionResponseHeader{Changed: changed}).AppendFields(nil)}
	if ok {
		resp.Body = (&protocol.DataVersion{StateVersion: known.state, Timestamp: known.timestamp, Counter: known.counter}).Encode()
	}
	return resp, nil
}

// validMember checks what a route would hand to every client.
func validMember(cluster, broker, addr string, id int64) error {
	switch {
	case !validName(cluster):
		return fmt.Errorf("clusterName %.64q", cluster)
	case !validName(broker):
		return fmt.Errorf("brokerName %.64q", broker)
	case !validAddr(addr):
		return fmt.Errorf("brokerAddr %.64q is not host:port", addr)
	case id < 0:
		return fmt.Errorf("brokerId %d is negative", id)
	}
	return nil
}

const nameMax = 255

// validName accepts printable ASCII that needs no escape in JSON and is no path.
func validName(name string) bool {
	return len(name) > 0 && len(name) <= nameMax && strings.IndexFunc(name, func(c rune) bool {
		return c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '/'
	}) < 0
}

// validAddr accepts "host:port". client-go splits brokerAddrs by hand, so that a comma in an address would add a broker.
func validAddr(addr string) bool {
	if !validName(addr) || strings.ContainsAny(addr, ",;{}") {
		return false
	}
	at := strings.LastIndexByte(addr, ':')
	if at <= 0 {
		return false
	}
	port, err := strconv.ParseUint(addr[at+1:], 10, 16)
	if err != nil || port == 0 {
		return false
	}
	host := addr[:at]
	if strings.ContainsRune(host, ':') {
		_, err := netip.ParseAddrPort(addr)
		return err == nil
	}
	return true
}

// queuesMax is the highest queue number believed. Clients allocate something for each queue.
const queuesMax = 1 << 16

func validQueues(n int32) bool { return n >= 0 && n <= queuesMax }
