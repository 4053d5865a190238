package commitlog

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// TestOneRottenSlot: whatever was done last, a process that is killed then and finds one slot of the side file
// damaged has lost nothing. What must not be forgotten therefore stands in both.
func TestOneRottenSlot(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	l := mustOpen(t, o)
	model := newModel()
	for _, s := range []step{
		stepAppend(1, 1, 900, 900, 900, 900, 900, 900, 900),
		stepRetain(4),
		stepTruncate(5),
		stepAppend(5, 1, 10),
		stepAppend(6, 1, 900, 900, 900),
		stepReset(100, 12_345),
		stepAppend(100, 1, 40),
	} {
		_, err := s.do(o, l)
		must(t, err)
		model = s.model(model)
		for slot := range int64(2) {
			c := m.KillClone()
			must(t, c.FlipBit(path.Join(o.Dir, sideName), 8*(slot*sideSlotStride+50)))
			if _, err := (transition{model, model, false}).reopened(o, c); err != nil {
				t.Errorf("slot %d damaged after %s: %v", slot, s.name, err)
			}
		}
	}
}

func TestTwoRottenSlotsAreDamage(t *testing.T) {
	fsys, o, _ := damagedLog(t)
	for slot := range int64(2) {
		must(t, fsys.FlipBit(path.Join(o.Dir, sideName), 8*(slot*sideSlotStride+50)))
	}
	if _, err := Open(o); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
}

// TestCleanEndsWithTheNextOpen: a log that was closed and opened again is not clean any more, so that damage to
// what was appended since is not taken for its end.
func TestCleanEndsWithTheNextOpen(t *testing.T) {
	fsys, o, want := damagedLog(t)
	o.SegmentBytes = 1 << 20
	l := mustOpen(t, o)
	at, next := l.NextPosition(), want.next()
	must(t, l.Append(entriesFrom(next, 3, 1500, 1500, 1500, 1500, 1500)))
	name := segmentName(o.Dir, l.w.active.first.position)
	bit := 8 * l.w.active.fileOffset(at+10)
	c := fsys.KillClone()
	must(t, c.FlipBit(name, bit))
	o.FS = c
	if _, err := Open(o); !errors.Is(err, ErrCorrupt) {
		t.Fatal("damage behind the last clean end:", err)
	}
}

func TestResetKeepsTheOldSegmentsUntilTheFirstAppend(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	aside := func() (n int) {
		for _, name := range files(t, m, o.Dir) {
			if strings.HasPrefix(name, resetPrefix) {
				n += len(files(t, m, path.Join(o.Dir, name)))
			}
		}
		return n
	}
	l := mustOpen(t, o)
	must(t, l.Append(entriesFrom(1, 1, 900, 900, 900, 900)))
	must(t, l.Reset(50, 7000))
	must(t, l.Close())
	l = mustOpen(t, o)
	if l.FirstIndex() != 0 || l.NextIndex() != 50 || l.NextPosition() != 7000 || aside() != 2 {
		t.Fatal("after a reset:", l.FirstIndex(), l.NextIndex(), l.NextPosition(), aside())
	}
	must(t, l.Append(entriesFrom(50, 1, 10)))
	if !l.removeSetAside() || aside() != 0 {
		t.Fatal("the old segments are still there")
	}
	must(t, l.Reset(80, 9000))
	must(t, l.Append(entriesFrom(80, 1, 10)))
	must(t, l.Close())
	if mustOpen(t, o); aside() != 0 {
		t.Fatal("Open left the old segments")
	}
}

func TestTruncationRemovesIndexFilesThatBecomeFalse(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	l := mustOpen(t, o)
	must(t, l.Append(entriesFrom(1, 1, 900, 900, 900, 900, 900, 900, 900)))
	l.writeIndexes()
	must(t, l.TruncateSuffix(5))
	var indexes []offset.Physical
	for _, name := range files(t, m, o.Dir) {
		if first, ok := parseIndexName(name); ok {
			indexes = append(indexes, first)
		}
	}
	if len(indexes) != 1 || indexes[0] != 0 {
		t.Fatal("index files:", indexes)
	}
}
