package commitlog

import (
	"errors"
	"fmt"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// ErrInterrupted: a truncation or reset was interrupted. The next start of the member finishes it; verify then.
var ErrInterrupted = errors.New("a truncation or reset was interrupted")

// Report is what Verify found.
type Report struct {
	Group, Instance             UUID
	Segments                    int
	Records, SubRecords         int64
	FirstIndex, LastIndex       offset.Index // 0 and 0 if the log is empty
	FirstPosition, NextPosition offset.Physical
	// DurableMark is the position before which everything was fsynced; Closed, that the log was closed in order.
	DurableMark offset.Physical
	Closed      bool
	// TornTail: bytes that were never acknowledged stand behind the last record. Open cuts them.
	TornTail bool
	// Problems, mostly *DamageError, each wrapped by the error that Verify returns.
	Problems []error
}

// problemsMax bounds the list: a damaged disk may have a million.
const problemsMax = 100

// Verify reads the whole log in dir, of a member that is stopped, and changes nothing: every checksum, index and
// position, names that join up, and the decision that Open would take. visit, if not nil, gets each entry that is
// right, in order, with the position of its Data, which it must not keep. The error is nil only if all is right; it
// joins the report's problems, or says why reading or visit failed.
func Verify(fsys vfs.FS, dir string, visit func(data offset.Physical, e Entry) error) (Report, error) {
	side, err := openSideFile(fsys.Open, dir)
	if err != nil {
		return Report{}, err
	}
	defer side.file.Close()
	v := verifier{visit: visit, report: Report{Group: side.state.group, DurableMark: side.state.mark, Closed: side.state.clean}}
	if side.state.intent != intentNone {
		return v.report, ErrInterrupted
	}
	files, err := list(fsys, dir)
	if err != nil {
		return v.report, err
	}
	v.r = recovery{fs: fsys, open: fsys.Open, dir: dir, side: side.state, files: files}
	defer v.r.close()
	if err := v.r.load(); err != nil && !v.note(err) {
		return v.report, err
	}
	for _, seg := range v.r.segments {
		if err := v.segment(seg); err != nil {
			return v.report, err
		}
	}
	v.summarize()
	return v.report, errors.Join(v.report.Problems...)
}

type verifier struct {
	r      recovery
	visit  func(offset.Physical, Entry) error
	report Report
}

// note takes damage into the report. It reports whether the error was damage.
func (v *verifier) note(err error) bool {
	var damage *DamageError
	if !errors.As(err, &damage) && !errors.Is(err, ErrForeign) {
		return false
	}
	if len(v.report.Problems) < problemsMax {
		v.report.Problems = append(v.report.Problems, err)
	}
	return true
}

// segment verifies every retained record that load has found in a segment, going on behind a bad one.
func (v *verifier) segment(seg *segment) error {
	s, err := newScanner(seg.file, newSeed(v.r.side.group), seg.first.position)
	if err != nil {
		return err
	}
	for i := range seg.offsets {
		pos, size := seg.record(i)
		if pos < v.r.side.first.position {
			continue // no longer retained
		}
		h, data, err := s.next(place{seg.first.index + offset.Index(i), pos}, true)
		if err == nil && h.size() != size {
			err = errBad{fmt.Errorf("record of %d bytes where %d belong", h.size(), size)}
		}
		if isBad(err) {
			v.note(&DamageError{File: seg.name, Position: pos, Reason: err.Error()})
			continue
		}
		if err == nil {
			err = v.record(pos, h, data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) record(pos offset.Physical, h header, data []byte) error {
	v.report.Records++
	if h.flags&flagBatch != 0 {
		b, err := DecodeBatch(data)
		if err != nil {
			return err
		}
		v.report.SubRecords += int64(b.Count)
	}
	if v.visit == nil {
		return nil
	}
	return v.visit(pos+RecordHeaderSize, h.entry(data))
}

func (v *verifier) summarize() {
	first, end := v.r.side.first, v.r.end
	v.report.Instance, v.report.Segments, v.report.TornTail = v.r.instance, len(v.r.segments), v.r.torn
	v.report.FirstPosition, v.report.NextPosition = first.position, end.position
	if first.index < end.index {
		v.report.FirstIndex, v.report.LastIndex = first.index, end.index-1
	}
}
