package raftlog

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"path"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

const imageBuffer = 256 << 10

// openImage reads the state of an image. Its last read fails with errDamagedFile instead of io.EOF if the bytes are not those
// that were written.
type openImage struct {
	meta *imageMeta
	file vfs.File
	rest *io.SectionReader
	sum  hash.Hash
}

func (i *openImage) Read(b []byte) (int, error) {
	n, err := i.rest.Read(b)
	i.sum.Write(b[:n])
	if err == io.EOF && [sha256.Size]byte(i.sum.Sum(nil)) != i.meta.sum {
		return n, fmt.Errorf("image %d: state: %w", i.meta.index(), errDamagedFile)
	}
	return n, err
}

func (i *openImage) Close() error { return i.file.Close() }

// imageWriter is an ImageWriter, and what receives an image from another member.
type imageWriter struct {
	store *imageStore
	index offset.Index
	tmp   string
	file  vfs.File
	sum   hash.Hash
	size  int64
	buf   []byte
	err   error
}

// create starts an image in a temporary directory.
func (s *imageStore) create(index offset.Index) (*imageWriter, error) {
	s.mu.Lock()
	s.made++
	tmp := path.Join(s.dir, fmt.Sprintf("%s%d-%d", imageTmp, index, s.made))
	s.mu.Unlock()
	if err := s.fs.MkdirAll(tmp); err != nil {
		return nil, err
	}
	f, err := s.fs.Create(path.Join(tmp, imageStateFile))
	if err != nil {
		return nil, err
	}
	return &imageWriter{store: s, index: index, tmp: tmp, file: f, sum: sha256.New()}, nil
}

func (w *imageWriter) Write(b []byte) (int, error) {
	w.sum.Write(b)
	w.buf = append(w.buf, b...)
	if len(w.buf) >= imageBuffer {
		w.flush()
	}
	return len(b), w.err
}

func (w *imageWriter) flush() {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.file.WriteAt(w.buf, w.size)
		w.size += int64(len(w.buf))
	}
	w.buf = w.buf[:0]
}

// finish makes the state durable and closes the file.
func (w *imageWriter) finish() error {
	w.flush()
	if w.err == nil {
		w.err = w.file.Sync()
	}
	if err := w.file.Close(); w.err == nil {
		w.err = err
	}
	return w.err
}

// Commit publishes the image of this member's own state.
func (w *imageWriter) Commit() error {
	if err := w.commit(); err != nil {
		w.store.fs.RemoveAll(w.tmp)
		return fmt.Errorf("image %d: %w", w.index, err)
	}
	return nil
}

func (w *imageWriter) commit() error {
	if err := w.finish(); err != nil {
		return err
	}
	log := w.store.log
	if log.FlushedIndex() < w.index {
		if err := log.Sync(); err != nil {
			return err
		}
	}
	m, err := w.describe(log)
	if err != nil {
		return err
	}
	if err := writeSmallFile(w.store.fs, path.Join(w.tmp, imageMetaFile), m.encode()); err != nil {
		return err
	}
	return w.store.publish(w.tmp, w.index)
}

// describe takes everything but the state from the log and the known configurations.
func (w *imageWriter) describe(log *commitlog.Log) (*imageMeta, error) {
	boundary, err := log.Entry(w.index)
	if err != nil {
		return nil, err
	}
	data, err := log.DataPosition(w.index)
	if err != nil {
		return nil, err
	}
	members, ok := w.store.history.at(w.index)
	if !ok {
		return nil, fmt.Errorf("no configuration is known at index %d", w.index)
	}
	return &imageMeta{
		boundary: boundary, position: data - commitlog.RecordHeaderSize, membership: members,
		stateBytes: w.size, sum: [sha256.Size]byte(w.sum.Sum(nil)),
	}, nil
}

// Abort discards the image.
func (w *imageWriter) Abort() {
	w.file.Close()
	w.store.fs.RemoveAll(w.tmp)
}

// received makes the image that another member described complete in its temporary directory, without publishing it.
func (w *imageWriter) received(m *imageMeta) error {
	if err := w.finish(); err != nil {
		return err
	}
	if w.size != m.stateBytes || [sha256.Size]byte(w.sum.Sum(nil)) != m.sum {
		return fmt.Errorf("%w: received %d bytes of %d, or other bytes than were sent", errImage, w.size, m.stateBytes)
	}
	return writeSmallFile(w.store.fs, path.Join(w.tmp, imageMetaFile), m.encode())
}
