package commitlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"testing"
	"testing/synctest"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// damagedLog returns a log of several segments, closed in order, and what is in it.
func damagedLog(t testing.TB) (*vfs.Mem, Options, model) {
	m := vfs.NewMem()
	o := small(m)
	l := mustOpen(t, o)
	want := newModel().append(entriesFrom(1, 3, 300, 300, 900, 20, 900, 700, 20, 1500, 20, 800, 40))
	must(t, l.Append(want.all))
	must(t, l.Retain(3))
	l.writeIndexes()
	must(t, l.Close())
	return m, o, want.retain(3)
}

func fileSize(t testing.TB, fsys vfs.FS, name string) int64 {
	info, err := fsys.Stat(name)
	must(t, err)
	return info.Size()
}

// outcome opens a log that was closed in order and then damaged. It must be refused as damaged, or be whole: of
// each entry the right bytes or a *DamageError. It is never shorter.
func outcome(o Options, fsys *vfs.Mem, want model) (quarantined bool, badReads int, err error) {
	o.FS = fsys
	l, err := Open(o)
	var damage *DamageError
	if errors.As(err, &damage) {
		return true, 0, nil
	}
	if err != nil {
		return false, 0, err
	}
	defer l.Close()
	if l.LastIndex() != want.next()-1 || l.FirstIndex() != want.first || l.NextPosition() != want.position(want.next()) {
		return false, 0, fmt.Errorf("silently %d to %d", l.FirstIndex(), l.LastIndex())
	}
	for _, e := range want.all[want.first-want.start.index:] {
		got, err := l.Entry(e.Index)
		switch {
		case errors.As(err, &damage):
			badReads++
		case err != nil:
			return false, 0, err
		case !sameEntry(got, e):
			return false, 0, fmt.Errorf("entry %d has wrong bytes", e.Index)
		}
	}
	return false, badReads, nil
}

func files(t testing.TB, fsys vfs.FS, dir string) []string {
	names, err := fsys.List(dir)
	must(t, err)
	return names
}

// TestFlippedBits flips bits all over a log, one at a time. Verify must see what readers would see.
func TestFlippedBits(t *testing.T) {
	fsys, o, want := damagedLog(t)
	rng := rand.New(rand.NewPCG(3, 0))
	var flips, quarantines, badReads int
	for _, name := range files(t, fsys, o.Dir) {
		name = path.Join(o.Dir, name)
		bits := fileSize(t, fsys, name) * 8
		for bit := rng.Int64N(8); bit < bits; bit += stride(rng, 120) {
			c := fsys.KillClone()
			must(t, c.FlipBit(name, bit))
			_, verifyErr := Verify(c, o.Dir, nil)
			quarantined, bad, err := outcome(o, c, want)
			if err != nil {
				t.Fatalf("bit %d of %s: %v", bit, name, err)
			}
			if (quarantined || bad > 0) != (verifyErr != nil) {
				t.Fatalf("bit %d of %s: quarantined %v, %d bad reads, but verify says %v", bit, name, quarantined, bad, verifyErr)
			}
			flips++
			badReads += bad
			if quarantined {
				quarantines++
			}
		}
	}
	t.Logf("sweep: %d corruptions: %d quarantines, %d refused reads", flips, quarantines, badReads)
	if quarantines == 0 || badReads == 0 {
		t.Fatal("the damage did nothing")
	}
}

// TestCutFiles cuts every file of a log at many lengths, and removes it.
func TestCutFiles(t *testing.T) {
	fsys, o, want := damagedLog(t)
	cuts := 0
	defer func() { t.Logf("sweep: %d corruptions: files cut or removed", cuts) }()
	for _, name := range files(t, fsys, o.Dir) {
		name = path.Join(o.Dir, name)
		size := fileSize(t, fsys, name)
		for length := int64(-1); length < size; length += 1 + size/(150*int64(*sweep)) {
			cuts++
			c := fsys.KillClone()
			if length < 0 {
				must(t, c.Remove(name))
			} else {
				must(t, truncateSegment(c, name, length))
			}
			if _, _, err := outcome(o, c, want); err != nil {
				t.Fatalf("%s cut to %d: %v", name, length, err)
			}
		}
	}
}

