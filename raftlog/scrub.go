package raftlog

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/raftmq/raftmq/raftlog/commitlog"
)

const (
	scrubFirst = time.Minute // after the start, which has enough to read
	scrubPause = time.Hour   // between two passes
)

// ScrubStatus is what the scrub of the sealed segments has seen since the start.
type ScrubStatus struct {
	Rate     int64     // bytes a second; 0: off
	Bytes    int64     // read so far
	Passes   int64     // of the whole log, finished
	LastPass time.Time // when the last one was finished
}

// scrubber reads the sealed segments again and again (R-L7): damage that nobody reads would show only when the other copies are gone.
type scrubber struct {
	mu     sync.Mutex
	status ScrubStatus
}

func (s *scrubber) look() ScrubStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *scrubber) read(n int64) {
	s.mu.Lock()
	s.status.Bytes += n
	s.mu.Unlock()
}

func (s *scrubber) passed() {
	s.mu.Lock()
	s.status.Passes++
	s.status.LastPass = time.Now()
	s.mu.Unlock()
}

// scrub goes on until ctx ends or damage is found, which the log reports.
func (n *Node) scrub(ctx context.Context) {
	if n.opts.ScrubRate <= 0 {
		return
	}
	for wait := scrubFirst; ; wait = scrubPause {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		switch err := n.store.log.Scrub(ctx, n.opts.ScrubRate, n.scrubbing.read); {
		case err == nil:
			n.scrubbing.passed()
		case ctx.Err() != nil, errors.Is(err, commitlog.ErrCorrupt):
			return
		}
	}
}
