package raftlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"time"
)

const quarantineFile = "quarantined"

// quarantineMark says that a directory must not be used any more. Whoever starts over it is told why.
type quarantineMark struct {
	Since  time.Time
	Reason string
}

// quarantine makes this member stop for good: it says so in its directory, so that no restart takes it back, and ends the
// process. What is on disk stays as it is.
func (n *Node) quarantine(why error) {
	content, err := json.Marshal(quarantineMark{Since: time.Now().UTC().Truncate(time.Second), Reason: why.Error()})
	if err == nil {
		err = writeSmallFile(n.opts.FS, path.Join(n.opts.Dir, quarantineFile), content)
	}
	if err != nil {
		n.logger.Error("quarantine not written down; the next start may not know of it", "error", err)
	}
	n.fail(fmt.Errorf("%w: %w", ErrQuarantined, why))
}

// checkQuarantine refuses a directory that was quarantined while its member ran.
func (d *directory) checkQuarantine() error {
	name := path.Join(d.dir, quarantineFile)
	content, ok, err := readSmallFile(d.fs, name)
	switch {
	case errors.Is(err, errDamagedFile):
		return fmt.Errorf("%w: %w", ErrQuarantined, err)
	case err != nil || !ok:
		return err
	}
	var mark quarantineMark
	if err := json.Unmarshal(content, &mark); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrQuarantined, name, err)
	}
	return fmt.Errorf("%w since %s: %s", ErrQuarantined, mark.Since.Format(time.RFC3339), mark.Reason)
}
