package namesrv

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Server is one stateless NameServer.
type Server struct {
	opts     Options
	logger   hclog.Logger
	metrics  *metrics
	admin    networks
	register networks // empty: any
	key      []byte   // of the signatures of brokers; nil: none are asked for

	mu struct {
		sync.Mutex
		table *table
		kv    *kvStore
		// sequences are those of the last signature of each broker, by name and address.
		sequences map[string]uint64
		started   time.Time // of Run
		ready     bool      // never false again: a NameServer can be new only once
	}
}

// New validates o and allocates; it starts nothing.
func New(o Options) (*Server, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("namesrv options: %w", err)
	}
	s := &Server{opts: o, logger: o.Logger.Named("namesrv")}
	s.admin, _ = parseNetworks(o.AdminAllow) // Validate has parsed them
	s.register, _ = parseNetworks(o.RegisterAllow)
	if len(o.Secret) > 0 {
		s.key = protocol.RegistrationKey(o.Secret)
	}
	s.mu.sequences = map[string]uint64{}
	s.mu.table = newTable(o.Caps)
	s.mu.kv = newKVStore(o.Caps)
	s.mu.ready = o.ReadyAfter < 0
	m, err := newMetrics(o.Metrics, s)
	if err != nil {
		return nil, fmt.Errorf("namesrv metrics: %w", err)
	}
	s.metrics = m
	return s, nil
}

// Run serves until ctx ends or the listener fails. Order at the end: no new connections, open requests are answered within
// DrainTimeout, connections are closed, the expiry loop has returned.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	s.mu.started = time.Now()
	s.mu.Unlock()
	server := remoting.NewServer(remoting.ServerOptions{
		Handler: remoting.HandlerFunc(s.serve),
		Limits:  s.opts.Limits,
		Logger:  s.logger,
		OnClose: func(c *remoting.Conn) { s.connClosed(c.ID()) },
	})
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var loops sync.WaitGroup
	defer loops.Wait()
	ended := make(chan struct{})
	loops.Go(func() {
		select {
		case <-ctx.Done():
			drain, cancel := context.WithTimeout(serving, s.opts.DrainTimeout)
			defer cancel()
			server.Drain(drain)
		case <-ended:
		}
		stop()
	})
	loops.Go(func() { s.expireLoop(serving) })

	s.logger.Info(fmt.Sprintf("The Name Server boot success. serializeType=JSON, address %s", s.opts.Listener.Addr()))
	err := server.Serve(serving, s.opts.Listener)
	close(ended)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// serve is the remoting handler. Every request is answered here and now: the table is in memory.
func (s *Server) serve(r *remoting.Request) {
	handle, served := handlers[r.Code]
	info, known := protocol.Lookup(r.Code)
	if !served || !known {
		s.metrics.request("unknown")
		r.ReplyCode(protocol.RequestCodeNotSupported, protocol.RemarkNotSupported(r.Code))
		return
	}
	s.metrics.request(info.Name)
	if remark, ok := s.allowed(info.Class, r.Conn.RemoteAddr()); !ok {
		s.logger.Warn("request refused", "request", info.Name, "from", r.Conn.RemoteAddr())
		r.ReplyCode(protocol.NoPermission, remark)
		return
	}
	if s.key != nil && info.Class == protocol.Peer {
		if err := s.authentic(r); err != nil {
			s.logger.Warn("request refused", "request", info.Name, "from", r.Conn.RemoteAddr(), "error", err)
			r.Reply(reply(err))
			return
		}
	}
	resp, err := handle(s, r)
	if err != nil {
		r.Reply(reply(err))
		return
	}
	r.Reply(resp)
}

// handlers are the codes that a NameServer serves. Their names and classes are those of protocol.Codes; a code that is not here is
// answered 3.
var handlers = map[int32]func(*Server, *remoting.Request) (*remoting.Command, error){
	protocol.CodeGetRouteInfoByTopic: (*Server).route,

	protocol.CodeRegisterBroker:   (*Server).registerBroker,
	protocol.CodeUnregisterBroker: (*Server).unregisterBroker,
	protocol.CodeBrokerHeartbeat:  (*Server).brokerHeartbeat,
	protocol.CodeQueryDataVersion: (*Server).queryDataVersion,

	protocol.CodeGetBrokerClusterInfo:          (*Server).clusterInfo,
	protocol.CodeGetBrokerMemberGroup:          (*Server).memberGroup,
	protocol.CodeGetAllTopicListFromNameServer: (*Server).allTopics,
	protocol.CodeGetTopicsByCluster:            (*Server).clusterTopics,
	protocol.CodeGetSystemTopicListFromNS:      (*Server).systemTopics,
	protocol.CodeGetUnitTopicList:              unitTopics(isUnit),
	protocol.CodeGetHasUnitSubTopicList:        unitTopics(hasUnitSub),
	protocol.CodeGetHasUnitSubUnUnitTopicList:  unitTopics(hasUnitSubOnly),
	protocol.CodeDeleteTopicInNamesrv:          (*Server).deleteTopic,
	protocol.CodeRegisterTopicInNamesrv:        (*Server).registerTopic,
	protocol.CodeWipeWritePermOfBroker:         (*Server).wipeWritePerm,
	protocol.CodeAddWritePermOfBroker:          (*Server).addWritePerm,
	protocol.CodeUpdateNamesrvConfig:           (*Server).updateConfig,
	protocol.CodeGetNamesrvConfig:              (*Server).config,

	protocol.CodePutKVConfig:          (*Server).putKV,
	protocol.CodeGetKVConfig:          (*Server).getKV,
	protocol.CodeDeleteKVConfig:       (*Server).deleteKV,
	protocol.CodeGetKVListByNamespace: (*Server).listKV,
}

// allowed decides by the sender's address. Loopback and connections that are not TCP come from this machine.
func (s *Server) allowed(c protocol.Class, from netip.AddrPort) (remark string, ok bool) {
	addr := from.Addr()
	if c == protocol.Public || !addr.IsValid() || addr.Unmap().IsLoopback() || s.admin.contain(addr) {
		return "", true
	}
	if c == protocol.Peer {
		if len(s.register) == 0 || s.register.contain(addr) {
			return "", true
		}
		return fmt.Sprintf("brokers may not register from %s: it is not in the networks of this NameServer's register_allow", addr), false
	}
	return fmt.Sprintf("admin requests are not served to %s: send them from the NameServer's machine, or add the address to admin.allow", addr), false
}
