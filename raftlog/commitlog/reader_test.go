package commitlog

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// place of a sub-record, and what it must be.
type placed struct {
	pos  offset.Physical
	want SubRecord
}

// placedIn returns every sub-record of entries in l, in order.
func placedIn(t testing.TB, l *Log, entries []Entry) (all []placed) {
	t.Helper()
	for _, e := range entries {
		data, err := l.DataPosition(e.Index)
		must(t, err)
		b, err := DecodeBatch(e.Data)
		if err != nil {
			continue
		}
		for {
			sub, at, ok, err := b.Next()
			must(t, err)
			if !ok {
				break
			}
			all = append(all, placed{data + offset.Physical(at), sub})
		}
	}
	return all
}

// A Reader returns what single reads return, whatever lies between and whatever is asked of it before, with at most as many reads.
func TestReaderAgreesWithSingleReads(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	o.TailCacheBytes = 500
	l := mustOpen(t, o)
	all := entriesFrom(1, 1, 100, 1000, 300, 1000, 600, 60, 100, 90_000, 30, 30, 30, 500)
	must(t, l.Append(all))
	subs := placedIn(t, l, all)
	rapid.Check(t, func(rt *rapid.T) {
		r := l.Reader()
		defer r.Close()
		for _, i := range rapid.SliceOf(rapid.IntRange(0, len(subs)-1)).Draw(rt, "order") {
			s := subs[i]
			until := s.pos + offset.Physical(rapid.IntRange(-100, 100_000).Draw(rt, "ahead"))
			got, err := r.SubRecord(s.pos, s.want.Size, until)
			if err != nil || !bytes.Equal(got.Payload, s.want.Payload) || got.Version != s.want.Version {
				rt.Fatalf("sub-record at %d: %d bytes, %v", s.pos, len(got.Payload), err)
			}
			if _, err := r.SubRecord(s.pos, s.want.Size+1, until); !errors.Is(err, ErrCorrupt) {
				rt.Fatal("wrong size:", err)
			}
			if _, err := r.SubRecord(l.NextPosition(), 30, until); err != ErrNotFound {
				rt.Fatal("beyond the end:", err)
			}
		}
	})
}

func TestReaderReadsNeighboursAtOnce(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	o.SegmentBytes, o.TailCacheBytes = 1<<20, 1
	l := mustOpen(t, o)
	all := entriesFrom(1, 1, 100, 1000, 300, 1000, 600, 60, 100)
	must(t, l.Append(all))
	reads := 0
	defer m.AddHook(func(op *vfs.Op) error {
		if op.Kind == vfs.OpRead {
			reads++
		}
		return nil
	})()
	r := l.Reader()
	defer r.Close()
	for _, s := range placedIn(t, l, all) {
		if _, err := r.SubRecord(s.pos, s.want.Size, l.NextPosition()); err != nil {
			t.Fatal(err)
		}
	}
	if reads != 1 {
		t.Errorf("%d reads", reads)
	}
}

// Damage that a Reader meets is reported as a single read reports it, and what lies beside it is served.
func TestReaderMeetsDamage(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	o.SegmentBytes, o.TailCacheBytes = 1<<20, 1
	l, reports := reported(t, o)
	all := entriesFrom(1, 1, 100, 1000, 300, 1000, 600, 60, 100)
	must(t, l.Append(all))
	subs := placedIn(t, l, all)
	bad := len(subs) / 2
	segment := l.segments[0]
	must(t, m.FlipBit(segment.name, segment.fileOffset(subs[bad].pos+SubRecordHeaderSize)*8))
	r := l.Reader()
	defer r.Close()
	for i, s := range subs {
		got, err := r.SubRecord(s.pos, s.want.Size, l.NextPosition())
		if i == bad {
			var damage *DamageError
			if !errors.As(err, &damage) || damage.File != segment.name || damage.Position != s.pos {
				t.Errorf("the damaged one: %v", err)
			}
		} else if err != nil || !bytes.Equal(got.Payload, s.want.Payload) {
			t.Errorf("sub-record %d: %v", i, err)
		}
	}
	if len(*reports) != 1 {
		t.Errorf("reported: %v", *reports)
	}
}
