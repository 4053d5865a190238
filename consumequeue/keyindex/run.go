package keyindex

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// unfinished is the end of the name of a run that is being written.
const unfinished = ".new"

// runName is the file of the run that ends before index next.
func runName(dir string, next offset.Index) string { return path.Join(dir, fmt.Sprintf("%020d", next)) }

// writeRun makes a run of entries, which it sorts. Each gap between the steps is a crash that Open survives.
//
//  1. The run is written under a name that no run has, and synced.
//  2. It gets its name, and the directory is synced.
func writeRun(fsys vfs.FS, dir string, first, next offset.Index, entries []Entry) (header, error) {
	h := header{count: uint32(len(entries)), first: first, next: next}
	for i, e := range entries {
		if i == 0 {
			h.low, h.high, h.from, h.to = e.Position, e.Position, e.StoreTime, e.StoreTime
		}
		h.low, h.high = min(h.low, e.Position), max(h.high, e.Position)
		h.from, h.to = min(h.from, e.StoreTime), max(h.to, e.StoreTime)
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Position, b.Position))
	})
	b := h.append(make([]byte, 0, headerSize+len(entries)/blockEntries*blockSize+blockSize))
	for block := range slices.Chunk(entries, blockEntries) {
		b = appendBlock(b, block)
	}
	if err := errors.Join(fsys.MkdirAll(dir), fsys.SyncDir(path.Dir(dir))); err != nil {
		return h, err
	}
	name := runName(dir, next)
	if err := fsys.Remove(name + unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return h, err
	}
	f, err := fsys.Create(name + unfinished)
	if err != nil {
		return h, err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return h, err
	}
	return h, errors.Join(fsys.Rename(name+unfinished, name), fsys.SyncDir(dir))
}

// readHeader reads the header of the run that ends before next.
func readHeader(fsys vfs.FS, dir string, next offset.Index) (h header, err error) {
	f, err := fsys.Open(runName(dir, next))
	if err != nil {
		return h, err
	}
	defer f.Close()
	b := make([]byte, headerSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return h, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if h, err = decodeHeader(b); err == nil && h.next != next {
		err = fmt.Errorf("%w: run %d says that it is run %d", ErrDamaged, next, h.next)
	}
	return h, err
}

// runReader reads blocks of a run.
type runReader struct {
	file  io.ReaderAt
	count int // entries
	block []Entry
	bytes [blockSize]byte
}

func (r *runReader) blocks() int { return (r.count + blockEntries - 1) / blockEntries }

// read returns the entries of block i, until the next call.
func (r *runReader) read(i int) ([]Entry, error) {
	n := min(blockEntries, r.count-i*blockEntries)*entrySize + 4
	if _, err := r.file.ReadAt(r.bytes[:n], headerSize+int64(i)*blockSize); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	var err error
	r.block, err = decodeBlock(r.block[:0], r.bytes[:n])
	return r.block, err
}

// find appends the entries of a hash, in the order of their positions.
func (r *runReader) find(dst []Entry, hash uint32) ([]Entry, error) {
	low, high := 0, r.blocks() // the first block whose last hash is not below
	for low < high {
		middle := (low + high) / 2
		block, err := r.read(middle)
		if err != nil {
			return dst, err
		}
		if block[len(block)-1].Hash < hash {
			low = middle + 1
		} else {
			high = middle
		}
	}
	for ; low < r.blocks(); low++ {
		block, err := r.read(low)
		if err != nil {
			return dst, err
		}
		for _, e := range block {
			if e.Hash > hash {
				return dst, nil
			}
			if e.Hash == hash {
				dst = append(dst, e)
			}
		}
	}
	return dst, nil
}
