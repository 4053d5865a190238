package commitlog

import (
	"sync"

	"github.com/raftmq/raftmq/internal/offset"
)

// ReadAhead is the most that a Reader reads at once, in bytes.
const ReadAhead = 128 << 10

// readBuffers holds buffers of ReadAhead bytes.
var readBuffers = sync.Pool{New: func() any { return new([ReadAhead]byte) }}

// Reader reads sub-records that lie near each other, in the order of their positions, with few reads and without allocating. It belongs to
// one goroutine, for the time of one answer to a client.
type Reader struct {
	log *Log
	buf *[ReadAhead]byte // nil until something is read from disk
	at  offset.Physical  // of buf[0]
	n   int              // bytes in buf
}

// Reader returns a Reader; it must be closed.
func (l *Log) Reader() Reader { return Reader{log: l} }

// Close gives the buffer back. Nothing that SubRecord returned may be used any more.
func (r *Reader) Close() {
	if r.buf != nil {
		readBuffers.Put(r.buf)
		r.buf = nil
	}
}

// SubRecord is Log.ReadSubRecord for a known size. When it must read the disk it reads on to until, exclusive, for the calls that
// follow; until may lie before the end of this sub-record, and ReadAhead is the limit. The result is valid until the next call.
func (r *Reader) SubRecord(pos offset.Physical, size uint32, until offset.Physical) (SubRecord, error) {
	if sub, ok := r.log.cachedSubRecord(pos, size); ok {
		return sub, nil
	}
	if r.holds(pos, size) || r.fill(pos, max(until, pos+offset.Physical(size))) && r.holds(pos, size) {
		sub, err := DecodeSubRecord(r.buf[pos-r.at:][:size], true)
		if err == nil && sub.Size == size {
			return sub, nil
		}
	}
	return r.log.ReadSubRecord(pos, size) // large, damaged or truncated meanwhile: alone, with all that follows from it
}

func (r *Reader) holds(pos offset.Physical, size uint32) bool {
	return r.n > 0 && pos >= r.at && int64(pos-r.at)+int64(size) <= int64(r.n)
}

// fill reads [pos, until), or what of it lies in one segment and fits, and reports whether it did.
func (r *Reader) fill(pos, until offset.Physical) bool {
	r.n = 0
	f, err := r.log.findUpTo(pos, min(int64(until-pos), ReadAhead))
	if err != nil {
		return false
	}
	defer f.seg.release()
	if r.buf == nil {
		r.buf = readBuffers.Get().(*[ReadAhead]byte)
	}
	call := r.log.calls.begin()
	n, _ := f.seg.file.ReadAt(r.buf[:f.size], f.seg.fileOffset(pos))
	r.log.calls.end(call)
	r.at, r.n = pos, n
	return true
}
