package raftlog

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

var errNoSnapshots = errors.New("images are made by the state machine at boundaries, never by raft")

// fsm is the shell between raft and the Applier. Raft calls it from one goroutine.
type fsm struct {
	applier Applier
	log     *commitlog.Log
	history *confHistory
	fatal   func(error)
	// changed is called after each batch.
	changed func()
	// applied is the last command or configuration handed over; no-ops and barriers never come here.
	applied atomic.Uint64
}

var _ raft.BatchingFSM = (*fsm)(nil)

// Apply implements raft.FSM.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM. The response of a command is its []Result; entries at or below the Applier's state
// are skipped. Configurations are stored first: an image that the commands ask for finds them.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	last := logs[len(logs)-1]
	f.log.SetCommitted(offset.Index(last.Index))
	done := f.applier.Applied()
	commands := make([]Committed, 0, len(logs))
	for _, l := range logs {
		switch {
		case l.Type == raft.LogConfiguration:
			f.store(l)
		case l.Type == raft.LogCommand && offset.Index(l.Index) > done:
			commands = append(commands, f.committed(l))
		}
	}
	responses := make([]any, len(logs))
	if len(commands) > 0 {
		f.respond(responses, logs, commands, f.applier.Apply(commands))
	}
	f.applied.Store(max(f.applied.Load(), last.Index)) // a restart may hand over again what the state has
	f.changed()
	return responses
}

func (f *fsm) committed(l *raft.Log) Committed {
	pos, err := f.log.DataPosition(offset.Index(l.Index))
	if err != nil {
		panic(fmt.Sprintf("BUG: committed entry %d of term %d has no position: %v", l.Index, l.Term, err))
	}
	return Committed{Index: offset.Index(l.Index), Term: offset.Term(l.Term), Position: pos, AppendedAt: l.AppendedAt, Data: l.Data}
}

// respond puts the results of the commands at the places of their entries.
func (f *fsm) respond(responses []any, logs []*raft.Log, commands []Committed, results [][]Result) {
	if len(results) != len(commands) {
		panic(fmt.Sprintf("BUG: %d results of %d commands from index %d", len(results), len(commands), commands[0].Index))
	}
	next := 0
	for i, l := range logs {
		if next < len(commands) && offset.Index(l.Index) == commands[next].Index {
			responses[i] = results[next]
			next++
		}
	}
}

func (f *fsm) store(l *raft.Log) {
	c, err := decodeConfiguration(l.Data)
	if err != nil {
		panic(fmt.Sprintf("BUG: entry %d of term %d: %v", l.Index, l.Term, err))
	}
	if err := f.history.add(membership{Index: offset.Index(l.Index), Servers: c.Servers}); err != nil {
		f.fatal(fmt.Errorf("FATAL configuration of entry %d: %w", l.Index, err))
	}
}

// Snapshot implements raft.FSM.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) { return nil, errNoSnapshots }

// Restore implements raft.FSM. Installs do not come through raft, see install.go.
func (f *fsm) Restore(io.ReadCloser) error { return errNoSnapshots }