// TestDamageBelowTheMarkOfAKilledLog flips bits of a log that was not closed. What is below the durable mark stays
// or is refused; what is above may be a torn tail only if nothing valid stands W behind it.
//
// The clock is virtual: else the keeper makes its first mark whenever it gets to run, and another each second.
func TestDamageBelowTheMarkOfAKilledLog(t *testing.T) { synctest.Test(t, damageBelowTheMark) }

func damageBelowTheMark(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	o.SegmentBytes = 20_000
	o.UnsyncedBytesMax = 1000
	l := mustOpen(t, o)
	want := newModel()
	for index := offset.Index(1); index <= 40; index++ {
		entries := entriesFrom(index, 1, 150)
		must(t, l.Append(entries))
		want = want.append(entries)
		if index == 1 {
			synctest.Wait() // the keeper has made its first mark
		}
		if index == 20 {
			must(t, l.updateSide(false, func(s *sideState) { s.mark = l.flushed.position }))
		}
	}
	if marked := l.keeper.marked.Load(); marked != int64(want.position(21)) {
		t.Fatalf("the durable mark is at %d, want it behind entry 20 at %d", marked, want.position(21))
	}
	killed := m.KillClone()
	must(t, l.Close())
	name := segmentName(o.Dir, 0)
	end := SegmentHeaderSize + int64(want.position(41))
	rng := rand.New(rand.NewPCG(9, 0))
	cut, flips := 0, 0
	for bit := int64(0); bit < end*8; bit += stride(rng, 300) {
		flips++
		c := killed.KillClone()
		must(t, c.FlipBit(name, bit))
		o.FS = c
		l, err := Open(o)
		if errors.Is(err, ErrCorrupt) {
			if bit/8 > end-1000 {
				t.Fatalf("bit %d: a possible torn tail was taken for damage: %v", bit, err)
			}
			continue
		}
		must(t, err)
		next := l.NextIndex()
		must(t, l.Close())
		if next > 20 && next < 41 {
			cut++
		}
		if next <= 20 {
			t.Fatalf("bit %d: cut to %d, below the durable mark", bit, next)
		}
		if want.position(next) < want.position(41)-2000 {
			t.Fatalf("bit %d: cut to %d though valid records stood more than W behind", bit, next)
		}
	}
	if cut == 0 {
		t.Fatal("no torn tail was cut")
	}
	t.Logf("sweep: %d corruptions of a killed log: %d tails cut", flips, cut)
}

// TestDamageIsLeftAsFound: Open of a damaged log changes nothing.
func TestDamageIsLeftAsFound(t *testing.T) {
	fsys, o, _ := damagedLog(t)
	names := files(t, fsys, o.Dir)
	must(t, fsys.FlipBit(path.Join(o.Dir, names[0]), 8*(SegmentHeaderSize+2)))
	must(t, fsys.Remove(segmentName(o.Dir, 0)+indexSuffix))
	changed := 0
	fsys.AddHook(func(op *vfs.Op) error {
		if op.Changes() && op.Kind != vfs.OpMkdirAll {
			changed++
		}
		return nil
	})
	if _, err := Open(o); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
	if changed > 0 {
		t.Fatal(changed, "changes to a damaged log")
	}
}

func TestForeignFilesAreRefused(t *testing.T) {
	fsys, o, _ := damagedLog(t)
	o.FS = fsys
	o.Instance = UUID{77}
	if _, err := Open(o); !errors.Is(err, ErrForeign) {
		t.Fatal("another instance:", err)
	}
	o.Group = UUID{77}
	if _, err := Open(o); !errors.Is(err, ErrForeign) {
		t.Fatal("another group:", err)
	}
}
