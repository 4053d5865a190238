package state

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// logDir is where a member's log lies in its directory.
const logDir = "commitlog"

// Report is what VerifyDir found.
type Report struct {
	Log     commitlog.Report
	Base    offset.Index // the image that Apply began with; 0: with nothing
	Applied offset.Index // of state.db: what was verified up to
	Images  int          // whose content was compared
	Queues  int          // in state.db
	Units   int64        // that were compared
	Records int          // of state.db that were compared
	// Problems are the first difference of each kind, each with where it is.
	Problems []error
}

// ErrDiffers: Apply over the log gives something else than the files hold. They are derived: the next start makes them again if they are
// damaged; if they are not, it is a bug.
var ErrDiffers = errors.New("differs from Apply over the log")

// VerifyDir proves the files of a stopped member: it verifies the log (commitlog.Verify), runs Apply from the oldest base over it up to the
// index at which state.db stands, and compares every unit of the consume queues, every record of state.db and the digest of every image
// with what comes out. dir is the member's directory, realDir where its state.db is. Nothing is changed. The error is nil only if all is
// right; it joins the report's problems.
func VerifyDir(fsys vfs.FS, dir, realDir string) (Report, error) {
	v := verifier{fs: fsys, dir: dir, seen: map[string]bool{}}
	v.run(realDir)
	return v.report, errors.Join(v.report.Problems...)
}

// verifier collects problems, the first of each kind.
type verifier struct {
	fs     vfs.FS
	dir    string
	report Report
	seen   map[string]bool

	stored  *machine // of state.db, over the stored queues
	machine *machine // of Apply, over the comparison
	images  map[offset.Index][32]byte
	out     changes
	last    offset.Index // visited
	gap     bool
}

func (v *verifier) problem(kind string, err error) {
	if err != nil && !v.seen[kind] {
		v.seen[kind] = true
		v.report.Problems = append(v.report.Problems, err)
	}
}

func (v *verifier) differs(kind, format string, args ...any) {
	v.problem(kind, fmt.Errorf("%s: %s: %w", kind, fmt.Sprintf(format, args...), ErrDiffers))
}

func (v *verifier) run(realDir string) {
	tails, err := v.loadStored(realDir)
	if err != nil {
		v.problem("state.db", fmt.Errorf("state.db: %w", err))
		v.verifyLog(nil)
		return
	}
	queues, err := consumequeue.View(consumequeue.Options{FS: v.fs, Dir: path.Join(v.dir, queuesDir)}, tails)
	if err != nil {
		v.problem("consume queue", err)
		v.verifyLog(nil)
		return
	}
	defer queues.Close()
	queues.Trim(v.stored.meta.retainedEnd)
	v.stored.queues = queues
	v.loadImages()
	compare := newComparison(v, queues)
	v.machine = newMachine(compare)
	if !v.begin(compare) {
		v.verifyLog(nil)
		return
	}
	if v.verifyLog(v.apply) {
		v.compare(compare)
	}
}

// loadStored reads state.db. A member that never got so far has none.
func (v *verifier) loadStored(realDir string) ([]consumequeue.Tail, error) {
	if _, err := vfs.OS().Stat(path.Join(realDir, databaseName)); errors.Is(err, fs.ErrNotExist) {
		v.stored = newMachine(noQueues{})
		return nil, nil
	}
	db, err := viewDatabase(realDir)
	if err != nil {
		return nil, err
	}
	defer db.close()
	m, tails, err := db.load()
	if err != nil {
		return nil, err
	}
	v.stored = m
	v.report.Applied = m.meta.applied
	v.report.Queues = len(tails)
	return tails, nil
}

// loadImages reads the images for their digests.
func (v *verifier) loadImages() {
	v.images = map[offset.Index][32]byte{}
	indexes, err := raftlog.ImageIndexes(v.fs, v.dir)
	v.problem("images", err)
	for _, index := range indexes {
		records, err := v.image(index)
		if err != nil {
			v.problem("image", err)
			continue
		}
		v.images[index] = digestOf(index, records)
	}
}

