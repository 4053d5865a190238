package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/raftmq/raftmq/broker"
	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

// member is a Member whose status a test sets. It has no node and no state, like one that is recovering.
type member struct {
	status      broker.Status
	boundary    offset.Index
	boundaryErr error
}

func (m *member) Status() broker.Status                          { return m.status }
func (m *member) Node() *raftlog.Node                            { return nil }
func (m *member) State() *state.State                            { return nil }
func (m *member) Boundary(context.Context) (offset.Index, error) { return m.boundary, m.boundaryErr }

func leading() broker.Status {
	return broker.Status{
		Cluster: "DefaultCluster", Name: "RaftNode00", Node: "n0", Address: "127.0.0.1:10911", Recovered: true, Serving: true,
		NameServers: map[string]string{"127.0.0.1:9876": "ok", "127.0.0.1:9877": "refused"},
		Raft: raftlog.Status{State: "leader", Term: 7, Leader: "n0@aa", Self: "n0@aa", CommitIndex: 12, AppliedIndex: 11, LeaderCommit: 12,
			NextPosition: 700, FirstPosition: 200, Flush: "sync",
			Members: []raftlog.Member{{ID: "n0@aa", Address: "127.0.0.1:40911", Voter: true, Leader: true, MatchIndex: 12}, {ID: "n1@bb", Address: "127.0.0.1:40912", MatchIndex: 11, LastContact: time.Now().Add(-time.Second)}}},
	}
}

func adminOf(_, node string) string {
	return map[string]string{"n0": "127.0.0.1:8082", "n1": "127.0.0.1:8083"}[node]
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

func TestProbes(t *testing.T) {
	change := func(f func(*broker.Status)) broker.Status { st := leading(); f(&st); return st }
	recovering := change(func(s *broker.Status) { s.Recovered, s.Serving, s.Raft.Leader = false, false, "" })
	tests := []struct {
		name   string
		status broker.Status
		path   string
		code   int
		want   string
	}{
		{"alive while recovering", recovering, "/healthz", 200, "ok\n"},
		{"ready leader", leading(), "/readyz", 200, "ok\n"},
		{"ready leader, verbose", leading(), "/readyz?verbose", 200, "[+] RaftNode00 registered\n"},
		{"leader asked as leader", leading(), "/readyz?role=leader", 200, "ok\n"},
		{"leader asked as follower", leading(), "/readyz?role=follower", 503, "[-] RaftNode00 role: is leader\n"},
		{"recovering is not started", recovering, "/startupz", 503, "[-] RaftNode00 recovered: applied 11\n"},
		{"recovered is started", leading(), "/startupz", 200, "ok\n"},
		{"no leader", change(func(s *broker.Status) { s.Raft.Leader = "" }), "/readyz", 503, "[-] RaftNode00 leader known: no leader in term 7\n"},
		{"not serving", change(func(s *broker.Status) { s.Serving = false }), "/readyz", 503, "[-] RaftNode00 serving: leader, applied 11 of commit 12\n"},
		{"registered nowhere", change(func(s *broker.Status) { s.NameServers = map[string]string{"a:1": "refused"} }), "/readyz", 503, "[-] RaftNode00 registered: at none of 1 NameServers: map[a:1:refused]\n"},
		{"damaged log", change(func(s *broker.Status) { s.Raft.Damage = "damaged at position 7 in f" }), "/readyz", 503, "[-] RaftNode00 log: damaged at position 7 in f\n"},
		{"damaged and alive", change(func(s *broker.Status) { s.Raft.Damage = "damaged at position 7 in f" }), "/healthz?verbose", 200, "[+] RaftNode00 log: DAMAGED: damaged at position 7 in f\n"},
		{"scrubbing", change(func(s *broker.Status) {
			s.Raft.Scrub = raftlog.ScrubStatus{Rate: 8 << 20, Bytes: 9, Passes: 2, LastPass: time.Unix(0, 0)}
		}), "/healthz?verbose", 200, "scrub at 8388608 bytes a second, 2 passes, the last ended 1970-01-01T00:00:00Z\n"},
		{"not scrubbing", leading(), "/healthz?verbose", 200, "[+] process\n[+] RaftNode00 log: no damage known; scrub is off\n"},
		{"hung disk", change(func(s *broker.Status) { s.Raft.Stalled = 3 * time.Second }), "/readyz", 503, "[-] RaftNode00 disk: a storage call has been running for 3s\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New(Options{Brokers: []Member{&member{status: tt.status}}})
			code, body := get(t, s.Handler(), tt.path)
			if code != tt.code || !strings.Contains(body, tt.want) {
				t.Errorf("got %d %q, want %d with %q", code, body, tt.code, tt.want)
			}
		})
	}
}

