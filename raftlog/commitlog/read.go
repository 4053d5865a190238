package commitlog

import (
	"errors"
	"fmt"
	"io"

	"github.com/raftmq/raftmq/internal/offset"
)

// found is a record, or a range of bytes, that a read has looked up. It holds its segment.
type found struct {
	seg      *segment
	at       place
	size     int64
	removals uint64
}

// damaged describes what a read of f met, unless it is an error of reading.
func (f found) damaged(reason string) error {
	return &DamageError{File: f.seg.name, Position: f.at.position, Reason: reason}
}

// read reads size bytes from the start of f. It allocates: the result is the caller's.
func (l *Log) read(f found, size int64) ([]byte, error) {
	b := make([]byte, size)
	call := l.calls.begin()
	n, err := f.seg.file.ReadAt(b, f.seg.fileOffset(f.at.position))
	l.calls.end(call)
	switch {
	case n == len(b):
		return b, nil
	case err == io.EOF:
		return nil, f.damaged("file ends")
	}
	return nil, &DamageError{File: f.seg.name, Position: f.at.position, Reason: "cannot be read: " + err.Error(), Cause: err}
}

// retry runs read with what find finds, again if a truncation took the bytes away meanwhile.
func retry[T any](l *Log, find func() (found, error), read func(found) (T, error)) (T, error) {
	for {
		f, err := find()
		if err != nil {
			var none T
			l.suspect(err)
			return none, err
		}
		result, err := read(f)
		f.seg.release()
		if err == nil {
			return result, nil
		}
		if !l.removedSince(f.removals) {
			l.suspect(err)
			return result, err
		}
	}
}

// suspect reports the record that err says is damaged, if it is: a consume-queue unit that names a wrong place is not the log's fault.
func (l *Log) suspect(err error) {
	var d *DamageError
	if l.opts.OnDamage == nil || !errors.As(err, &d) {
		return
	}
	f, err := l.findRecordAt(d.Position)
	if err != nil {
		return
	}
	_, err = l.readEntry(f)
	f.seg.release()
	if errors.As(err, &d) && !l.removedSince(f.removals) {
		l.opts.OnDamage(d)
	}
}

func (l *Log) removedSince(removals uint64) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.removals != removals
}

// Entry returns the entry at index. Data may alias the tail cache and must not be changed. What is read from disk
// is verified, every payload included. Errors are ErrNotFound itself and *DamageError.
func (l *Log) Entry(index offset.Index) (Entry, error) {
	if e, ok := l.cachedEntry(index); ok {
		return e, nil
	}
	return retry(l, func() (found, error) { return l.findIndex(index) }, l.readEntry)
}

func (l *Log) cachedEntry(index offset.Index) (Entry, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if index < l.first.index {
		return Entry{}, false
	}
	return l.cache.entry(index)
}

// Header is Entry without reading Data.
func (l *Log) Header(index offset.Index) (Entry, error) {
	if e, ok := l.cachedEntry(index); ok {
		e.Data = nil
		return e, nil
	}
	return retry(l, func() (found, error) { return l.findIndex(index) }, func(f found) (Entry, error) {
		b, err := l.read(f, RecordHeaderSize)
		if err != nil {
			return Entry{}, err
		}
		h, err := l.checkHeader(f, b)
		return h.entry(nil), err
	})
}

// DataPosition returns the position of the first byte of Data of the entry at index.
func (l *Log) DataPosition(index offset.Index) (offset.Physical, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if index < l.first.index || index >= l.next.index {
		return 0, ErrNotFound
	}
	seg := l.segmentOfIndexLocked(index)
	pos, _ := seg.record(int(index - seg.first.index))
	return pos + RecordHeaderSize, nil
}

// findIndex looks up the record of index.
func (l *Log) findIndex(index offset.Index) (found, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if index < l.first.index || index >= l.next.index {
		return found{}, ErrNotFound
	}
	seg := l.segmentOfIndexLocked(index)
	return l.takeLocked(seg, int(index-seg.first.index)), nil
}

// takeLocked returns the n-th record of seg. It needs mu.
func (l *Log) takeLocked(seg *segment, n int) found {
	pos, size := seg.record(n)
	seg.acquire()
	return found{seg: seg, at: place{seg.first.index + offset.Index(n), pos}, size: size, removals: l.removals}
}

// readEntry reads and verifies a whole record.
func (l *Log) readEntry(f found) (Entry, error) {
	b, err := l.read(f, f.size)
	if err != nil {
		return Entry{}, err
	}
	h, err := l.checkHeader(f, b)
	if err != nil {
		return Entry{}, err
	}
	data := b[RecordHeaderSize:]
	if err := h.verifyData(data); err != nil {
		return Entry{}, f.damaged("data: " + err.Error())
	}
	return h.entry(data), nil
}

