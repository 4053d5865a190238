package commitlog

import (
	"errors"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// machine drives a Log and a model by the same random operations.
type machine struct {
	fs  *vfs.Mem
	o   Options
	log *Log
	m   model
	// durable is the index up to which nothing may ever be lost.
	durable offset.Index
}

func (x *machine) open(t *rapid.T) {
	x.o.FS = x.fs
	l, err := Open(x.o)
	if err != nil {
		t.Fatal(err)
	}
	x.log = l
}

func (x *machine) check(t *rapid.T) {
	if err := x.m.differs(x.log); err != nil {
		t.Fatal(err)
	}
}

// returned takes what a crash has left of acknowledged but unsynced entries into the model.
func (x *machine) returned(t *rapid.T) {
	next := x.log.NextIndex()
	if next > x.m.next() || next-1 < x.durable && x.m.next()-1 >= x.durable {
		t.Fatalf("log continues at %d, model at %d, durable to %d", next, x.m.next(), x.durable)
	}
	if x.o.Flush == FlushSync && next != x.m.next() {
		t.Fatalf("lost from %d to %d", next, x.m.next())
	}
	x.m = x.m.truncate(next)
	x.durable = next - 1
}

func (x *machine) replace(t *rapid.T, clone func() *vfs.Mem) {
	x.durable = max(x.durable, x.log.FlushedIndex())
	fs := clone()
	x.log.Close() // the dead goroutines of the old process, on the old file system
	x.fs = fs
	x.open(t)
	x.returned(t)
}

func TestLogProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := &machine{fs: vfs.NewMem(), m: newModel()}
		x.o = small(nil)
		x.o.SegmentBytes = rapid.SampledFrom([]int64{1, 500, 3000, 100_000}).Draw(t, "segment")
		x.o.UnsyncedBytesMax = rapid.SampledFrom([]int64{1, 2000, 50_000}).Draw(t, "window")
		x.o.TailCacheBytes = rapid.SampledFrom([]int64{1, 1500, 1 << 20}).Draw(t, "cache")
		x.o.Flush = rapid.SampledFrom([]Flush{FlushSync, FlushAsync}).Draw(t, "flush")
		x.open(t)
		defer func() { x.log.Close() }()
		size := rapid.OneOf(rapid.IntRange(0, 200), rapid.SampledFrom([]int{900, 5000, 40_000}))
		index := func(t *rapid.T) offset.Index {
			return offset.Index(rapid.Uint64Range(uint64(x.m.first)-1, uint64(x.m.next())+1).Draw(t, "index"))
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				term := x.m.lastTerm() + offset.Term(rapid.IntRange(0, 1).Draw(t, "term"))
				entries := entriesFrom(x.m.next(), term, rapid.SliceOfN(size, 1, 6).Draw(t, "sizes")...)
				if err := x.log.Append(entries); err != nil {
					t.Fatal(err)
				}
				x.m = x.m.append(entries)
				if x.o.Flush == FlushSync {
					x.durable = x.m.next() - 1
				}
			},
			"truncate": func(t *rapid.T) {
				from := index(t)
				err := x.log.TruncateSuffix(from)
				if from < x.m.first {
					if !errors.Is(err, ErrProtected) {
						t.Fatal("truncation below the first entry:", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				x.m = x.m.truncate(from)
				x.durable = min(x.durable, x.m.next()-1)
			},
			"retain": func(t *rapid.T) {
				from := index(t)
				err := x.log.Retain(from)
				if from >= x.m.next() {
					if !errors.Is(err, ErrNotFound) {
						t.Fatal("retention beyond the end:", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				x.m = x.m.retain(from)
			},
			"reset": func(t *rapid.T) {
				if rapid.IntRange(0, 4).Draw(t, "seldom") != 0 {
					t.Skip()
				}
				at := offset.Index(rapid.IntRange(1, 1000).Draw(t, "at"))
				pos := offset.Physical(rapid.IntRange(0, 1_000_000).Draw(t, "pos"))
				if err := x.log.Reset(at, pos); err != nil {
					t.Fatal(err)
				}
				x.m = x.m.reset(at, pos)
				x.durable = at - 1
			},
			"sync": func(t *rapid.T) {
				if err := x.log.Sync(); err != nil {
					t.Fatal(err)
				}
				if x.durable = x.m.next() - 1; len(x.m.all) > 0 && x.log.FlushedIndex() != x.durable && x.m.first < x.m.next() {
					t.Fatal("flushed", x.log.FlushedIndex(), "after Sync of", x.durable)
				}
			},
			"reopen": func(t *rapid.T) {
				if err := x.log.Close(); err != nil {
					t.Fatal(err)
				}
				x.o.SegmentBytes = rapid.SampledFrom([]int64{1, 500, 3000, 100_000}).Draw(t, "segment")
				x.durable = x.m.next() - 1
				x.open(t)
			},
			"kill": func(t *rapid.T) {
				x.durable = x.m.next() - 1
				x.replace(t, x.fs.KillClone)
			},
			"cut": func(t *rapid.T) {
				seed := rapid.Uint64().Draw(t, "seed")
				x.replace(t, func() *vfs.Mem { return x.fs.CrashClone(rand.New(rand.NewPCG(seed, 0))) })
			},
			"": x.check,
		})
	})
}
