package sim

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const linesMax = 20_000 // of a history; the oldest go first

// logs keeps the log lines of all processes of a cluster, and counts those that must never be there.
type logs struct {
	began time.Time

	mu    sync.Mutex
	lines []string
	bugs  []string
}

func newLogs() *logs { return &logs{began: time.Now()} }

// logger returns the logger of one process.
func (l *logs) logger(name string) hclog.Logger {
	level := hclog.Info
	if asked := os.Getenv("SIM_LOG_LEVEL"); asked != "" {
		level = hclog.LevelFromString(asked)
	}
	return hclog.New(&hclog.LoggerOptions{Name: name, Level: level, DisableTime: true, Output: lineWriter{l}})
}

type lineWriter struct{ logs *logs }

func (w lineWriter) Write(b []byte) (int, error) {
	w.logs.add(string(bytes.TrimRight(b, "\n")))
	return len(b), nil
}

func (l *logs) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line = time.Since(l.began).Round(time.Microsecond).String() + " " + line
	// What bbolt says of a damaged page is a panic that was caught: the database is made again.
	if strings.Contains(line, "BUG") || strings.Contains(line, "panic") && !strings.Contains(line, "state.db damaged") {
		l.bugs = append(l.bugs, line)
	}
	if len(l.lines) >= linesMax {
		l.lines = slices.Delete(l.lines, 0, linesMax/4)
	}
	l.lines = append(l.lines, line)
}

// all returns the lines, and those that speak of a bug.
func (l *logs) all() (lines, bugs []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines), slices.Clone(l.bugs)
}
