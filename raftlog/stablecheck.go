package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"io/fs"
	"runtime/debug"

	"go.etcd.io/bbolt"

	"github.com/raftmq/raftmq/internal/vfs"
)

// checkStableFile reads the whole file, if there is one, and says what is wrong with it. bbolt would not: it meets a damaged page only when it
// comes to it, and panics in the middle of a vote then; its pages carry no checksum; and when one of its two meta pages is damaged it
// goes on with the other one, that is, without the last transaction. A member that forgets a vote so can vote twice.
func checkStableFile(name string) (damage error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a length that lies leads out of the mapped file
	defer func() {
		if r := recover(); r != nil {
			damage = fmt.Errorf("%v", r)
		}
	}()
	info, err := vfs.OS().Stat(name)
	if err != nil || info.Size() == 0 {
		return nil // it is made, or opening it says why it cannot be
	}
	if err := checkPages(name, info.Size()); err != nil {
		return err
	}
	db, err := bbolt.Open(name, 0o600, &bbolt.Options{Timeout: stableTimeout, ReadOnly: true})
	var unreadable *fs.PathError
	if errors.Is(err, bbolt.ErrTimeout) || errors.As(err, &unreadable) {
		return nil // opening it says so
	}
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(tx *bbolt.Tx) error {
		if info.Size() < tx.Size() {
			return fmt.Errorf("%d bytes of %d", info.Size(), tx.Size()) // the checker would fault where nothing is
		}
		var damage error
		for problem := range tx.Check() {
			damage = errors.Join(damage, problem) // read to the end, else the checker stays behind
		}
		if damage != nil {
			return damage
		}
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			if b == nil || string(name) != "conf" && string(name) != "logs" { // raft-boltdb's; the second one stays empty
				return fmt.Errorf("%q is no bucket of it", name)
			}
			return b.ForEach(checkStableValue)
		})
	})
}

// A meta page of bbolt, in the byte order of the machine: 16 bytes of page header, 56 bytes of content, their FNV-1a sum.
const (
	metaHeaderSize  = 16
	metaContentSize = 56
	metaPageSizeAt  = metaHeaderSize + 8
	metaSize        = metaHeaderSize + metaContentSize + 8
)

// The header of every page: its number, flags, count of elements, and how many pages more it goes on for. The free list has its count
// behind the header when it does not fit.
const (
	pageFlagsAt    = 8
	pageCountAt    = 10
	pageOverflowAt = 12
	pageFreelist   = 0x10
	pageHeader     = 16 + 8
)

// checkPages checks both meta pages, the first two of the file, and that no page claims more than there is. Each meta page is written within one
// sector, so a power cut leaves none damaged. bbolt's checker makes a note of every page that a page claims, and allocates for every
// entry that the free list claims: billions, with a flipped bit.
func checkPages(name string, size int64) error {
	f, err := vfs.OS().Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	first, err := readMeta(f, 0)
	if err != nil {
		return err
	}
	pageSize := int64(binary.NativeEndian.Uint32(first[metaPageSizeAt:]))
	if pageSize < metaSize || pageSize > size {
		return fmt.Errorf("pages of %d bytes in a file of %d", pageSize, size)
	}
	if _, err = readMeta(f, pageSize); err != nil {
		return err
	}
	pages := uint64(size / pageSize)
	for i := range pages {
		var b [pageHeader]byte
		if _, err := f.ReadAt(b[:], int64(i)*pageSize); err != nil {
			return fmt.Errorf("page %d: %w", i, err)
		}
		if binary.NativeEndian.Uint64(b[:]) != i {
			continue // it was never one, or goes on from another: bbolt takes it for none
		}
		if more := uint64(binary.NativeEndian.Uint32(b[pageOverflowAt:])); more >= pages-i {
			return fmt.Errorf("page %d goes on for %d pages, there are %d", i, more, pages)
		}
		many := binary.NativeEndian.Uint16(b[pageCountAt:]) == 0xFFFF
		if free := binary.NativeEndian.Uint64(b[16:]); many && binary.NativeEndian.Uint16(b[pageFlagsAt:])&pageFreelist != 0 && free > pages {
			return fmt.Errorf("page %d lists %d free pages, there are %d", i, free, pages)
		}
	}
	return nil
}

func readMeta(f io.ReaderAt, at int64) ([]byte, error) {
	b := make([]byte, metaSize)
	if _, err := f.ReadAt(b, at); err != nil {
		return nil, fmt.Errorf("meta page at %d: %w", at, err)
	}
	sum := fnv.New64a()
	sum.Write(b[metaHeaderSize : metaHeaderSize+metaContentSize])
	if sum.Sum64() != binary.NativeEndian.Uint64(b[metaHeaderSize+metaContentSize:]) {
		return nil, fmt.Errorf("meta page at %d does not fit its checksum", at)
	}
	return b, nil
}

// A stored value ends with the CRC-32C of its key and itself.
func sealStable(key string, value []byte) []byte {
	sum := crc32.Update(crc32.Checksum([]byte(key), castagnoli), castagnoli, value)
	return binary.BigEndian.AppendUint32(append([]byte(nil), value...), sum)
}

func unsealStable(key string, sealed []byte) (value []byte, ok bool) {
	if len(sealed) < 4 {
		return nil, false
	}
	value = sealed[: len(sealed)-4 : len(sealed)-4]
	return value, string(sealStable(key, value)) == string(sealed)
}

func checkStableValue(key, sealed []byte) error {
	if len(key)+len(sealed) > 2*stableSpace {
		return fmt.Errorf("a value of %d bytes", len(sealed))
	}
	if _, ok := unsealStable(string(key), sealed); !ok {
		return fmt.Errorf("%q does not fit its checksum", key)
	}
	return nil
}
