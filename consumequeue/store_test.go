package consumequeue

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

func unitPosition(i int) offset.Physical { return offset.Physical(1000 + 100*i) }
func queueOffset(i int) offset.Queue     { return offset.Queue(i) }
func unitNo(i int) Unit                  { return Unit{Position: unitPosition(i), Size: 90, TagsCode: int64(i)} }
func optionsOn(fs vfs.FS) Options {
	return Options{FS: fs, Dir: "data/cq", UnitsPerFile: 200, OpenFilesMax: 2}
}
func spillingOptionsOn(fs vfs.FS) Options { o := optionsOn(fs); o.TailBytesMax = 1; return o }

func mustOpen(t testing.TB, o Options, tails ...Tail) *Store {
	t.Helper()
	s, err := Open(o, tails)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustAppend(t testing.TB, s *Store, k Key, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := s.Append(k, unitNo(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// mustCheckpoint does what a caller does and returns the tails it would have committed.
func mustCheckpoint(t testing.TB, s *Store) []Tail {
	t.Helper()
	tails := s.Freeze()
	if err := s.Flush(tails); err != nil {
		t.Fatal(err)
	}
	if err := s.Committed(tails); err != nil {
		t.Fatal(err)
	}
	return tails
}

func TestUnitsAreReadableAtOnceFromMemoryAndFiles(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, spillingOptionsOn(fs))
	k := Key{1, 0}
	const n = 1017
	for i := range n {
		at, err := s.Append(k, unitNo(i))
		if err != nil || at != queueOffset(i) {
			t.Fatalf("append %d gave %d, %v", i, at, err)
		}
		got, err := s.Read(nil, k, at, 10)
		if err != nil || len(got) != 1 || got[0] != unitNo(i) {
			t.Fatalf("read %d gave %v, %v", i, got, err)
		}
		if i%170 == 0 {
			mustCheckpoint(t, s)
		}
	}
	for from := 0; from <= n; from += 7 {
		got, err := s.Read(nil, k, queueOffset(from), 333)
		if err != nil || len(got) != min(333, n-from) {
			t.Fatalf("read from %d gave %d units, %v", from, len(got), err)
		}
		for i, u := range got {
			if u != unitNo(from+i) {
				t.Fatalf("unit %d is %+v", from+i, u)
			}
		}
	}
	names, err := fs.List("data/cq/1/0")
	if err != nil || len(names) != 5 || names[1] != "00000000000000000200" {
		t.Errorf("files %v, %v", names, err)
	}
}

func TestReadOutsideTheRange(t *testing.T) {
	s := mustOpen(t, optionsOn(vfs.NewMem()))
	k := Key{1, 0}
	if got, err := s.Read(nil, k, 0, 5); err != nil || len(got) != 0 {
		t.Errorf("unknown queue at 0: %v, %v", got, err)
	}
	if _, err := s.Read(nil, k, 1, 5); !errors.Is(err, ErrOutOfRange) {
		t.Errorf("unknown queue at 1: %v", err)
	}
	mustAppend(t, s, k, 0, 10)
	if got, err := s.Read(nil, k, 10, 5); err != nil || len(got) != 0 {
		t.Errorf("at Max: %v, %v", got, err)
	}
	for _, from := range []offset.Queue{-1, 11} {
		if _, err := s.Read(nil, k, from, 5); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("at %d: %v", from, err)
		}
	}
}

func TestAppendRefusesAPositionThatDoesNotGrow(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, spillingOptionsOn(fs))
	k := Key{1, 0}
	mustAppend(t, s, k, 0, 50)
	if _, err := s.Append(k, unitNo(49)); !errors.Is(err, ErrOrder) {
		t.Errorf("the newest again: %v", err)
	}
	tails := mustCheckpoint(t, s)
	s.Close()
	s = mustOpen(t, spillingOptionsOn(fs), tails...)
	if _, err := s.Append(k, unitNo(49)); !errors.Is(err, ErrOrder) {
		t.Errorf("the newest again after a restart: %v", err)
	}
	mustAppend(t, s, k, 50, 51)
}

func TestSearch(t *testing.T) {
	s := mustOpen(t, spillingOptionsOn(vfs.NewMem()))
	k := Key{1, 0}
	mustAppend(t, s, k, 0, 230)
	mustCheckpoint(t, s)
	s.Trim(unitPosition(10))
	for _, c := range []struct{ position, want offset.Physical }{{0, 10}, {unitPosition(10) + 1, 11}, {unitPosition(222), 222}, {unitPosition(230), 230}} {
		at, err := s.Search(k, func(u Unit) (bool, error) { return u.Position >= c.position, nil })
		if err != nil || at != offset.Queue(c.want) {
			t.Errorf("search for %d gave %d, %v; want %d", c.position, at, err, c.want)
		}
	}
	broken := errors.New("broken")
	if _, err := s.Search(k, func(Unit) (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Errorf("error of the predicate: %v", err)
	}
}

func TestTrimMovesMinAndRemovesFilesAfterTheCommit(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, spillingOptionsOn(fs))
	k, other := Key{1, 0}, Key{1, 1}
	mustAppend(t, s, k, 0, 500)
	mustAppend(t, s, other, 500, 510)
	mustCheckpoint(t, s)
	s.Trim(unitPosition(420))
	if got := s.Range(k); got != (offset.Range{Min: 420, Max: 500}) {
		t.Errorf("range %v", got)
	}
	if got := s.Range(other); got != (offset.Range{Min: 0, Max: 10}) {
		t.Errorf("range of a younger queue %v", got)
	}
	if _, err := s.Read(nil, k, 419, 1); !errors.Is(err, ErrOutOfRange) {
		t.Errorf("read below: %v", err)
	}
	if names, _ := fs.List("data/cq/1/0"); len(names) != 3 {
		t.Errorf("files before the commit: %v", names)
	}
	mustCheckpoint(t, s)
	if names, _ := fs.List("data/cq/1/0"); !slices.Equal(names, []string{"00000000000000000400"}) {
		t.Errorf("files after the commit: %v", names)
	}
	s.Trim(unitPosition(510))
	if got := s.Range(k); got != (offset.Range{Min: 500, Max: 500}) {
		t.Errorf("range of a queue without units %v", got)
	}
	mustAppend(t, s, k, 600, 601)
	if got, err := s.Read(nil, k, 500, 1); err != nil || len(got) != 1 || got[0] != unitNo(600) {
		t.Errorf("first unit after all were trimmed: %v, %v", got, err)
	}
	if names, _ := fs.List("data/cq/1/0"); len(names) != 1 {
		t.Errorf("files %v", names)
	}
	mustCheckpoint(t, s)
	if names, _ := fs.List("data/cq/1/0"); len(names) != 0 {
		t.Errorf("files that nobody needs: %v", names)
	}
}

func TestManyQuietQueuesNeedNoFiles(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, optionsOn(fs))
	for i := range 2000 {
		mustAppend(t, s, Key{uint32(i), 0}, i, i+1)
	}
	tails := mustCheckpoint(t, s)
	if len(tails) != 2000 || len(tails[0].Units) != UnitSize {
		t.Fatalf("%d tails", len(tails))
	}
	if names, _ := fs.List("data/cq"); len(names) != 0 {
		t.Errorf("%d directories for queues of one unit", len(names))
	}
	if again := s.Freeze(); len(again) != 0 {
		t.Errorf("%d tails of queues at rest", len(again))
	}
}