func (v *verifier) image(index offset.Index) ([]record, error) {
	r, err := raftlog.OpenImage(v.fs, v.dir, index)
	if err != nil {
		return nil, err
	}
	records, err := readImage(r, index)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("image %d: %w", index, err)
	}
	return records, nil
}

// begin makes v.machine the state that the log continues: nothing if the log goes back to its first entry, else the image it begins with.
func (v *verifier) begin(compare *comparison) bool {
	first, err := v.firstIndex()
	if err != nil {
		return false // verifyLog says what it is
	}
	if first <= 1 {
		return true
	}
	records, err := v.image(first)
	if err != nil {
		v.problem("base", fmt.Errorf("the log begins at entry %d, but its image cannot be used: %w", first, err))
		return false
	}
	m, tails, err := fromImage(compare, records)
	if err != nil {
		v.problem("base", err)
		return false
	}
	for _, t := range tails {
		compare.queue(t.Key).begin(t.Next)
	}
	v.machine, v.report.Base = m, first
	return true
}

var errEnough = errors.New("enough")

func (v *verifier) firstIndex() (first offset.Index, err error) {
	_, err = commitlog.Verify(v.fs, path.Join(v.dir, logDir), func(_ offset.Physical, e commitlog.Entry) error {
		first = e.Index
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return first, err
}

// verifyLog verifies the log and shows visit its entries; false if something is wrong with it.
func (v *verifier) verifyLog(visit func(offset.Physical, commitlog.Entry) error) bool {
	report, err := commitlog.Verify(v.fs, path.Join(v.dir, logDir), visit)
	v.report.Log = report
	if len(report.Problems) > 0 {
		v.report.Problems = append(v.report.Problems, report.Problems...)
	} else if err != nil {
		v.problem("log", err)
	}
	return err == nil
}

// apply runs one entry of the log, up to where state.db stands.
func (v *verifier) apply(at offset.Physical, e commitlog.Entry) (err error) {
	v.gap = v.gap || v.last > 0 && e.Index != v.last+1 // damage between: what follows would say nothing
	v.last = e.Index
	if v.gap || e.Type != commandType || e.Index <= v.machine.meta.applied || e.Index > v.stored.meta.applied {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("entry %d cannot be applied: %v", e.Index, p)
		}
	}()
	v.out.reset()
	if _, err := v.machine.apply(&raftlog.Committed{Index: e.Index, Term: e.Term, Position: at, AppendedAt: e.AppendedAt, Data: e.Data}, &v.out); err != nil {
		return err
	}
	clear(v.machine.dirty)
	if want, ok := v.images[e.Index]; ok {
		v.report.Images++
		if v.machine.digest() != want {
			v.differs("image", "image %d", e.Index)
		}
	}
	return nil
}

// compare compares what the whole log gave with state.db and with the ends of the queues.
func (v *verifier) compare(c *comparison) {
	if v.machine.meta.applied != v.stored.meta.applied {
		v.differs("applied index", "state.db stands at entry %d, the log gives %d", v.stored.meta.applied, v.machine.meta.applied)
		return
	}
	c.finish()
	want, got := v.machine.records(), v.stored.records()
	v.report.Records = len(got)
	for len(want) > 0 || len(got) > 0 {
		order := 0
		switch {
		case len(got) == 0:
			order = -1
		case len(want) == 0:
			order = 1
		default:
			order = compareRecords(want[0], got[0])
		}
		switch {
		case order < 0:
			v.differs(tableName(want[0].table), "key %x is missing", want[0].key)
			want = want[1:]
		case order > 0:
			v.differs(tableName(got[0].table), "key %x should not be there", got[0].key)
			got = got[1:]
		default:
			if !slices.Equal(want[0].value, got[0].value) {
				v.differs(tableName(want[0].table), "key %x has value %x, should be %x", got[0].key, got[0].value, want[0].value)
			}
			want, got = want[1:], got[1:]
		}
	}
}

func tableName(table uint8) string {
	names := [...]string{"", "meta", "topics", "groups", "offsets", "delay", "boundaries", "queues", "locks", "settings"}
	if int(table) < len(names) {
		return names[table]
	}
	return "unknown table"
}
