package namesrv

import (
	"fmt"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Codes 100, 101, 102 and 219. Source: DefaultRequestProcessor#putKVConfig and following. Difference: nothing is written to a
// file, so entries last as long as the process.

func (s *Server) putKV(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.PutKVHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mu.kv.put(h.Namespace, h.Key, h.Value); err != nil {
		return nil, err
	}
	s.logger.Info("KV entry put", "namespace", h.Namespace, "key", h.Key)
	return &remoting.Command{}, nil
}

func (s *Server) getKV(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.KVHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.mu.kv.get(h.Namespace, h.Key)
	if !ok {
		return nil, &refusal{protocol.QueryNotFound, fmt.Sprintf("No config item, Namespace: %s Key: %s", h.Namespace, h.Key)}
	}
	return &remoting.Command{Ext: (&protocol.KVResponseHeader{Value: value}).AppendFields(nil)}, nil
}

func (s *Server) deleteKV(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.KVHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.mu.kv.delete(h.Namespace, h.Key)
	s.mu.Unlock()
	s.logger.Info("KV entry deleted", "namespace", h.Namespace, "key", h.Key)
	return &remoting.Command{}, nil
}

func (s *Server) listKV(r *remoting.Request) (*remoting.Command, error) {
	var h protocol.NamespaceHeader
	if err := h.Decode(r.Ext); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	table := s.mu.kv.list(h.Namespace)
	if table == nil {
		return nil, &refusal{protocol.QueryNotFound, "No config item, Namespace: " + h.Namespace}
	}
	return &remoting.Command{Body: (&protocol.KVTable{Table: table}).Encode()}, nil
}
