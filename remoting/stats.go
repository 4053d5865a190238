package remoting

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Stats are the counters of a Server or Client, since it was made. They may be read at any time.
type Stats struct {
	Connections    atomic.Int64 // open now
	Accepted       atomic.Int64
	Refused        atomic.Int64 // closed at once: too many connections
	Requests       atomic.Int64 // received
	InFlight       atomic.Int64 // received and not answered now
	Panics         atomic.Int64 // of handlers
	BadFrames      atomic.Int64 // each closed its connection
	TimedOut       atomic.Int64 // connections closed because they were idle or slow
	ReplyOverflows atomic.Int64 // connections closed because they did not read their replies
	UnknownOpaque  atomic.Int64 // responses to no request of ours, or too late
}

// eventLog logs what peers can trigger: at most one line a second for each message, with the number of those left out.
type eventLog struct {
	logger hclog.Logger
	mu     sync.Mutex
	events map[string]*event // by message, of which there are a few constants
}

type event struct {
	last    time.Time
	dropped int
}

func newEventLog(l hclog.Logger) *eventLog {
	if l == nil {
		l = hclog.NewNullLogger()
	}
	return &eventLog{logger: l, events: map[string]*event{}}
}

func (l *eventLog) warn(msg string, args ...any)  { l.log(hclog.Warn, msg, args) }
func (l *eventLog) error(msg string, args ...any) { l.log(hclog.Error, msg, args) }

func (l *eventLog) log(level hclog.Level, msg string, args []any) {
	l.mu.Lock()
	e := l.events[msg]
	if e == nil {
		e = &event{}
		l.events[msg] = e
	}
	now := time.Now()
	if now.Sub(e.last) < time.Second {
		e.dropped++
		l.mu.Unlock()
		return
	}
	dropped := e.dropped
	*e = event{last: now}
	l.mu.Unlock()
	if dropped > 0 {
		args = append(args, "notLogged", fmt.Sprint(dropped))
	}
	l.logger.Log(level, msg, args...)
}
