package raftlog

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

const logDir = "commitlog"

// errExtensions: raft.Log.Extensions has no place in a record and is never used (design D3).
var errExtensions = errors.New("log extensions are not supported")

// logStore is raft's LogStore over the CommitLog (design D1, D5).
type logStore struct {
	log *commitlog.Log
	// committed is the commit index that raft knows; nothing at or below it is deleted.
	committed func() offset.Index
	// leads reports whether this member leads a group whose entries need another member's acknowledgement.
	leads func() bool
	// applied is the last entry that the state machine was handed.
	applied func() offset.Index
	fatal   func(error)
	// stuck is called when an entry that is not applied yet cannot be read, instead of the panic that raft has for it.
	stuck func(error)
	// truncated: entries were deleted and none stored since. Only raft's main loop stores and deletes.
	truncated bool
	// scanning: raft is being constructed and reads the log for configurations only, so commands need no data.
	scanning atomic.Bool
}

var (
	_ raft.LogStore          = (*logStore)(nil)
	_ raft.MonotonicLogStore = (*logStore)(nil)
)

// IsMonotonic implements raft.MonotonicLogStore.
func (s *logStore) IsMonotonic() bool { return true }

// FirstIndex implements raft.LogStore.
func (s *logStore) FirstIndex() (uint64, error) { return uint64(s.log.FirstIndex()), nil }

// LastIndex implements raft.LogStore.
func (s *logStore) LastIndex() (uint64, error) { return uint64(s.log.LastIndex()), nil }

// GetLog implements raft.LogStore. A missing entry is raft.ErrLogNotFound itself: raft compares with ==.
func (s *logStore) GetLog(index uint64, l *raft.Log) error {
	e, err := s.read(offset.Index(index))
	if errors.Is(err, commitlog.ErrNotFound) {
		// A truncation that failed has taken entries away of which raft was told nothing, and raft panics when it misses one that is
		// committed. The process ends already; raft's goroutine ends here.
		if s.log.Err() != nil {
			runtime.Goexit()
		}
		return raft.ErrLogNotFound
	}
	if errors.Is(err, commitlog.ErrCorrupt) && offset.Index(index) > s.applied() {
		s.stuck(fmt.Errorf("entry %d: %w", index, err))
		select {} // the process ends; what hangs is given up
	}
	if err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	l.Index, l.Term, l.Type, l.Data, l.AppendedAt = uint64(e.Index), uint64(e.Term), raft.LogType(e.Type), e.Data, e.AppendedAt
	return nil
}

func (s *logStore) read(index offset.Index) (commitlog.Entry, error) {
	if s.scanning.Load() {
		if e, err := s.log.Header(index); err != nil || raft.LogType(e.Type) == raft.LogCommand {
			return e, err
		}
	}
	return s.log.Entry(index)
}

// StoreLog implements raft.LogStore.
func (s *logStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore. A full disk is an error that heals; any other failure ends the process (design D11).
func (s *logStore) StoreLogs(logs []*raft.Log) error {
	entries := make([]commitlog.Entry, len(logs))
	for i, l := range logs {
		if len(l.Extensions) > 0 {
			return fmt.Errorf("entry %d: %w", l.Index, errExtensions)
		}
		entries[i] = commitlog.Entry{Index: offset.Index(l.Index), Term: offset.Term(l.Term), Type: uint8(l.Type), AppendedAt: l.AppendedAt, Data: l.Data}
	}
	err := s.append(entries)
	switch {
	case err == nil:
		s.truncated = false
	case !errors.Is(err, commitlog.ErrFull):
		s.fatal(fmt.Errorf("FATAL append of entry %d: %w", entries[0].Index, err))
	case s.truncated: // raft still takes what was deleted for its last entries, until it starts again
		s.fatal(fmt.Errorf("FATAL append of entry %d in place of entries that were deleted: %w", entries[0].Index, err))
	}
	return err
}

// append makes entries durable before it returns, but for what a leader proposes: that is fsynced while the followers fsync it, instead
// of before. raft counts the leader's copy at once; so that no entry is committed without it, the transport hands raft no follower's
// acknowledgement of an entry before the entry is durable here, too (transport.acknowledge). What is no command is always
// waited for: it may change who must acknowledge.
func (s *logStore) append(entries []commitlog.Entry) error {
	for i := range entries {
		if raft.LogType(entries[i].Type) != raft.LogCommand {
			return s.log.Append(entries)
		}
	}
	if !s.leads() {
		return s.log.Append(entries)
	}
	return s.log.AppendUnsynced(entries)
}

// DeleteRange implements raft.LogStore. The only deletion that raft may ask for is that of an uncommitted suffix, which a
// newer leader has overruled. Compaction never asks (TrailingLogs), installs reset the log while no raft instance runs, and
// everything else stops the process and keeps the files.
func (s *logStore) DeleteRange(first, last uint64) error {
	committed, end := s.committed(), s.log.LastIndex()
	s.log.SetCommitted(committed)
	if offset.Index(first) <= committed || offset.Index(last) != end || first > last {
		err := fmt.Errorf("FATAL deletion of entries %d to %d with commit index %d and last index %d: %w", first, last, committed, end, commitlog.ErrProtected)
		s.fatal(err)
		return err
	}
	if err := s.log.TruncateSuffix(offset.Index(first)); err != nil {
		s.fatal(fmt.Errorf("FATAL truncation from entry %d: %w", first, err))
		return err
	}
	s.truncated = true
	return nil
}
