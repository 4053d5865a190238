package commitlog

import (
	"errors"
	"fmt"

	"github.com/raftmq/raftmq/internal/offset"
)

// directBytes is the size from which data is written from where it is instead of being copied into the buffer:
// the copy then costs more than one more system call.
const directBytes = 32 << 10

// writer is what Append keeps between calls. Log.writing protects it.
type writer struct {
	lastTerm offset.Term // 0 if unknown
	active   *segment    // the last of Log.segments

	// buf holds bytes that go to the file of the active segment at offset at.
	buf []byte
	at  int64
	// The records that are in buf or in the file but not published: entries[from:], at offsets within the segment.
	entries []Entry
	offsets []uint32
	end     place // behind the last of them

	synced  bool   // the append under way fsyncs before it publishes
	scratch []byte // for headerOf

	needs  []int64  // of the active segment and of the ones after it: file bytes
	spares []*spare // for the rolls of this Append
}

// Append writes entries, whose indexes continue the log, and returns when they are durable (FlushSync) or
// written (FlushAsync). Any error but ErrFull latches the Log: later calls return ErrFailed. ErrFull means that
// nothing was written. Entries become readable only when Append returns, in FlushSync not before they are durable.
// The Log keeps references to Data in its tail cache; the caller must not change it afterwards.
func (l *Log) Append(entries []Entry) error {
	return l.append(entries, l.opts.Flush == FlushSync)
}

// AppendUnsynced is Append that does not wait for the fsync, which begins at once in the background; AwaitFlushed waits for it. Its failure
// latches the Log. The entries are readable before they are durable.
func (l *Log) AppendUnsynced(entries []Entry) error {
	return l.append(entries, false)
}

