package console

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// change wraps a handler of requests that change something with the check of invariant 1 and a longer time to answer.
func (s *Server) change(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if refusal := s.refusal(r); refusal != "" {
			reply(w, http.StatusForbidden, Failure{Error: refusal})
			return
		}
		// An answer within the usual time is what every other request owes; these last as long as Raft needs.
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(changeTimeout))
		h(w, r)
	}
}

// refusal says why r may not change anything, "" if it may.
func (s *Server) refusal(r *http.Request) string {
	given, hasToken := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if hasToken {
		if s.opts.Token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(s.opts.Token)) == 1 {
			return ""
		}
		return "the token is not the one of admin token_file"
	}
	// A web page open on this machine could otherwise send its visitor's browser here: with an Origin, or under a name of its own
	// that resolves to loopback.
	if r.Header.Get("Origin") != "" || !isLoopback(r.Host) {
		return "changes from a browser need the admin token"
	}
	if !isLoopback(r.RemoteAddr) {
		if s.opts.Token == "" {
			return "changes are allowed from loopback only; run the command on this node, or configure admin token_file"
		}
		return "changes from " + r.RemoteAddr + " need the admin token: raftmq … --token-file FILE"
	}
	return ""
}

// isLoopback reports whether the host of "host:port" (or a host alone) is loopback.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
