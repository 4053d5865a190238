package raftlog

import (
	"encoding/json"
	"errors"
	"path"
	"slices"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

const (
	historyFile = "configurations"
	historyMax  = 16
)

// membership is a committed configuration of the group and the index of its entry.
type membership struct {
	Index   offset.Index
	Servers []raft.Server
}

// confHistory keeps the last committed configurations on disk. With them a member restarts at the index at which its state
// stands without looking for configuration entries in the log before it.
//
// Invariant: every configuration entry at or below the index at which the Applier's state stands on disk has been stored,
// because it is stored before later entries are applied.
type confHistory struct {
	fs   vfs.FS
	name string

	mu    sync.Mutex
	known []membership // ascending by Index; never changed in place
}

// openConfHistory reads the file. A damaged one counts as missing: the log has it all, it only takes longer.
func openConfHistory(o *Options, logger hclog.Logger) (*confHistory, error) {
	h := &confHistory{fs: o.FS, name: path.Join(o.Dir, historyFile)}
	content, ok, err := readSmallFile(o.FS, h.name)
	if err == nil && ok {
		err = json.Unmarshal(content, &h.known)
	}
	if err != nil {
		h.known = nil
		var syntax *json.SyntaxError
		if !errors.Is(err, errDamagedFile) && !errors.As(err, &syntax) {
			return nil, err
		}
		logger.Warn("file of past configurations is damaged, reading them from the log", "error", err)
	}
	return h, nil
}

// add stores a committed configuration.
func (h *confHistory) add(m membership) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.known); n > 0 && h.known[n-1].Index >= m.Index {
		return nil // applied again after a restart
	}
	return h.storeLocked(append(h.known[max(0, len(h.known)-historyMax+1):len(h.known):len(h.known)], m))
}

// reset makes m the only known configuration: an image brought it.
func (h *confHistory) reset(m membership) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.storeLocked([]membership{m})
}

func (h *confHistory) storeLocked(next []membership) error {
	content, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := writeSmallFile(h.fs, h.name, content); err != nil {
		return err
	}
	h.known = next
	return nil
}

// at returns the configuration in force at index.
func (h *confHistory) at(index offset.Index) (membership, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range slices.Backward(h.known) {
		if m.Index <= index {
			return m, true
		}
	}
	return membership{}, false
}
