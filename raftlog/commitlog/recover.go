package commitlog

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// recovery reads a log's directory and decides what to do with it. Until act nothing is changed, so that a
// damaged log is left as it was found. Verify uses it too.
type recovery struct {
	fs       vfs.FS
	open     func(string) (vfs.File, error) // FS.OpenReadWrite, or FS.Open for who only looks
	dir      string
	instance UUID // that must be in every header; zero takes the first one found
	side     sideState
	files    listing

	segments   []*segment
	incomplete offset.Physical // of a segment whose roll was interrupted, -1 if none
	end        place           // behind the last valid record
	lastTerm   offset.Term
	torn       bool  // bytes behind end must be cut
	bad        error // what the record at end has, if torn
}

// load opens the segments and follows their records. A *DamageError says why the log must not be used.
func (r *recovery) load() error {
	if err := r.openSegments(); err != nil {
		return err
	}
	if err := r.checkNames(); err != nil {
		return err
	}
	for i, seg := range r.segments {
		var err error
		if i+1 < len(r.segments) {
			err = r.loadSealed(seg, r.segments[i+1].first)
		} else {
			err = r.loadLast(seg)
		}
		if err != nil {
			return err
		}
	}
	if err := r.checkIncomplete(); err != nil {
		return err
	}
	return r.checkFirst()
}

func (r *recovery) close() {
	for _, seg := range r.segments {
		seg.release()
	}
	r.segments = nil
}

// openSegments opens every segment that holds retained records and reads its header.
func (r *recovery) openSegments() error {
	r.incomplete = -1
	for i, first := range r.files.segments {
		if i+1 < len(r.files.segments) && r.files.segments[i+1] <= r.side.first.position {
			continue // retention was interrupted before it removed this one
		}
		if err := r.openSegment(first); err != nil {
			newest := i > 0 && i+1 == len(r.files.segments) && first > r.side.lastSegment
			if !newest || !errors.Is(err, ErrCorrupt) {
				return err
			}
			r.incomplete = first
		}
	}
	return nil
}

func (r *recovery) openSegment(first offset.Physical) error {
	name := segmentName(r.dir, first)
	file, err := r.open(name)
	if err != nil {
		return err
	}
	h, err := r.readSegmentHeader(file, name, first)
	if err != nil {
		file.Close()
		return err
	}
	r.instance = h.instance
	r.segments = append(r.segments, newSegment(file, name, h.first))
	return nil
}

func (r *recovery) readSegmentHeader(file vfs.File, name string, first offset.Physical) (segmentHeader, error) {
	b := make([]byte, SegmentHeaderSize)
	n, err := file.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return segmentHeader{}, err
	}
	h, err := decodeSegmentHeader(b[:n])
	switch {
	case err != nil:
		return h, &DamageError{File: name, Position: first, Reason: err.Error()}
	case h.group != r.side.group || h.instance != r.instance && r.instance != (UUID{}):
		return h, fmt.Errorf("segment %s is of group %s, instance %s: %w", name, h.group, h.instance, ErrForeign)
	case h.first.position != first:
		return h, &DamageError{File: name, Position: first, Reason: "the header names position " + h.first.position.String()}
	}
	return h, nil
}

// checkNames makes sure that no segment is missing at the beginning or at the end. Those between show by places
// that do not join up.
func (r *recovery) checkNames() error {
	if len(r.segments) == 0 || r.segments[0].first.position > r.side.first.position {
		return r.missing(r.side.first.position)
	}
	if !slices.Contains(r.files.segments, r.side.lastSegment) {
		return r.missing(r.side.lastSegment)
	}
	return nil
}

func (r *recovery) missing(at offset.Physical) error {
	return &DamageError{File: segmentName(r.dir, at), Position: at, Reason: "the segment is missing"}
}

// loadSealed finds the records of a segment that must end exactly where the next one begins.
func (r *recovery) loadSealed(seg *segment, end place) error {
	size := int64(end.position - seg.first.position)
	if size < 0 || size > segmentBytesMax+RecordHeaderSize+DataBytesMax || end.index < seg.first.index {
		return r.missing(seg.first.position + 1)
	}
	if end.position <= r.side.mark && r.loadIndex(seg, end) {
		return nil
	}
	got, _, bad, err := r.walk(seg, end.position)
	switch {
	case err != nil:
		return err
	case bad != nil:
		return &DamageError{File: seg.name, Position: got.position, Reason: "sealed segment: " + bad.Error()}
	case got != end:
		return &DamageError{File: seg.name, Position: got.position,
			Reason: fmt.Sprintf("ends at index %d, the next segment begins with index %d at %s", got.index, end.index, end.position)}
	}
	return nil
}

