package state

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
)

// An image is the state after one boundary entry, the same bytes on every member:
//
//	 0  "RMQS"
//	 4  u16  version 1
//	 6  u16  0
//	 8  u64  index of the boundary entry
//
//	records, in the order of table and key:
//	 0  u8   table
//	 1  u16  length of the key
//	 3  u32  length of the value
//	 7       key, value
//
//	end:
//	 0  u8   0
//	 1  u64  count of records
//	 9  32   SHA-256 of everything before: the digest of the state
const (
	imageMagic      = "RMQS"
	imageVersion    = 1
	imageHeaderSize = 16
	recordHeader    = 7
	imageEndSize    = 1 + 8

	keyBytesMax   = 2*(2+nameBytesMax) + 4
	valueBytesMax = 16 << 20
)

// errImage: the bytes are no image of this version, or not the whole of one.
var errImage = errors.New("no whole image of the state")

// imageEncoder writes an image and sums it.
type imageEncoder struct {
	w     io.Writer
	sum   hash.Hash
	count uint64
	buf   []byte
	err   error
}

func newImageEncoder(w io.Writer, index offset.Index) *imageEncoder {
	e := &imageEncoder{w: w, sum: sha256.New()}
	b := append(e.buf, imageMagic...)
	b = binary.BigEndian.AppendUint16(b, imageVersion)
	b = binary.BigEndian.AppendUint16(b, 0)
	e.buf = binary.BigEndian.AppendUint64(b, uint64(index))
	e.write()
	return e
}

func (e *imageEncoder) write() {
	e.sum.Write(e.buf)
	if e.err == nil {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

func (e *imageEncoder) record(rec record) {
	e.count++
	e.buf = append(e.buf, rec.table)
	e.buf = binary.BigEndian.AppendUint16(e.buf, uint16(len(rec.key)))
	e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(len(rec.value)))
	e.buf = append(e.buf, rec.key...)
	e.buf = append(e.buf, rec.value...)
	e.write()
}

// finish ends the image and returns its digest.
func (e *imageEncoder) finish() (digest [sha256.Size]byte, err error) {
	e.buf = append(e.buf, 0)
	e.buf = binary.BigEndian.AppendUint64(e.buf, e.count)
	e.write()
	e.sum.Sum(digest[:0])
	e.buf = append(e.buf, digest[:]...)
	if e.err == nil {
		_, e.err = e.w.Write(e.buf)
	}
	return digest, e.err
}

// writeImage writes the checkpoint in d as an image of index.
func (d *database) writeImage(w io.Writer, index offset.Index) (digest [sha256.Size]byte, err error) {
	buffered := bufio.NewWriterSize(w, 64<<10)
	e := newImageEncoder(buffered, index)
	err = d.each(func(rec record) error {
		if rec.table == tableQueues {
			rec.value = rec.value[8:16] // next, of first, next, units
		}
		e.record(rec)
		return e.err
	})
	if err != nil {
		return digest, err
	}
	if digest, err = e.finish(); err != nil {
		return digest, err
	}
	return digest, buffered.Flush()
}

// digest returns the digest of m as it is: that of its image.
func (m *machine) digest() [sha256.Size]byte { return digestOf(m.meta.applied, m.records()) }

func digestOf(index offset.Index, records []record) [sha256.Size]byte {
	e := newImageEncoder(io.Discard, index)
	for _, rec := range records {
		e.record(rec)
	}
	digest, _ := e.finish() // io.Discard takes everything
	return digest
}

// readImage reads an image to its end, which src may refuse with an error of its own, and verifies all of it. Errors are errImage and those
// of src.
func readImage(src io.Reader, index offset.Index) ([]record, error) {
	d := imageDecoder{r: bufio.NewReaderSize(src, 64<<10), sum: sha256.New()}
	header := d.read(imageHeaderSize)
	if d.err != nil {
		return nil, d.err
	}
	if string(header[:4]) != imageMagic {
		return nil, fmt.Errorf("%w: it begins with %x", errImage, header[:4])
	}
	if v := binary.BigEndian.Uint16(header[4:]); v != imageVersion || binary.BigEndian.Uint16(header[6:]) != 0 {
		return nil, fmt.Errorf("%w: version %d is not known to this release", errImage, v)
	}
	if got := offset.Index(binary.BigEndian.Uint64(header[8:])); got != index {
		return nil, fmt.Errorf("%w: it is of index %d, not %d", errImage, got, index)
	}
	return d.records()
}

// imageDecoder reads an image and remembers the first error.
type imageDecoder struct {
	r   *bufio.Reader
	sum hash.Hash
	err error
}

func (d *imageDecoder) read(n int) []byte {
	if d.err != nil {
		return nil
	}
	// A length from the file does not size memory before its bytes are there.
	var b bytes.Buffer
	_, err := io.CopyN(&b, d.r, int64(n))
	if err == io.EOF {
		err = fmt.Errorf("%w: it ends early", errImage)
	}
	d.err = err
	d.sum.Write(b.Bytes())
	return b.Bytes()
}

func (d *imageDecoder) records() ([]record, error) {
	var all []record
	for {
		table := d.read(1)
		if d.err != nil {
			return nil, d.err
		}
		if table[0] == 0 {
			return all, d.end(uint64(len(all)))
		}
		lengths := d.read(recordHeader - 1)
		if d.err != nil {
			return nil, d.err
		}
		key, value := int(binary.BigEndian.Uint16(lengths)), binary.BigEndian.Uint32(lengths[2:])
		if key > keyBytesMax || value > valueBytesMax {
			return nil, fmt.Errorf("%w: a record of %d and %d bytes", errImage, key, value)
		}
		rec := record{table: table[0], key: string(d.read(key)), value: d.read(int(value))}
		if d.err != nil {
			return nil, d.err
		}
		if n := len(all); n > 0 && compareRecords(all[n-1], rec) >= 0 {
			return nil, fmt.Errorf("%w: records out of order", errImage)
		}
		all = append(all, rec)
	}
}

// end reads what follows the records.
func (d *imageDecoder) end(count uint64) error {
	said := d.read(8)
	var want [sha256.Size]byte
	d.sum.Sum(want[:0])
	got := d.read(sha256.Size)
	if d.err != nil {
		return d.err
	}
	if binary.BigEndian.Uint64(said) != count || [sha256.Size]byte(got) != want {
		return fmt.Errorf("%w: checksum mismatch", errImage)
	}
	if _, err := d.r.ReadByte(); err != io.EOF {
		if err == nil {
			err = fmt.Errorf("%w: bytes after its end", errImage)
		}
		return err
	}
	return nil
}

// fromImage makes a machine over q of the records of an image, with the tails that q has to be reset to.
func fromImage(q queues, records []record) (*machine, []consumequeue.Tail, error) {
	m := newMachine(q)
	var tails []consumequeue.Tail
	for _, rec := range records {
		if !m.restore(rec, true, &tails) {
			return nil, nil, fmt.Errorf("%w: table %d, key %x does not decode", errImage, rec.table, rec.key)
		}
	}
	m.finish()
	return m, tails, nil
}
