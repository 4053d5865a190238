package namesrv

import (
	"context"
	"time"
)

// expireLoop removes silent members every ScanInterval until ctx ends.
func (s *Server) expireLoop(ctx context.Context) {
	tick := time.NewTicker(s.opts.ScanInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.mu.Lock()
			gone := s.mu.table.expire(time.Now())
			s.mu.Unlock()
			s.departed(gone)
		}
	}
}

func (s *Server) connClosed(conn uint64) {
	s.mu.Lock()
	gone := s.mu.table.connClosed(time.Now(), conn)
	s.mu.Unlock()
	s.departed(gone)
}

func (s *Server) departed(gone []departure) {
	for _, d := range gone {
		s.metrics.departed(d.cause)
		s.logger.Info("broker left", "brokerName", d.broker, "brokerId", d.id, "address", d.addr, "cause", d.cause)
	}
}

// readyLocked reports whether an unknown topic may be called unknown. It asks for s.mu. After an empty start it is false until
// the leader of every group in Options.Groups has registered or ReadyAfter has passed; it never becomes false again.
func (s *Server) readyLocked(now time.Time) bool {
	if s.mu.ready {
		return true
	}
	named := len(s.opts.Groups) > 0 && s.mu.table.registeredLeaders(s.opts.Groups)
	if !named && now.Sub(s.mu.started) < s.opts.ReadyAfter {
		return false
	}
	s.mu.ready = true
	return true
}
