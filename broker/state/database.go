package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path"
	"runtime/debug"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/vfs"
)

// database is state.db: the state at the last checkpoint, a bucket for each table. A transaction is a checkpoint.
type database struct {
	db *bolt.DB
}

const (
	databaseName    = "state.db"
	damagedSuffix   = ".damaged"
	databaseTimeout = time.Second // another process holds the file
)

// errDatabase: state.db is not what it was written as. It is derived and made again (reliability D8).
var errDatabase = errors.New("state.db damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func bucketName(table uint8) []byte { return []byte{table} }

// openDatabase opens or creates state.db in dir, a real directory. bbolt panics on some damage, and a file that is too short faults where
// it is mapped: both become errDatabase. Its pages carry no checksum, so every value has its own.
func openDatabase(dir string) (d *database, err error) {
	if err := vfs.OS().MkdirAll(dir); err != nil {
		return nil, err
	}
	return openFile(dir, false)
}

// viewDatabase opens the state.db of a stopped member for reading only.
func viewDatabase(dir string) (d *database, err error) { return openFile(dir, true) }

func openFile(dir string, readOnly bool) (d *database, err error) {
	defer faultsAreErrors(&err)()
	// The free list stays in the file: without it opening walks all pages on a goroutine that no fault may meet.
	db, err := bolt.Open(path.Join(dir, databaseName), 0o600, &bolt.Options{
		Timeout: databaseTimeout, FreelistType: bolt.FreelistMapType, ReadOnly: readOnly,
	})
	if isDamage(err) {
		return nil, fmt.Errorf("%w: %w", errDatabase, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path.Join(dir, databaseName), err)
	}
	return &database{db}, nil
}

// isDamage tells a file that is no database from one that cannot be opened now.
func isDamage(err error) bool {
	for _, damage := range []error{bolt.ErrInvalid, bolt.ErrChecksum, bolt.ErrVersionMismatch} {
		if errors.Is(err, damage) {
			return true
		}
	}
	return err != nil && strings.HasPrefix(err.Error(), "file size too small ") // bbolt has no value for it
}

// faultsAreErrors is deferred around what touches mapped pages: defer faultsAreErrors(&err)().
func faultsAreErrors(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			*err = fmt.Errorf("%w: %v", errDatabase, p)
		}
	}
}

// setAside renames a damaged state.db so that a new one can be made, and somebody can look at the old.
func setAside(dir string) error {
	name := path.Join(dir, databaseName)
	return vfs.OS().Rename(name, name+damagedSuffix)
}

// check reads the structure of the whole file; each reads the values.
func (d *database) check() (err error) {
	defer faultsAreErrors(&err)()
	return d.db.View(func(tx *bolt.Tx) error {
		info, err := vfs.OS().Stat(d.db.Path())
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			// The checker's goroutine would fault where the file is mapped but not there.
			return fmt.Errorf("%w: %d bytes of %d", errDatabase, info.Size(), tx.Size())
		}
		for problem := range tx.Check() {
			err = errors.Join(err, problem) // read to the end, else the checker stays behind
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errDatabase, err)
		}
		return nil
	})
}

// each calls fn with every record, tables and keys in order. A value that does not fit its checksum is errDatabase. The value is fn's to keep.
func (d *database) each(fn func(record) error) (err error) {
	defer faultsAreErrors(&err)()
	return d.db.View(func(tx *bolt.Tx) error {
		for table := tableMeta; table <= tableLast; table++ {
			b := tx.Bucket(bucketName(table))
			if b == nil {
				continue
			}
			err := b.ForEach(func(k, v []byte) error {
				rec, ok := unseal(table, k, v)
				if !ok {
					return fmt.Errorf("%w: table %d, key %x", errDatabase, table, k)
				}
				return fn(rec)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// A stored key has a byte before it, since bbolt takes no empty ones; a stored value ends with the CRC-32C of table, key and value.
func sealKey(key string) []byte { return append([]byte{'k'}, key...) }

func sealSum(table uint8, key string, value []byte) uint32 {
	sum := crc32.Update(uint32(table), castagnoli, []byte(key))
	return crc32.Update(sum, castagnoli, value)
}

func seal(table uint8, key string, value []byte) []byte {
	v := append(make([]byte, 0, len(value)+4), value...)
	return binary.BigEndian.AppendUint32(v, sealSum(table, key, value))
}

func unseal(table uint8, k, v []byte) (rec record, ok bool) {
	if len(k) < 1 || len(v) < 4 {
		return record{}, false
	}
	rec = record{table, string(k[1:]), append([]byte(nil), v[:len(v)-4]...)}
	return rec, binary.BigEndian.Uint32(v[len(v)-4:]) == sealSum(table, rec.key, rec.value)
}

// load checks the file and makes a machine without queues of it, and the tails of its queues.
func (d *database) load() (*machine, []consumequeue.Tail, error) {
	if err := d.check(); err != nil {
		return nil, nil, err
	}
	m, tails := newMachine(noQueues{}), []consumequeue.Tail(nil)
	err := d.each(func(rec record) error {
		if !m.restore(rec, false, &tails) {
			return fmt.Errorf("%w: table %d, key %x does not decode", errDatabase, rec.table, rec.key)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	m.finish()
	return m, tails, nil
}

// commit makes one checkpoint durable.
func (d *database) commit(f *frozen) error {
	return d.db.Update(func(tx *bolt.Tx) error {
		w := writer{tx: tx}
		for name, value := range f.records {
			if value == nil {
				w.remove(name.table, name.key)
			} else {
				w.put(name.table, name.key, *value)
			}
		}
		for i := range f.tails {
			w.tail(&f.tails[i])
		}
		w.put(tableMeta, "", f.meta)
		return w.err
	})
}

// replace makes the state of an image the only content.
func (d *database) replace(records []record, tails []consumequeue.Tail) error {
	return d.db.Update(func(tx *bolt.Tx) error {
		for table := tableMeta; table <= tableLast; table++ {
			if err := tx.DeleteBucket(bucketName(table)); err != nil && !errors.Is(err, bolt.ErrBucketNotFound) {
				return err
			}
		}
		w := writer{tx: tx}
		for _, rec := range records {
			if rec.table != tableQueues {
				w.put(rec.table, rec.key, rec.value)
			}
		}
		for i := range tails {
			w.tail(&tails[i])
		}
		return w.err
	})
}

func (d *database) close() error { return d.db.Close() }

// writer puts records into a transaction and remembers the first error.
type writer struct {
	tx  *bolt.Tx
	err error
}

func (w *writer) bucket(table uint8) *bolt.Bucket {
	if w.err != nil {
		return nil
	}
	b, err := w.tx.CreateBucketIfNotExists(bucketName(table))
	w.err = err
	return b
}

func (w *writer) put(table uint8, key string, value []byte) {
	if b := w.bucket(table); b != nil {
		w.err = b.Put(sealKey(key), seal(table, key, value))
	}
}

func (w *writer) remove(table uint8, key string) {
	if b := w.bucket(table); b != nil {
		w.err = b.Delete(sealKey(key))
	}
}

func (w *writer) tail(t *consumequeue.Tail) {
	if t.Gone {
		w.remove(tableQueues, queueKey(t.Key))
	} else {
		w.put(tableQueues, queueKey(t.Key), tailValue(t))
	}
}
