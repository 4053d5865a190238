package console

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/raftlog"
)

// stalledMax is the age of a storage call from which on a member counts as not ready (design D12).
const stalledMax = time.Second

func (s *Server) getProcess(w http.ResponseWriter, _ *http.Request) {
	p := Process{Version: s.opts.Version, PID: s.pid, Started: s.started, NameServer: s.opts.NameServer, Members: []MemberView{}}
	for _, m := range s.opts.Brokers {
		p.Members = append(p.Members, viewMember(m.Status()))
	}
	reply(w, http.StatusOK, p)
}

func (s *Server) getRaft(w http.ResponseWriter, r *http.Request) {
	m, ok := s.member(w, r)
	if !ok {
		return
	}
	st := m.Status()
	v := Raft{Group: st.Name, UUID: st.Raft.UUID, Self: string(st.Raft.Self), Term: uint64(st.Raft.Term), Leader: string(st.Raft.Leader), Images: []uint64{}, Members: []RaftPeer{}}
	for _, i := range st.Raft.Images {
		v.Images = append(v.Images, uint64(i))
	}
	for _, p := range st.Raft.Members {
		v.Members = append(v.Members, s.viewPeer(st.Name, p))
	}
	reply(w, http.StatusOK, v)
}

func (s *Server) viewPeer(group string, m raftlog.Member) RaftPeer {
	p := RaftPeer{ID: string(m.ID), Node: nodeOf(string(m.ID)), Address: m.Address, Voter: m.Voter, Leader: m.Leader, MatchIndex: uint64(m.MatchIndex), LastContactMS: -1,
		StuckMS: m.Stuck.Milliseconds(), Refused: m.Refused}
	if !m.LastContact.IsZero() {
		p.LastContactMS = time.Since(m.LastContact).Milliseconds()
	}
	p.Admin = s.adminOf(group, p.Node)
	return p
}

func (s *Server) adminOf(group, node string) string {
	if s.opts.AdminOf == nil || node == "" {
		return ""
	}
	return s.opts.AdminOf(group, node)
}

func (s *Server) getTopics(w http.ResponseWriter, r *http.Request) {
	m, ok := s.member(w, r)
	if !ok {
		return
	}
	st := m.State()
	if st == nil {
		reply(w, http.StatusServiceUnavailable, Failure{Error: "the member is still recovering"})
		return
	}
	topics, _ := st.Topics()
	out := make([]Topic, 0, len(topics))
	for _, t := range topics {
		out = append(out, viewTopic(st, t))
	}
	reply(w, http.StatusOK, out)
}

func viewTopic(st *state.State, t *state.Topic) Topic {
	v := Topic{Name: t.Name, ReadQueues: t.ReadQueues, WriteQueues: t.WriteQueues, Perm: permString(t.Perm)}
	for q := range max(t.ReadQueues, t.WriteQueues) {
		r := st.Range(consumequeue.Key{Topic: t.ID, Queue: q})
		v.Messages += int64(r.Max - r.Min)
	}
	return v
}

func permString(perm int32) string {
	var out strings.Builder
	for _, bit := range []struct {
		mask int32
		name string
	}{{4, "r"}, {2, "w"}, {1, "x"}} {
		if perm&bit.mask != 0 {
			out.WriteString(bit.name)
		}
	}
	return out.String()
}

// member finds the member of the group that the path names, or answers 404 with the groups that are here.
func (s *Server) member(w http.ResponseWriter, r *http.Request) (Member, bool) {
	var here []string
	for _, m := range s.opts.Brokers {
		name := m.Status().Name
		if name == r.PathValue("group") {
			return m, true
		}
		here = append(here, name)
	}
	reply(w, http.StatusNotFound, Failure{Error: "no member of broker group " + r.PathValue("group") + " here; this process has: " + strings.Join(here, ", ")})
	return nil, false
}

// nodeOf is the node name of a server id, the part before the @.
func nodeOf(id string) string {
	name, _, _ := strings.Cut(id, "@")
	return name
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // an error means that the client has gone
}