func TestNameServerAloneIsReady(t *testing.T) {
	s := New(Options{NameServer: "127.0.0.1:9876"})
	if code, body := get(t, s.Handler(), "/readyz?verbose"); code != 200 || body != "[+] namesrv\n" {
		t.Errorf("got %d %q", code, body)
	}
}

func TestViews(t *testing.T) {
	s := New(Options{Brokers: []Member{&member{status: leading()}}, AdminOf: adminOf, Version: "v1"})
	_, body := get(t, s.Handler(), "/v1/cluster")
	var p Process
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err)
	}
	m := p.Members[0]
	if p.Version != "v1" || m.Role != "leader" || m.Leader != "n0" || m.Term != 7 || m.LogBytes != 500 || m.Applied != 11 || m.CommitIndex != 12 {
		t.Errorf("got %+v", p)
	}
	_, body = get(t, s.Handler(), "/v1/groups/RaftNode00/raft")
	var r Raft
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Members) != 2 || r.Members[1].Admin != "127.0.0.1:8083" || r.Members[1].Node != "n1" || r.Members[1].LastContactMS < 1000 || r.Members[0].LastContactMS != -1 {
		t.Errorf("got %+v", r)
	}
	if code, body := get(t, s.Handler(), "/v1/groups/None/raft"); code != 404 || !strings.Contains(body, "RaftNode00") {
		t.Errorf("unknown group: %d %s", code, body)
	}
	if code, _ := get(t, s.Handler(), "/v1/groups/RaftNode00/topics"); code != 503 {
		t.Errorf("topics of a recovering member: %d", code)
	}
}

func TestWhoMayChange(t *testing.T) {
	tests := []struct {
		name, token, remote, host, header, value string
		code                                     int
	}{
		{"loopback", "", "127.0.0.1:5", "127.0.0.1:8082", "", "", 200},
		{"loopback, IPv6", "", "[::1]:5", "[::1]:8082", "", "", 200},
		{"another host without token", "", "10.0.0.1:5", "10.0.0.2:8082", "", "", 403},
		{"another host while a token is configured", "0123456789abcdef", "10.0.0.1:5", "127.0.0.1:8082", "", "", 403},
		{"another host with the token", "0123456789abcdef", "10.0.0.1:5", "10.0.0.2:8082", "Authorization", "Bearer 0123456789abcdef", 200},
		{"a wrong token", "0123456789abcdef", "127.0.0.1:5", "127.0.0.1:8082", "Authorization", "Bearer 0123456789abcdeg", 403},
		{"a token where none is configured", "", "127.0.0.1:5", "127.0.0.1:8082", "Authorization", "Bearer ", 403},
		{"a browser", "", "127.0.0.1:5", "127.0.0.1:8082", "Origin", "http://evil.example", 403},
		{"a browser by a rebound name", "", "127.0.0.1:5", "evil.example:8082", "", "", 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New(Options{Brokers: []Member{&member{status: leading(), boundary: 42}}, Token: tt.token})
			r := httptest.NewRequest("POST", "/v1/groups/RaftNode00/raft/boundary", nil)
			r.RemoteAddr, r.Host = tt.remote, tt.host
			if tt.header != "" {
				r.Header.Set(tt.header, tt.value)
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if w.Code != tt.code {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, tt.code)
			}
		})
	}
}

