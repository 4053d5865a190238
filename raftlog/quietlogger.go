package raftlog

import (
	"strings"

	"github.com/hashicorp/go-hclog"
)

// quietLogger is raft's logger. Raft reports every failed heartbeat and request to a member that is down as an error, several
// times a second; the Node says once that the member is unreachable, so these become debug lines.
type quietLogger struct{ hclog.Logger }

var repeated = [...]string{"failed to heartbeat to", "failed to appendEntries to", "failed to make requestVote RPC", "failed to pipeline appendEntries", "failed to start pipeline"}

func (l quietLogger) Error(msg string, args ...any) {
	for _, r := range repeated {
		if strings.HasPrefix(msg, r) {
			l.Logger.Debug(msg, args...)
			return
		}
	}
	l.Logger.Error(msg, args...)
}