func TestOpenFilesAreBounded(t *testing.T) {
	s := mustOpen(t, spillingOptionsOn(vfs.NewMem()))
	for i := range 20 {
		mustAppend(t, s, Key{uint32(i), 0}, 0, 60)
	}
	mustCheckpoint(t, s)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 100 {
				if _, err := s.Read(nil, Key{uint32(i % 20), 0}, 0, 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := s.files.recent.Len(); n > 2 || n != len(s.files.open) {
		t.Errorf("%d files open, %d known", n, len(s.files.open))
	}
}

func TestAppendWaitsForTheFlusher(t *testing.T) {
	fs := vfs.NewMem()
	o := optionsOn(fs)
	o.DirtyBytesMax = 4 * sealAt
	s := mustOpen(t, o)
	hung, release := fs.Hang(func(op vfs.Op) bool { return op.Kind == vfs.OpWrite })
	appended := make(chan error)
	go func() {
		var err error
		for i := 0; i < 1000 && err == nil; i++ {
			_, err = s.Append(Key{1, 0}, unitNo(i))
		}
		appended <- err
	}()
	<-hung
	// Once four blocks wait, append 250 has to stand still; until then this loop gives way.
	for {
		s.flusher.mu.Lock()
		full := s.flusher.waiting > o.DirtyBytesMax
		s.flusher.mu.Unlock()
		if full {
			break
		}
		select {
		case err := <-appended:
			t.Fatalf("all appended while the disk hung: %v", err)
		default:
		}
	}
	if got := s.Next(Key{1, 0}); got != 250 {
		t.Errorf("%d units appended while the disk hung", got)
	}
	release()
	if err := <-appended; err != nil {
		t.Fatal(err)
	}
}

func TestDropAndReset(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, spillingOptionsOn(fs))
	k, kept := Key{1, 0}, Key{2, 0}
	mustAppend(t, s, k, 0, 120)
	mustAppend(t, s, kept, 120, 240)
	mustCheckpoint(t, s)
	s.Drop(k)
	if got := s.Range(k); got != (offset.Range{}) {
		t.Errorf("range of a dropped queue %v", got)
	}
	if _, err := s.Append(k, unitNo(300)); !errors.Is(err, ErrDropped) {
		t.Errorf("append before the drop is committed: %v", err)
	}
	tails := mustCheckpoint(t, s)
	if len(tails) != 1 || !tails[0].Gone || tails[0].Key != k {
		t.Errorf("tails after the drop: %+v", tails)
	}
	if names, _ := fs.List("data/cq/1"); len(names) != 0 {
		t.Errorf("files of the dropped queue: %v", names)
	}
	mustAppend(t, s, k, 300, 301)
	if got := s.Range(k); got != (offset.Range{Min: 0, Max: 1}) {
		t.Errorf("range of the queue made again %v", got)
	}

	if err := s.Reset([]Tail{{Key: kept, Next: 77}}); err != nil {
		t.Fatal(err)
	}
	if got := s.Range(kept); got != (offset.Range{Min: 77, Max: 77}) {
		t.Errorf("range after the reset %v", got)
	}
	if got := s.Range(k); got != (offset.Range{}) {
		t.Errorf("range of a queue that the image does not have %v", got)
	}
	mustAppend(t, s, kept, 0, 130)
	tails = mustCheckpoint(t, s)
	s.Close()
	s = mustOpen(t, spillingOptionsOn(fs), tails...)
	if got := s.Range(kept); got != (offset.Range{Min: 77, Max: 207}) {
		t.Errorf("range after the reset and a restart %v", got)
	}
	if got, err := s.Read(nil, kept, 130, 1); err != nil || got[0] != unitNo(130-77) {
		t.Errorf("read gave %v, %v", got, err)
	}
}

func TestDamageIsFound(t *testing.T) {
	k := Key{1, 0}
	filled := func(t *testing.T) (*vfs.Mem, []Tail) {
		fs := vfs.NewMem()
		s := mustOpen(t, spillingOptionsOn(fs))
		mustAppend(t, s, k, 0, 420)
		tails := mustCheckpoint(t, s)
		s.Close()
		return fs, tails
	}
	const first, last = "data/cq/1/0/00000000000000000000", "data/cq/1/0/00000000000000000400"
	const middle = "data/cq/1/0/00000000000000000200"
	for name, harm := range map[string]func(fs *vfs.Mem) error{
		"first file missing":  func(fs *vfs.Mem) error { return fs.Remove(first) },
		"middle file missing": func(fs *vfs.Mem) error { return fs.Remove(middle) },
		"queue missing":       func(fs *vfs.Mem) error { return fs.RemoveAll("data/cq/1") },
		"file too short": func(fs *vfs.Mem) error {
			f, err := fs.OpenReadWrite(middle)
			if err != nil {
				return err
			}
			return f.Truncate(blockSize)
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs, tails := filled(t)
			if err := harm(fs); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(spillingOptionsOn(fs), tails); !errors.Is(err, ErrDamaged) {
				t.Errorf("opened: %v", err)
			}
		})
	}
	t.Run("bit flipped", func(t *testing.T) {
		fs, tails := filled(t)
		if err := fs.FlipBit(middle, (blockSize+7)*8); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, spillingOptionsOn(fs), tails...)
		if got, err := s.Read(nil, k, 0, 250); err != nil || len(got) != 250 {
			t.Errorf("before the damage: %d, %v", len(got), err)
		}
		got, err := s.Read(nil, k, 200, 100)
		if !errors.Is(err, ErrDamaged) || len(got) != 50 {
			t.Errorf("over the damage: %d, %v", len(got), err)
		}
		if got, err := s.Read(nil, k, 300, 100); err != nil || len(got) != 100 {
			t.Errorf("after the damage: %d, %v", len(got), err)
		}
	})
	t.Run("tails that cannot be", func(t *testing.T) {
		for _, bad := range []Tail{{Key: k, First: 5, Next: 4}, {Key: k, First: -1, Next: 4}, {Key: k, Next: 4, Units: make([]byte, 21)}, {Key: k, Next: 1, Units: make([]byte, 40)}} {
			if _, err := Open(spillingOptionsOn(vfs.NewMem()), []Tail{bad}); !errors.Is(err, ErrDamaged) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
	})
}