func TestBadChanges(t *testing.T) {
	h := New(Options{Brokers: []Member{&member{status: leading()}}}).Handler()
	tests := []struct {
		name, method, path, body string
		code                     int
		want                     string
	}{
		{"not JSON", "POST", "/v1/groups/RaftNode00/members", "x", 400, "not what is expected"},
		{"unknown field", "POST", "/v1/groups/RaftNode00/members", `{"nodes":"n3"}`, 400, "nodes"},
		{"too long", "POST", "/v1/groups/RaftNode00/members", `{"node":"` + strings.Repeat("a", bodyBytesMax) + `"}`, 400, "too large"},
		{"recovering", "DELETE", "/v1/groups/RaftNode00/members/n1", "", 503, "recovering"},
		{"wrong method", "GET", "/v1/groups/RaftNode00/members/n1/demote", "", 405, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
			r.RemoteAddr, r.Host = "127.0.0.1:1", "127.0.0.1:2"
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("got %d %s, want %d with %q", w.Code, w.Body, tt.code, tt.want)
			}
		})
	}
}

// serve runs a Server on a port of its own and returns its address.
func serve(t *testing.T, o Options) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Listener = ln
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s := New(o)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return ln.Addr().String()
}

func TestClientFollowsToTheLeader(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("servers", func(t *testing.T) {
		leader := serve(t, Options{Brokers: []Member{&member{status: leading(), boundary: 42}}})
		following := &member{status: leading(), boundaryErr: fmt.Errorf("boundary: %w", raftlog.ErrNotLeader)}
		follower := serve(t, Options{Brokers: []Member{following}, AdminOf: func(string, string) string { return leader }})
		lost := serve(t, Options{Brokers: []Member{following}})

		index, err := Client{Address: follower}.Boundary(t.Context(), "RaftNode00")
		if err != nil || index != 42 {
			t.Errorf("through a follower: %d, %v", index, err)
		}
		if _, err := (Client{Address: lost}).Boundary(t.Context(), "RaftNode00"); err == nil || !strings.Contains(err.Error(), "--admin") {
			t.Errorf("without the leader's address: %v", err)
		}
		var refused *RefusedError
		if err := (Client{Address: leader}).RemoveMember(t.Context(), "RaftNode00", "n1"); !errors.As(err, &refused) || refused.Status != 503 {
			t.Errorf("a refused change: %v", err)
		}
		p, err := Client{Address: leader}.Process(t.Context())
		if err != nil || len(p.Members) != 1 {
			t.Errorf("process: %+v, %v", p, err)
		}
	})
}

func TestMetricsAndProfiles(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "raftmq_test_total"}, func() float64 { return 3 }))
	address := serve(t, Options{Gatherer: reg, Pprof: true})
	for path, want := range map[string]string{"/metrics": "raftmq_test_total 3", "/debug/pprof/": "goroutine"} {
		resp, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		var body strings.Builder
		if _, err := fmt.Fprint(&body, readAll(t, resp)); err != nil || !strings.Contains(body.String(), want) {
			t.Errorf("%s: no %q in %s", path, want, body.String())
		}
	}
	closed := New(Options{Pprof: true}) // no loopback listener
	if code, _ := get(t, closed.Handler(), "/debug/pprof/"); code != 404 {
		t.Errorf("profiles off loopback: %d", code)
	}
}

func readAll(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	var out strings.Builder
	if err := resp.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestConnectionsAreBounded(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := limitConnections(inner, 1)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	select {
	case <-accepted:
		t.Error("a second connection was accepted beside the first")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	first.Close()
	second := <-accepted
	ln.Close() // ends the Accept that waits for a slot
	if _, open := <-accepted; open {
		t.Error("accepted after Close")
	}
	second.Close()
}