func (l *Log) append(entries []Entry, synced bool) error {
	if len(entries) == 0 {
		return nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.w.synced = synced
	if err := l.Err(); err != nil {
		return err
	}
	if err := l.checkSequence(entries); err != nil {
		return l.fail(err)
	}
	if err := l.reserve(entries); err != nil {
		l.returnSpares()
		if errors.Is(err, ErrFull) {
			return err
		}
		return l.fail(err)
	}
	if err := l.write(entries); err != nil {
		return l.fail(err)
	}
	l.keeper.appended(l)
	return nil
}

// checkSequence refuses what would break the log. All of it is a mistake of ours, not of a client.
func (l *Log) checkSequence(entries []Entry) error {
	index, term := l.next.index, l.w.lastTerm
	for i := range entries {
		e := &entries[i]
		switch {
		case e.Index != index:
			return fmt.Errorf("BUG: entry of index %d appended where %d belongs", e.Index, index)
		case e.Term < term:
			return fmt.Errorf("BUG: entry %d of term %d appended after term %d", e.Index, e.Term, term)
		case len(e.Data) > DataBytesMax:
			return fmt.Errorf("BUG: entry %d has %d bytes: %w", e.Index, len(e.Data), ErrLength)
		case e.Type > typeMax:
			return fmt.Errorf("BUG: entry %d has type %d", e.Index, e.Type)
		}
		index, term = index+1, e.Term
	}
	return nil
}

// reserve makes sure that every byte of the append has disk space before the first is written (design D12).
func (l *Log) reserve(entries []Entry) error {
	l.plan(entries)
	active := l.w.active
	if need := l.w.needs[0]; need > active.allocated {
		if err := active.file.Preallocate(need); err != nil {
			return fullError(err)
		}
		active.allocated = need
	}
	for _, need := range l.w.needs[1:] {
		s, err := l.takeSpare()
		if err != nil {
			return err
		}
		l.w.spares = append(l.w.spares, s)
		if err := s.reserve(need); err != nil {
			return err
		}
	}
	return nil
}

// plan computes how long the active segment and the ones after it become.
func (l *Log) plan(entries []Entry) {
	w := &l.w
	w.needs = w.needs[:0]
	size := l.w.active.size
	for i := range entries {
		if size >= l.opts.SegmentBytes {
			w.needs = append(w.needs, SegmentHeaderSize+size)
			size = 0
		}
		size += RecordHeaderSize + int64(len(entries[i].Data))
	}
	w.needs = append(w.needs, SegmentHeaderSize+size)
}

// write writes the records, fsyncs and publishes: once for all, or where a segment ends, or where more than W
// bytes would be unsynced (design D10).
func (l *Log) write(entries []Entry) error {
	l.begin(entries)
	for i := range entries {
		if l.segmentFull() {
			if err := l.roll(); err != nil {
				return err
			}
		}
		if err := l.boundUnsynced(RecordHeaderSize + int64(len(entries[i].Data))); err != nil {
			return err
		}
		if err := l.add(&entries[i]); err != nil {
			return err
		}
	}
	l.w.lastTerm = entries[len(entries)-1].Term
	err := l.commit()
	l.w.entries = nil // they are the caller's and the cache's
	return err
}

// begin starts the buffer at the end of the active segment.
func (l *Log) begin(entries []Entry) {
	w := &l.w
	w.entries, w.offsets, w.end = entries, w.offsets[:0], l.next
	w.buf, w.at = w.buf[:0], l.w.active.fileOffset(l.next.position)
}

func (l *Log) segmentFull() bool {
	return int64(l.w.end.position-l.w.active.first.position) >= l.opts.SegmentBytes
}

// boundUnsynced makes room for a record of size in the W bytes that may be unsynced.
func (l *Log) boundUnsynced(size int64) error {
	l.mu.RLock()
	unsynced := int64(l.w.end.position - l.flushed.position)
	l.mu.RUnlock()
	if unsynced == 0 || unsynced+size <= l.opts.UnsyncedBytesMax {
		return nil
	}
	if err := l.commit(); err != nil {
		return err
	}
	return l.flush()
}

// add puts one record into the buffer, or into the file if its data is large.
func (l *Log) add(e *Entry) error {
	w := &l.w
	w.buf = appendHeader(w.buf, headerOf(e, w.scratch), l.seed, w.end.position)
	w.offsets = append(w.offsets, uint32(w.end.position-l.w.active.first.position))
	w.end = place{e.Index + 1, w.end.position + RecordHeaderSize + offset.Physical(len(e.Data))}
	if len(e.Data) < directBytes {
		w.buf = append(w.buf, e.Data...)
		return nil
	}
	if err := l.drain(); err != nil {
		return err
	}
	err := l.writeAt(e.Data, w.at)
	w.at += int64(len(e.Data))
	return err
}

// drain writes the buffer to the file.
func (l *Log) drain() error {
	w := &l.w
	if len(w.buf) == 0 {
		return nil
	}
	err := l.writeAt(w.buf, w.at)
	w.at += int64(len(w.buf))
	w.buf = w.buf[:0]
	return err
}

func (l *Log) writeAt(b []byte, at int64) error {
	file := l.w.active.file
	call := l.calls.begin()
	_, err := file.WriteAt(b, at)
	l.calls.end(call)
	return err
}

// commit writes what is buffered, makes it durable if the append is a synced one, and publishes it.
func (l *Log) commit() error {
	if err := l.drain(); err != nil {
		return err
	}
	if len(l.w.offsets) == 0 {
		return nil
	}
	if l.w.synced {
		if err := l.calls.watch(l.w.active.file.Sync); err != nil {
			return err
		}
	}
	l.publish()
	return nil
}

// publish makes the written records readable.
func (l *Log) publish() {
	w := &l.w
	l.mu.Lock()
	defer l.mu.Unlock()
	seg := l.w.active
	for i, o := range w.offsets {
		l.cache.add(w.entries[i], seg.first.position+offset.Physical(o))
	}
	seg.offsets = append(seg.offsets, w.offsets...)
	seg.size = int64(w.end.position - seg.first.position)
	l.next = w.end
	if l.w.synced { // the fsync took along what was written to the segment before, and the segments before were flushed at their roll
		l.flushed = l.next
		l.progressedLocked()
	}
	w.entries = w.entries[len(w.offsets):]
	w.offsets = w.offsets[:0]
}