func TestStraysAreRemovedAtOpen(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, spillingOptionsOn(fs))
	mustAppend(t, s, Key{1, 0}, 0, 420)
	mustAppend(t, s, Key{2, 0}, 420, 540)
	tails := mustCheckpoint(t, s)
	s.Close()
	s = mustOpen(t, spillingOptionsOn(fs), Tail{Key: Key{1, 0}, Next: 100})
	if got := s.Range(Key{2, 0}); got != (offset.Range{}) {
		t.Errorf("range of a queue without a tail %v", got)
	}
	names, _ := fs.List("data/cq")
	files, _ := fs.List("data/cq/1/0")
	info, err := fs.Stat("data/cq/1/0/00000000000000000000")
	if !slices.Equal(names, []string{"1"}) || len(files) != 1 || err != nil || info.Size() != 2*blockSize {
		t.Errorf("left: %v, %v, %v of %d tails", names, files, info, len(tails))
	}
	mustAppend(t, s, Key{1, 0}, 700, 701)
}

// Each file operation fails once; what was committed before is there after a reopening, and the store takes nothing more.
func TestFaultSweep(t *testing.T) {
	k := Key{1, 0}
	broken := errors.New("broken")
	for n := int64(1); ; n++ {
		fs := vfs.NewMem()
		fired, remove := fs.FailNth(n, vfs.Op.Changes, broken)
		var committed []Tail
		o := spillingOptionsOn(fs)
		s, err := Open(o, nil)
		for round := 0; err == nil && round < 4; round++ {
			for i := round * 130; err == nil && i < (round+1)*130; i++ {
				_, err = s.Append(k, unitNo(i))
			}
			if err == nil && round == 2 {
				s.Trim(unitPosition(230))
			}
			tails := s.Freeze()
			if err == nil {
				err = s.Flush(tails)
			}
			if err == nil {
				committed = tails
				err = s.Committed(tails)
			}
		}
		if err != nil && s != nil {
			if !errors.Is(err, ErrFailed) || !errors.Is(err, broken) {
				t.Fatalf("operation %d: %v", n, err)
			}
			if err := s.Flush(nil); err == nil {
				mustAppendFail(t, s, k)
			}
		}
		if s != nil {
			s.Close()
		}
		remove()
		if !fired() {
			return
		}
		again := mustOpen(t, o, committed...)
		for _, tail := range committed {
			got, err := again.Read(nil, k, tail.First, 1000)
			if err != nil || len(got) != int(tail.Next-tail.First) {
				t.Fatalf("operation %d: %d units of %+v, %v", n, len(got), tail, err)
			}
		}
	}
}

