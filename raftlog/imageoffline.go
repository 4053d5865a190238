package raftlog

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// ImageIndexes lists the published images in the directory of a stopped member, ascending.
func ImageIndexes(fsys vfs.FS, dir string) ([]offset.Index, error) {
	names, err := fsys.List(path.Join(dir, imagesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var indexes []offset.Index
	for _, name := range names {
		if index, ok := parseImageName(name); ok {
			indexes = append(indexes, index)
		}
	}
	slices.Sort(indexes)
	return indexes, nil
}

// OpenImage opens a published image of a stopped member. Its last read fails instead of ending if the bytes are not those that were written.
func OpenImage(fsys vfs.FS, dir string, index offset.Index) (io.ReadCloser, error) {
	s := &imageStore{fs: fsys, dir: path.Join(dir, imagesDir)}
	image, err := s.open(index)
	if err != nil {
		return nil, err
	}
	return image, nil
}
