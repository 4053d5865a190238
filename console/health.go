package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/raftmq/raftmq/broker"
	"github.com/raftmq/raftmq/raftlog"
)

// check is one condition of a probe.
type check struct {
	name string
	ok   bool
	why  string // shown when it is not ok
}

// healthz: the process is alive, whatever its role. With ?verbose also what is known of the members' disks, good or bad: a restart heals
// none of it.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	checks := []check{{name: "process", ok: true}}
	for _, m := range s.opts.Brokers {
		st := m.Status()
		checks = append(checks, check{name: st.Name + " log: " + logDetail(st.Raft), ok: true})
	}
	answer(w, r, checks)
}

// logDetail is what is known of a member's log on disk.
func logDetail(r raftlog.Status) string {
	if r.Damage != "" {
		return "DAMAGED: " + r.Damage
	}
	s := r.Scrub
	switch {
	case s.Rate == 0:
		return "no damage known; scrub is off"
	case s.LastPass.IsZero():
		return fmt.Sprintf("no damage known; scrub at %d bytes a second, %d bytes of the first pass done", s.Rate, s.Bytes)
	}
	return fmt.Sprintf("no damage known; scrub at %d bytes a second, %d passes, the last ended %s", s.Rate, s.Passes, s.LastPass.UTC().Format(time.RFC3339))
}

// startupz: every member has recovered its log and state.
func (s *Server) startupz(w http.ResponseWriter, r *http.Request) {
	var checks []check
	for _, m := range s.opts.Brokers {
		st := m.Status()
		checks = append(checks, check{st.Name + " recovered", st.Recovered, fmt.Sprintf("applied %d", st.Raft.AppliedIndex)})
	}
	answer(w, r, checks)
}

// readyz: clients may be sent here. With ?role=leader only if every member here leads its group, with ?role=follower if it follows.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	var checks []check
	for _, m := range s.opts.Brokers {
		checks = append(checks, readiness(m.Status(), r.URL.Query().Get("role"))...)
	}
	if s.opts.NameServer != "" {
		checks = append(checks, check{name: "namesrv", ok: true})
	}
	answer(w, r, checks)
}

func readiness(st broker.Status, role string) []check {
	registered := 0
	for _, result := range st.NameServers {
		if result == "ok" {
			registered++
		}
	}
	checks := []check{
		{st.Name + " recovered", st.Recovered, "log and state are being opened"},
		{st.Name + " leader known", st.Raft.Leader != "", fmt.Sprintf("no leader in term %d", st.Raft.Term)},
		{st.Name + " serving", st.Serving, fmt.Sprintf("%s, applied %d of commit %d", st.Raft.State, st.Raft.AppliedIndex, st.Raft.LeaderCommit)},
		{st.Name + " registered", registered > 0, fmt.Sprintf("at none of %d NameServers: %v", len(st.NameServers), st.NameServers)},
		{st.Name + " log", st.Raft.Damage == "", st.Raft.Damage},
		{st.Name + " disk", st.Raft.Stalled < stalledMax, "a storage call has been running for " + st.Raft.Stalled.String()},
	}
	if role != "" {
		checks = append(checks, check{st.Name + " role", (role == "leader") == (st.BrokerID == 0), "is " + st.Raft.State})
	}
	return checks
}

// answer writes 200 or 503, with every check on a line if the request says ?verbose, else only what fails.
func answer(w http.ResponseWriter, r *http.Request, checks []check) {
	status, text := http.StatusOK, strings.Builder{}
	verbose := r.URL.Query().Has("verbose")
	for _, c := range checks {
		if !c.ok {
			status = http.StatusServiceUnavailable
			fmt.Fprintf(&text, "[-] %s: %s\n", c.name, c.why)
		} else if verbose {
			fmt.Fprintf(&text, "[+] %s\n", c.name)
		}
	}
	if text.Len() == 0 {
		text.WriteString("ok\n")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text.String()))
}
