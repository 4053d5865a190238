package commitlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

const (
	// windowBytes is what a scanner reads at once: small records are followed in memory, large ones jumped over.
	windowBytes = 64 << 10
	// searchBytes is what the search for a record reads at once.
	searchBytes = 256 << 10
)

// scanner follows the records of one segment file.
type scanner struct {
	file vfs.File
	size int64 // of the file
	seed seed
	base offset.Physical // position of the first record

	window   []byte
	windowAt int64 // file offset of window[0]
}

func newScanner(file vfs.File, group seed, base offset.Physical) (*scanner, error) {
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	return &scanner{file: file, size: size, seed: group, base: base}, nil
}

// errBad marks what is wrong with the bytes, as opposed to errors of reading them.
type errBad struct{ error }

func (e errBad) Unwrap() error { return e.error }

func isBad(err error) bool {
	var bad errBad
	return errors.As(err, &bad)
}

// next checks the record that must begin at p, all of it if full, and returns its header and, if full, its data,
// which is valid until the next call. Anything but a read error is errBad.
func (s *scanner) next(p place, full bool) (header, []byte, error) {
	at := SegmentHeaderSize + int64(p.position-s.base)
	b, err := s.peek(at, RecordHeaderSize)
	if err != nil {
		return header{}, nil, err
	}
	h, err := decodeHeader(b, s.seed, p.position)
	if err != nil {
		return header{}, nil, errBad{err}
	}
	if h.index != p.index {
		return header{}, nil, errBad{fmt.Errorf("record of index %d where %d belongs", h.index, p.index)}
	}
	if h.size() > s.size-at {
		return header{}, nil, errBad{fmt.Errorf("record goes beyond the end of the file: %w", ErrLength)}
	}
	if !full {
		return h, nil, nil
	}
	if b, err = s.peek(at, h.size()); err != nil {
		return header{}, nil, err
	}
	if err := h.verifyData(b[RecordHeaderSize:]); err != nil {
		return header{}, nil, errBad{fmt.Errorf("data: %w", err)}
	}
	return h, b[RecordHeaderSize:], nil
}

// peek returns n bytes at a file offset, from the window if it has them.
func (s *scanner) peek(at, n int64) ([]byte, error) {
	if n > s.size-at {
		return nil, errBad{fmt.Errorf("file ends: %w", ErrLength)}
	}
	if at < s.windowAt || at+n > s.windowAt+int64(len(s.window)) {
		if err := s.fill(at, max(n, windowBytes)); err != nil {
			return nil, err
		}
	}
	start := at - s.windowAt
	return s.window[start : start+n : start+n], nil
}

// fill reads the window at a file offset, as far as the file goes.
func (s *scanner) fill(at, n int64) error {
	n = min(n, s.size-at)
	if int64(cap(s.window)) < n {
		s.window = make([]byte, n)
	}
	s.window, s.windowAt = s.window[:n], at
	got, err := s.file.ReadAt(s.window, at)
	s.window = s.window[:got]
	if int64(got) < n {
		s.window = s.window[:0]
		if err == io.EOF {
			return errBad{fmt.Errorf("file ends: %w", ErrLength)}
		}
		return err
	}
	return nil
}

// walk follows the records from p on and appends where they begin to offsets, until limit, or until one does not
// verify, which is bad. Data is checked from position full on.
func (s *scanner) walk(offsets []uint32, p place, limit, full offset.Physical) (_ []uint32, end place, last header, bad, err error) {
	for p.position < limit {
		h, _, err := s.next(p, p.position >= full)
		if isBad(err) {
			return offsets, p, last, err, nil
		}
		if err != nil {
			return offsets, p, last, nil, err
		}
		offsets = append(offsets, uint32(p.position-s.base))
		p = place{p.index + 1, p.position + offset.Physical(h.size())}
		last = h
	}
	return offsets, p, last, nil, nil
}

// search looks for the header of a record that begins at or beyond from and can follow the end of the log at
// after: its index is not below, and the records between them fit between. dirty reports whether any byte at
// or beyond after is not zero.
func (s *scanner) search(after place, from offset.Physical) (found offset.Physical, ok, dirty bool, err error) {
	buf := make([]byte, searchBytes+RecordHeaderSize-1) // a header may begin in one part and end in the next
	zeros := make([]byte, len(buf))
	fromOffset := SegmentHeaderSize + int64(from-s.base)
	for at := SegmentHeaderSize + int64(after.position-s.base); at < s.size; at += searchBytes {
		b := buf[:min(int64(len(buf)), s.size-at)]
		if n, err := s.file.ReadAt(b, at); n < len(b) {
			return 0, false, false, err
		}
		if bytes.Equal(b, zeros[:len(b)]) {
			continue
		}
		dirty = true
		for i := int(max(0, fromOffset-at)); i+RecordHeaderSize <= len(b); i++ {
			pos := s.base + offset.Physical(at-SegmentHeaderSize) + offset.Physical(i)
			if s.plausible(b[i:], after, pos) {
				return pos, true, true, nil
			}
		}
	}
	return 0, false, dirty, nil
}

// plausible reports whether a record begins at b. It runs at every byte, so it first looks at the index, which
// excludes zeros and nearly all garbage.
func (s *scanner) plausible(b []byte, after place, pos offset.Physical) bool {
	index := offset.Index(binary.BigEndian.Uint64(b[8:]))
	if index < after.index || uint64(index-after.index) > uint64(pos-after.position)/RecordHeaderSize {
		return false
	}
	_, err := decodeHeader(b, s.seed, pos)
	return err == nil
}