// mustAppendFail appends a block, at the end of which the latch must show.
func mustAppendFail(t *testing.T, s *Store, k Key) {
	t.Helper()
	for i := range 2 * blockUnits {
		if _, err := s.Append(k, unitNo(10_000+i)); err != nil {
			return
		}
	}
	t.Fatal("appends go on after a failed write")
}

func TestReadersBesideEverything(t *testing.T) {
	fs := vfs.NewMem()
	o := spillingOptionsOn(fs)
	o.DirtyBytesMax = 8 * sealAt
	s := mustOpen(t, o)
	const queues, n = 5, 3000
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for r := range 3 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				k := Key{uint32((i + r) % queues), 0}
				rng := s.Range(k)
				got, err := s.Read(nil, k, rng.Min+(rng.Max-rng.Min)/2, 70)
				if err != nil && !errors.Is(err, ErrOutOfRange) {
					t.Error(err)
					return
				}
				for j := 1; j < len(got); j++ {
					if got[j].TagsCode != got[j-1].TagsCode+1 {
						t.Errorf("queue %d: %d follows %d", k.Topic, got[j].TagsCode, got[j-1].TagsCode)
						return
					}
				}
			}
		})
	}
	checkpoints := make(chan []Tail)
	var flusher sync.WaitGroup
	flusher.Go(func() {
		for tails := range checkpoints {
			if err := errors.Join(s.Flush(tails), s.Committed(tails)); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range n {
		for q := range queues {
			if _, err := s.Append(Key{uint32(q), 0}, unitNo(i)); err != nil {
				t.Fatal(err)
			}
		}
		if i%400 == 399 {
			checkpoints <- s.Freeze()
		}
		if i%1000 == 999 {
			s.Trim(unitPosition(i - 500))
		}
	}
	close(checkpoints)
	flusher.Wait()
	close(stop)
	readers.Wait()
	for q := range queues {
		if got := s.Range(Key{uint32(q), 0}); got != (offset.Range{Min: n - 501, Max: n}) {
			t.Errorf("queue %d: %v", q, got)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, queues := range []int{1, 8, 1000, 10_000} {
		b.Run(fmt.Sprintf("queues=%d", queues), func(b *testing.B) {
			s := mustOpen(b, Options{FS: discard{vfs.NewMem()}, Dir: "cq"}) // what a disk takes would be back-pressure, not Append
			for i := 0; b.Loop(); i++ {
				k := Key{uint32(i % queues), 0}
				if _, err := s.Append(k, Unit{Position: offset.Physical(i), Size: 1100, TagsCode: 5}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	s := mustOpen(b, Options{FS: vfs.OS(), Dir: b.TempDir() + "/cq", TailBytesMax: 1})
	k := Key{1, 0}
	mustAppend(b, s, k, 0, 100_030)
	mustCheckpoint(b, s)
	for name, from := range map[string]offset.Queue{"file": 50_000, "memory": 100_000} {
		b.Run(name, func(b *testing.B) {
			units := make([]Unit, 0, 32)
			for b.Loop() {
				got, err := s.Read(units[:0], k, from, 30)
				if err != nil || len(got) != 30 {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}

func BenchmarkFreeze(b *testing.B) {
	s := mustOpen(b, Options{FS: vfs.NewMem(), Dir: "cq"})
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		for q := range 10_000 {
			if _, err := s.Append(Key{uint32(q), 0}, unitNo(i)); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if len(s.Freeze()) != 10_000 {
			b.Fatal("not all queues frozen")
		}
	}
}

// discard is a file system whose files take any write and keep nothing.
type discard struct{ vfs.FS }

type discardFile struct{ vfs.File }

func (d discard) Create(string) (vfs.File, error)        { return discardFile{}, nil }
func (d discard) OpenReadWrite(string) (vfs.File, error) { return discardFile{}, nil }

func (discardFile) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (discardFile) Close() error                           { return nil }

func TestViewChangesNothing(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, spillingOptionsOn(fs))
	mustAppend(t, s, Key{1, 0}, 0, 420)
	mustAppend(t, s, Key{2, 0}, 420, 540)
	mustCheckpoint(t, s)
	s.Close()
	before, changes := fs.Operations(), 0
	defer fs.AddHook(func(op *vfs.Op) error {
		if op.Changes() {
			changes++
		}
		return nil
	})()
	v, err := View(spillingOptionsOn(fs), []Tail{{Key: Key{1, 0}, Next: 100}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.Read(nil, Key{1, 0}, 0, 500); err != nil || len(got) != 100 {
		t.Errorf("%d units, %v", len(got), err)
	}
	if err := v.Close(); err != nil || changes > 0 || fs.Operations() == before {
		t.Errorf("%d changes, %v", changes, err)
	}
	if _, err := View(Options{FS: vfs.NewMem(), Dir: "none"}, nil); err != nil {
		t.Errorf("of nothing: %v", err)
	}
}
