package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

var (
	testGroup    = UUID{1, 2, 3}
	testInstance = UUID{9}
)

// small are options under which a few records fill several segments.
func small(fsys vfs.FS) Options {
	return Options{FS: fsys, Dir: "/log", Group: testGroup, Instance: testInstance,
		SegmentBytes: 2000, UnsyncedBytesMax: 4000, TailCacheBytes: 1500}
}

func mustOpen(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// batchOf returns a batch with one sub-record for each payload.
func batchOf(payloads ...string) []byte {
	b := AppendBatchHeader(nil, uint32(len(payloads)), 7, 1_700_000_000_000)
	for i, p := range payloads {
		b = AppendSubRecord(b, 1, uint8(i), 0, []byte(p))
	}
	return b
}

// entryAt makes the entry of an index; its content follows from index, term and size.
func entryAt(index offset.Index, term offset.Term, size int) Entry {
	text := fmt.Sprintf("entry %d of term %d ", index, term)
	payload := string(bytes.Repeat([]byte(text), size/len(text)+1)[:size])
	e := Entry{Index: index, Term: term, AppendedAt: time.Unix(1_700_000_000, int64(index))}
	switch index % 3 {
	case 0:
		e.Type, e.Data = 1, []byte(payload)
	case 1:
		e.Data = batchOf(payload)
	case 2:
		e.Data = batchOf(payload[:size/2], payload[size/2:], "")
	}
	return e
}

func entriesFrom(index offset.Index, term offset.Term, sizes ...int) []Entry {
	var out []Entry
	for _, size := range sizes {
		out = append(out, entryAt(index, term, size))
		index++
	}
	return out
}

func sameEntry(a, b Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Type == b.Type && a.AppendedAt.Equal(b.AppendedAt) && bytes.Equal(a.Data, b.Data)
}

func checkEntries(t testing.TB, l *Log, want []Entry) {
	t.Helper()
	for _, w := range want {
		got, err := l.Entry(w.Index)
		if err != nil {
			t.Fatalf("entry %d: %v", w.Index, err)
		}
		if !sameEntry(got, w) {
			t.Fatalf("entry %d is %+v, want %+v", w.Index, got, w)
		}
		h, err := l.Header(w.Index)
		if err != nil || h.Data != nil || h.Term != w.Term {
			t.Fatalf("header %d: %+v, %v", w.Index, h, err)
		}
	}
}

// fileSystems are what the log must work on: memory, and what the operating system has.
func fileSystems(t *testing.T) map[string]Options {
	onDisk := small(vfs.OS())
	onDisk.Dir = filepath.Join(t.TempDir(), "log")
	return map[string]Options{"mem": small(vfs.NewMem()), "os": onDisk}
}

func TestAppendReadReopen(t *testing.T) {
	for _, flush := range []Flush{FlushSync, FlushAsync} {
		for name, o := range fileSystems(t) {
			o.Flush = flush
			t.Run(fmt.Sprintf("%s-%d", name, flush), func(t *testing.T) { appendReadReopen(t, o) })
		}
	}
}

func appendReadReopen(t *testing.T, o Options) {
	l := mustOpen(t, o)
	if l.FirstIndex() != 0 || l.LastIndex() != 0 || l.NextPosition() != 0 || l.FlushedIndex() != 0 {
		t.Fatal("a new log is not empty")
	}
	all := entriesFrom(1, 1, 10, 500, 0, 900, 900, 5000, 40, 40, 40, 40_000, 7)
	must(t, l.Append(all[:3]))
	must(t, l.Append(all[3:]))
	checkEntries(t, l, all)
	must(t, l.Sync())
	if l.FirstIndex() != 1 || l.LastIndex() != 11 || l.FlushedIndex() != 11 {
		t.Fatal("indexes:", l.FirstIndex(), l.LastIndex(), l.FlushedIndex())
	}
	next := l.NextPosition()
	must(t, l.Close())
	l = mustOpen(t, o)
	checkEntries(t, l, all)
	if l.NextPosition() != next || l.LastIndex() != 11 {
		t.Fatal("after reopening:", l.NextPosition(), l.LastIndex())
	}
	more := entriesFrom(12, 2, 100)
	must(t, l.Append(more))
	checkEntries(t, l, more)
	for _, index := range []offset.Index{0, 13} {
		if _, err := l.Entry(index); err != ErrNotFound {
			t.Fatalf("entry %d: %v", index, err)
		}
	}
}

// TestScenarioOnEveryFileSystem plays truncations, retention and a reset and verifies the result.
func TestScenarioOnEveryFileSystem(t *testing.T) {
	for name, o := range fileSystems(t) {
		t.Run(name, func(t *testing.T) {
			end, err := play(o.FS, o, func(transition) {})
			must(t, err)
			l := mustOpen(t, o)
			must(t, end.after.differs(l))
			must(t, l.Close())
			entries := 0
			report, err := Verify(o.FS, o.Dir, func(data offset.Physical, e Entry) error {
				entries++
				if data != end.after.position(e.Index)+RecordHeaderSize {
					return fmt.Errorf("entry %d at %d", e.Index, data)
				}
				return nil
			})
			must(t, err)
			if entries != 2 || report.Records != 2 || report.FirstIndex != 500 || report.LastIndex != 501 || !report.Closed ||
				report.Group != testGroup || report.Instance != testInstance || report.DurableMark != report.NextPosition {
				t.Fatalf("%d entries, %+v", entries, report)
			}
		})
	}
}

func TestReadSubRecord(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	all := entriesFrom(1, 1, 100, 1000, 300, 1000, 600, 60, 100)
	check := func(l *Log) {
		t.Helper()
		for _, e := range all {
			data, err := l.DataPosition(e.Index)
			must(t, err)
			b, err := DecodeBatch(e.Data)
			if err != nil {
				if _, err := l.ReadSubRecord(data, 0); err != ErrNotFound {
					t.Fatal("a sub-record of an opaque entry:", err)
				}
				continue
			}
			for {
				want, at, ok, err := b.Next()
				must(t, err)
				if !ok {
					break
				}
				pos := data + offset.Physical(at)
				for _, size := range []uint32{0, want.Size} {
					got, err := l.ReadSubRecord(pos, size)
					if err != nil || !bytes.Equal(got.Payload, want.Payload) || got.Kind != want.Kind || got.Version != want.Version {
						t.Fatalf("sub-record at %d: %+v, %v", pos, got, err)
					}
				}
				if _, err := l.ReadSubRecord(pos+1, 0); err != ErrNotFound {
					t.Fatal("within a sub-record:", err)
				}
				if _, err := l.ReadSubRecord(pos, want.Size+1); !errors.Is(err, ErrCorrupt) {
					t.Fatal("wrong size:", err)
				}
			}
		}
		if _, err := l.ReadSubRecord(l.NextPosition(), 0); err != ErrNotFound {
			t.Fatal("beyond the end:", err)
		}
	}
	l := mustOpen(t, o)
	must(t, l.Append(all))
	check(l)
	must(t, l.Close())
	check(mustOpen(t, o))
}