// checkHeader decodes the header of the record of f, which must be the one that was looked up.
func (l *Log) checkHeader(f found, b []byte) (header, error) {
	h, err := decodeHeader(b, l.seed, f.at.position)
	switch {
	case err != nil:
		return header{}, f.damaged("record header: " + err.Error())
	case h.index != f.at.index || h.size() != f.size:
		return header{}, f.damaged(fmt.Sprintf("record of index %d and %d bytes where index %d and %d bytes belong",
			h.index, h.size(), f.at.index, f.size))
	}
	return h, nil
}

// ReadSubRecord returns the verified sub-record that starts at pos. size is its whole length in bytes, header
// included, as found in a consume-queue unit: one read, and anything else than that sub-record is a *DamageError.
// With size 0, for positions that a client names, the record around pos is read, and a position where no sub-record
// starts is ErrNotFound. The result may alias the tail cache and must not be changed.
func (l *Log) ReadSubRecord(pos offset.Physical, size uint32) (SubRecord, error) {
	if sub, ok := l.cachedSubRecord(pos, size); ok {
		return sub, nil
	}
	if size == 0 {
		return retry(l, func() (found, error) { return l.findRecordAt(pos) }, func(f found) (SubRecord, error) {
			e, err := l.readEntry(f)
			if err != nil {
				return SubRecord{}, err
			}
			return subRecordAt(e, int64(pos-f.at.position)-RecordHeaderSize)
		})
	}
	return retry(l, func() (found, error) { return l.findBytes(pos, int64(size)) }, func(f found) (SubRecord, error) {
		b, err := l.read(f, f.size)
		if err != nil {
			return SubRecord{}, err
		}
		sub, err := DecodeSubRecord(b, true)
		if err == nil && sub.Size != size {
			err = ErrLength
		}
		if err != nil {
			return SubRecord{}, f.damaged("sub-record: " + err.Error())
		}
		return sub, nil
	})
}

// cachedSubRecord serves ReadSubRecord from the tail cache if it can. What is not right is left to the disk.
func (l *Log) cachedSubRecord(pos offset.Physical, size uint32) (SubRecord, bool) {
	l.mu.RLock()
	e, ok := l.cache.holding(pos)
	ok = ok && pos >= l.first.position && pos < l.next.position
	l.mu.RUnlock()
	if !ok {
		return SubRecord{}, false
	}
	at := int64(pos-e.position) - RecordHeaderSize
	if size == 0 {
		sub, err := subRecordAt(e.Entry, at)
		return sub, err == nil
	}
	if at < BatchHeaderSize || at+int64(size) > int64(len(e.Data)) {
		return SubRecord{}, false
	}
	sub, err := DecodeSubRecord(e.Data[at:], true)
	return sub, err == nil && sub.Size == size
}

// findBytes looks up the range [pos, pos+size), which lies within one segment.
func (l *Log) findBytes(pos offset.Physical, size int64) (found, error) {
	f, err := l.findUpTo(pos, size)
	if err == nil && f.size < size {
		f.seg.release()
		return found{}, &DamageError{File: f.seg.name, Position: pos,
			Reason: fmt.Sprintf("%d bytes asked for, beyond the end of the segment", size)}
	}
	return f, err
}

// findUpTo looks up at most size bytes from pos on, as many as there are in the segment.
func (l *Log) findUpTo(pos offset.Physical, size int64) (found, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if pos < l.first.position || pos >= l.next.position {
		return found{}, ErrNotFound
	}
	seg := l.segmentAtLocked(pos)
	seg.acquire()
	return found{seg: seg, at: place{position: pos}, size: min(size, int64(seg.end().position-pos)), removals: l.removals}, nil
}

// findRecordAt looks up the record that holds the byte at pos.
func (l *Log) findRecordAt(pos offset.Physical) (found, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if pos < l.first.position || pos >= l.next.position {
		return found{}, ErrNotFound
	}
	seg := l.segmentAtLocked(pos)
	return l.takeLocked(seg, seg.recordAt(pos)), nil
}

// subRecordAt returns the sub-record that starts at an offset within the data of an entry, ErrNotFound if none does.
func subRecordAt(e Entry, at int64) (SubRecord, error) {
	b, err := DecodeBatch(e.Data)
	if err != nil || e.Type != typeCommand {
		return SubRecord{}, ErrNotFound
	}
	for {
		sub, start, ok, err := b.Next()
		switch {
		case err != nil || !ok || int64(start) > at:
			return SubRecord{}, ErrNotFound
		case int64(start) == at:
			return sub, nil
		}
	}
}