// loadIndex takes the records of a sealed segment from its index file, if that fits.
func (r *recovery) loadIndex(seg *segment, end place) bool {
	fileSize, err := seg.file.Size()
	if err != nil || fileSize < seg.fileOffset(end.position) {
		return false
	}
	b, err := readIndexFile(r.fs, seg.name+indexSuffix, uint64(end.index-seg.first.index))
	if err != nil {
		return false
	}
	offsets, err := decodeIndex(b, r.side.group, seg.first, end)
	if err != nil {
		return false
	}
	seg.offsets, seg.size, seg.indexed = offsets, int64(end.position-seg.first.position), true
	return true
}

// walk follows the records of seg up to limit or the first bad one. Headers are verified everywhere, data from the
// durable mark on: below it the disk has answered for it, and reads verify it again.
func (r *recovery) walk(seg *segment, limit offset.Physical) (end place, last header, bad, err error) {
	s, err := newScanner(seg.file, newSeed(r.side.group), seg.first.position)
	if err != nil {
		return place{}, header{}, nil, err
	}
	seg.offsets, end, last, bad, err = s.walk(seg.offsets[:0], seg.first, limit, r.side.mark)
	seg.size = int64(end.position - seg.first.position)
	return end, last, bad, err
}

// loadLast finds the end of the log and decides, of what stands there, between a torn tail and damage (design D10).
func (r *recovery) loadLast(seg *segment) error {
	fileSize, err := seg.file.Size()
	if err != nil {
		return err
	}
	limit := seg.first.position + offset.Physical(max(0, fileSize-SegmentHeaderSize))
	end, last, bad, err := r.walk(seg, limit)
	if err != nil {
		return err
	}
	r.end, r.lastTerm = end, last.term
	if end.position < r.side.mark {
		reason := "the file ends below the durable mark " + r.side.mark.String()
		if bad != nil {
			reason = "below the durable mark " + r.side.mark.String() + ": " + bad.Error()
		}
		return &DamageError{File: seg.name, Position: end.position, Reason: reason}
	}
	if r.side.clean && end.position == r.side.mark && bad != nil {
		// Closed in order: nothing behind the mark was ever unsynced.
		r.torn, r.bad = !r.zeroAt(seg, end.position), bad
		return nil
	}
	return r.judgeTail(seg, bad)
}

// judgeTail looks for a record at or beyond W behind the end: at most W bytes were unsynced, so such a record
// means that what stands at the end was durable once.
func (r *recovery) judgeTail(seg *segment, bad error) error {
	s, err := newScanner(seg.file, newSeed(r.side.group), seg.first.position)
	if err != nil {
		return err
	}
	found, ok, dirty, err := s.search(r.end, r.end.position+offset.Physical(r.side.window))
	if err != nil {
		return err
	}
	if ok {
		return &DamageError{File: seg.name, Position: r.end.position,
			Reason: fmt.Sprintf("%v, but a valid record begins at %s, more than %d bytes behind", bad, found, r.side.window)}
	}
	r.torn, r.bad = dirty, bad
	return nil
}

// zeroAt reports whether zeros stand where the next record header would.
func (r *recovery) zeroAt(seg *segment, pos offset.Physical) bool {
	b := make([]byte, RecordHeaderSize)
	n, err := seg.file.ReadAt(b, seg.fileOffset(pos))
	if err != nil && err != io.EOF {
		return false
	}
	return !slices.ContainsFunc(b[:n], func(c byte) bool { return c != 0 })
}

// checkIncomplete accepts a newest segment without valid header only if the one before it ends where it begins and
// no record is in it: then its roll was interrupted, and nothing was ever appended to it.
func (r *recovery) checkIncomplete() error {
	if r.incomplete < 0 {
		return nil
	}
	name := segmentName(r.dir, r.incomplete)
	file, err := r.fs.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	s, err := newScanner(file, newSeed(r.side.group), r.incomplete)
	if err != nil {
		return err
	}
	_, found, _, err := s.search(place{r.end.index, r.incomplete}, r.incomplete)
	if err != nil {
		return err
	}
	if found || r.end.position != r.incomplete {
		return &DamageError{File: name, Position: r.incomplete, Reason: "segment header"}
	}
	return nil
}

// checkFirst makes sure that the first retained record is where the side file says.
func (r *recovery) checkFirst() error {
	first, seg := r.side.first, r.segments[0]
	if first == r.end {
		return nil
	}
	if first.index >= seg.first.index && first.index < seg.end().index {
		if pos, _ := seg.record(int(first.index - seg.first.index)); pos == first.position {
			return nil
		}
	}
	return &DamageError{File: seg.name, Position: first.position,
		Reason: fmt.Sprintf("the first retained record, index %d, is not here", first.index)}
}
