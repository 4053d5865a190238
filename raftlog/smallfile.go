package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"

	"github.com/raftmq/raftmq/internal/vfs"
)

// A small file holds one JSON value or one frame that is replaced whole: meta, configurations, the install mark, the meta
// of an image. A checksum follows the content, so that a damaged file is not taken for another value.
//
//	content | u32 CRC-32C of content
const smallFileBytesMax = 80 << 20 // an image's meta holds the boundary's whole entry

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamagedFile: the checksum does not match. The caller decides whether the file is needed.
var errDamagedFile = errors.New("damaged file")

// writeSmallFile replaces name durably: after a crash it has its old or its new content.
func writeSmallFile(fsys vfs.FS, name string, content []byte) error {
	tmp := name + ".tmp"
	// 1. Write beside the old file; a leftover of an earlier attempt goes first.
	if err := fsys.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := createSynced(fsys, tmp, binary.BigEndian.AppendUint32(content[:len(content):len(content)], crc32.Checksum(content, castagnoli))); err != nil {
		return err
	}
	// 2. Switch.
	if err := fsys.Rename(tmp, name); err != nil {
		return err
	}
	// 3. Make the switch durable.
	return fsys.SyncDir(path.Dir(name))
}

func createSynced(fsys vfs.FS, name string, content []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(content, 0); err != nil {
		return err
	}
	return f.Sync()
}

// readSmallFile returns the content of name; ok is false if there is no such file. A bad checksum is errDamagedFile.
func readSmallFile(fsys vfs.FS, name string) (content []byte, ok bool, err error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, false, err
	}
	if size < 4 || size > smallFileBytesMax {
		return nil, false, fmt.Errorf("%s of %d bytes: %w", name, size, errDamagedFile)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, false, err
	}
	content = b[:size-4]
	if crc32.Checksum(content, castagnoli) != binary.BigEndian.Uint32(b[size-4:]) {
		return nil, false, fmt.Errorf("%s: checksum: %w", name, errDamagedFile)
	}
	return content, true, nil
}

// removeDurably removes name, which may be absent.
func removeDurably(fsys vfs.FS, name string) error {
	if err := fsys.Remove(name); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return fsys.SyncDir(path.Dir(name))
}

// mkdirDurably makes dir and those above it that are missing, so that a power cut cannot take dir away.
func mkdirDurably(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(dir); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := path.Dir(dir)
	if parent != dir {
		if err := mkdirDurably(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	return fsys.SyncDir(parent)
}
