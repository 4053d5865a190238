package raftlog

import (
	"io"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// host is what the Applier sees of the Node.
type host struct {
	s      *storage
	retain func(from offset.Index)
	fail   func(error)
	// damaged is told of bad records.
	damaged func(*commitlog.DamageError)
}

var _ Host = host{}

func (h host) Log() *commitlog.Log { return h.s.log }

func (h host) CreateImage(index offset.Index) (ImageWriter, error) {
	w, err := h.s.images.create(index)
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (h host) NewestImage() (offset.Index, io.ReadCloser, bool, error) {
	return opened(h.s.images.newest())
}

func (h host) OldestImage() (offset.Index, io.ReadCloser, bool, error) {
	return opened(h.s.images.oldestInLog())
}

func opened(image *openImage, ok bool, err error) (offset.Index, io.ReadCloser, bool, error) {
	if err != nil || !ok {
		return 0, nil, false, err
	}
	return image.meta.index(), image, true, nil
}

func (h host) Retain(from offset.Index) { h.retain(from) }

func (h host) Fatal(err error) { h.fail(err) }
