package commitlog

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// reported opens a closed log over m and returns where the damage that it reports is collected.
func reported(t *testing.T, o Options) (*Log, *[]DamageError) {
	var all []DamageError
	o.OnDamage = func(d *DamageError) { all = append(all, *d) }
	return mustOpen(t, o), &all
}

// TestRL6_BadRecordIsReported: a read of bytes that rotted is refused and reported with file and position, whether they differ or the
// disk does not give them.
func TestRL6_BadRecordIsReported(t *testing.T) {
	m, o, want := damagedLog(t)
	l, all := reported(t, o)
	target := want.all[want.first-want.start.index]
	pos, err := l.DataPosition(target.Index)
	must(t, err)
	segment := l.segments[0]
	must(t, m.FlipBit(segment.name, segment.fileOffset(pos)*8))
	if _, err := l.Entry(target.Index); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
	if len(*all) != 1 || (*all)[0].Position != pos-RecordHeaderSize || (*all)[0].File != segment.name {
		t.Fatalf("reported: %v", *all)
	}
	must(t, m.FlipBit(segment.name, segment.fileOffset(pos)*8))
	remove := m.AddHook(func(op *vfs.Op) error {
		if op.Kind == vfs.OpRead {
			return syscall.EIO
		}
		return nil
	})
	if _, err := l.Entry(target.Index); !errors.Is(err, ErrCorrupt) || !errors.Is(err, syscall.EIO) || len(*all) != 2 {
		t.Fatal(err, *all)
	}
	remove()
	if _, err := l.Entry(target.Index); err != nil || len(*all) != 2 {
		t.Fatal(err, *all)
	}
}

// TestWrongUnitIsNoDamage: who asks for a sub-record where none begins gets an error, and the log is not blamed.
func TestWrongUnitIsNoDamage(t *testing.T) {
	_, o, _ := damagedLog(t)
	l, all := reported(t, o)
	for pos := l.FirstPosition(); pos < l.FirstPosition()+300; pos++ {
		if _, err := l.ReadSubRecord(pos, 33); err == nil {
			t.Fatalf("a sub-record of 33 bytes at %d", pos)
		}
	}
	if len(*all) != 0 {
		t.Fatalf("reported: %v", *all)
	}
}

// TestRL7_Scrub: every sealed record is read, at the rate that is asked for, and the first bad one ends it.
func TestRL7_Scrub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := small(vfs.NewMem())
		o.SegmentBytes, o.TailCacheBytes = 1<<20, 1
		l, all := reported(t, o)
		index := offset.Index(1)
		for range 50 {
			must(t, l.Append(entriesFrom(index, 1, 100_000)))
			index++
		}
		sealed := int64(l.segments[len(l.segments)-1].first.position)
		for _, rate := range []int64{1 << 20, 4 << 20} {
			var read int64
			began := time.Now()
			must(t, l.Scrub(t.Context(), rate, func(n int64) { read += n }))
			took, least := time.Since(began), time.Duration(float64(sealed-scrubChunk)/float64(rate)*float64(time.Second))
			if read != sealed || took < least || took > least*11/10 {
				t.Errorf("%d of %d bytes in %v at %d bytes a second", read, sealed, took, rate)
			}
		}
		seg := l.segments[2]
		must(t, o.FS.(*vfs.Mem).FlipBit(seg.name, seg.fileOffset(seg.first.position+500)*8))
		if err := l.Scrub(t.Context(), 1<<30, nil); !errors.Is(err, ErrCorrupt) || len(*all) != 1 || (*all)[0].Position != seg.first.position {
			t.Errorf("scrub of a damaged log: %v, reported %v", err, *all)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Scrub(ctx, 1<<16, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("scrub that is stopped: %v", err)
		}
		must(t, l.Close())
		must(t, l.Scrub(t.Context(), 1<<20, nil))
	})
}

// TestStalledCoversReads: the watchdog sees a read that does not return.
func TestStalledCoversReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := small(m)
		o.TailCacheBytes = 1
		l := mustOpen(t, o)
		must(t, l.Append(entriesFrom(1, 1, 100, 100)))
		_, release := m.Hang(func(op vfs.Op) bool { return op.Kind == vfs.OpRead })
		done := make(chan error)
		go func() { _, err := l.Entry(1); done <- err }()
		time.Sleep(3 * time.Second)
		if got := l.Stalled(); got != 3*time.Second {
			t.Errorf("stalled for %v", got)
		}
		release()
		must(t, <-done)
		if l.Stalled() != 0 {
			t.Error("still stalled")
		}
		must(t, l.Close())
	})
}
