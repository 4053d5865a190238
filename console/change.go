package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/raftmq/raftmq/raftlog"
)

func (s *Server) transfer(w http.ResponseWriter, r *http.Request) {
	var body Transfer
	s.onNode(w, r, &body, func(ctx context.Context, n *raftlog.Node) error { return n.TransferLeadership(ctx, body.To) })
}

func (s *Server) addMember(w http.ResponseWriter, r *http.Request) {
	var body NewMember
	s.onNode(w, r, &body, func(ctx context.Context, n *raftlog.Node) error {
		return n.AddMember(ctx, body.Node, body.Address, body.Voter)
	})
}

func (s *Server) removeMember(w http.ResponseWriter, r *http.Request) {
	s.onNode(w, r, nil, func(ctx context.Context, n *raftlog.Node) error { return n.RemoveMember(ctx, r.PathValue("member")) })
}

func (s *Server) demoteMember(w http.ResponseWriter, r *http.Request) {
	s.onNode(w, r, nil, func(ctx context.Context, n *raftlog.Node) error { return n.DemoteMember(ctx, r.PathValue("member")) })
}

func (s *Server) boundary(w http.ResponseWriter, r *http.Request) {
	m, ok := s.member(w, r)
	if !ok {
		return
	}
	index, err := m.Boundary(r.Context())
	if err != nil {
		s.fail(w, m, err)
		return
	}
	s.opts.Logger.Info("boundary made", "brokerName", m.Status().Name, "index", index)
	reply(w, http.StatusOK, Boundary{Index: uint64(index)})
}

// onNode decodes body, if there is one, runs do on the group's node and answers with the outcome.
func (s *Server) onNode(w http.ResponseWriter, r *http.Request, body any, do func(context.Context, *raftlog.Node) error) {
	m, ok := s.member(w, r)
	if !ok {
		return
	}
	if body != nil {
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(body); err != nil {
			reply(w, http.StatusBadRequest, Failure{Error: "the body is not what is expected: " + err.Error()})
			return
		}
	}
	node := m.Node()
	if node == nil {
		reply(w, http.StatusServiceUnavailable, Failure{Error: "the member is still recovering; try again"})
		return
	}
	if err := do(r.Context(), node); err != nil {
		s.fail(w, m, err)
		return
	}
	s.opts.Logger.Info("changed by an administrator", "brokerName", m.Status().Name, "request", r.Method+" "+r.URL.Path, "body", fmt.Sprintf("%+v", body))
	reply(w, http.StatusOK, struct{}{})
}

// fail answers with an error of a member: who leads if that is what is missing.
func (s *Server) fail(w http.ResponseWriter, m Member, err error) {
	f, status := Failure{Error: err.Error()}, http.StatusInternalServerError
	switch {
	case errors.Is(err, raftlog.ErrNotLeader):
		st := m.Status()
		status = http.StatusConflict
		f.Leader = nodeOf(string(st.Raft.Leader))
		f.LeaderAdmin = s.adminOf(st.Name, f.Leader)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		status = http.StatusGatewayTimeout
	case errors.Is(err, raftlog.ErrBusy):
		status = http.StatusServiceUnavailable
	}
	reply(w, status, f)
}
