package commitlog

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// count counts the operations of a kind on names that contain part.
func count(m *vfs.Mem, kind vfs.OpKind, part string) func() int {
	var mu sync.Mutex
	n := 0
	m.AddHook(func(op *vfs.Op) error {
		if op.Kind == kind && strings.Contains(op.Path, part) {
			mu.Lock()
			n++
			mu.Unlock()
		}
		return nil
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

func TestOneSyncForEachAppend(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	o.SegmentBytes, o.UnsyncedBytesMax = 1<<20, 1<<20
	l := mustOpen(t, o)
	syncs := count(m, vfs.OpSync, segmentName(o.Dir, 0))
	must(t, l.Append(entriesFrom(1, 1, 10, 50_000, 10, 10, 80_000)))
	if syncs() != 1 {
		t.Fatal(syncs(), "fsyncs")
	}
}

func TestAtMostWBytesAreUnsynced(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	o.SegmentBytes, o.UnsyncedBytesMax = 1<<20, 3000
	for _, o.Flush = range []Flush{FlushSync, FlushAsync} {
		o.Dir = "/log" + string(rune('a'+o.Flush))
		l := mustOpen(t, o)
		unsynced := 0
		remove := m.AddHook(func(op *vfs.Op) error {
			switch {
			case op.Path != segmentName(o.Dir, 0):
			case op.Kind == vfs.OpWrite:
				if unsynced += op.Length; unsynced > 3000 {
					t.Error(unsynced, "unsynced bytes")
				}
			case op.Kind == vfs.OpSync:
				unsynced = 0
			}
			return nil
		})
		for i := range offset.Index(4) {
			must(t, l.Append(entriesFrom(1+10*i, 1, 700, 700, 700, 700, 700, 700, 700, 700, 700, 700)))
		}
		remove()
	}
}

func TestFailedWriteLatches(t *testing.T) {
	for _, kind := range []vfs.OpKind{vfs.OpWrite, vfs.OpSync} {
		m := vfs.NewMem()
		l := mustOpen(t, small(m))
		must(t, l.Append(entriesFrom(1, 1, 10)))
		_, remove := m.FailNth(0, func(op vfs.Op) bool { return op.Kind == kind && op.Path == "/log/00000000000000000000" }, syscall.EIO)
		if err := l.Append(entriesFrom(2, 1, 10)); !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		remove()
		select {
		case <-l.failed:
		default:
			t.Fatal("Failed is not closed")
		}
		for name, err := range map[string]error{
			"append": l.Append(entriesFrom(2, 1, 10)), "truncate": l.TruncateSuffix(1), "reset": l.Reset(5, 5),
			"retain": l.Retain(1), "sync": l.Sync(), "err": l.Err(),
		} {
			if !errors.Is(err, ErrFailed) {
				t.Error(name, err)
			}
		}
		if l.LastIndex() != 1 {
			t.Fatal("a failed append became readable")
		}
		checkEntries(t, l, entriesFrom(1, 1, 10))
	}
}

func TestBrokenSequenceIsRefused(t *testing.T) {
	for name, entries := range map[string][]Entry{
		"gap":        entriesFrom(3, 2, 10),
		"repetition": entriesFrom(1, 2, 10),
		"term back":  entriesFrom(2, 1, 10),
		"gap inside": append(entriesFrom(2, 2, 10), entriesFrom(4, 2, 10)...),
	} {
		l := mustOpen(t, small(vfs.NewMem()))
		must(t, l.Append(entriesFrom(1, 2, 10)))
		if err := l.Append(entries); err == nil || l.LastIndex() != 1 {
			t.Error(name, err)
		}
	}
}

// TestDiskFull: without space for another segment an append writes nothing, and goes on when there is.
func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := small(m)
		o.SegmentBytes, o.ReserveBytes = 100_000, 50_000
		m.SetCapacity(400_000)
		l := mustOpen(t, o)
		synctest.Wait() // the keeper has made a spare
		if ok, remark := l.HasSpace(); !ok {
			t.Fatal(remark)
		}
		want := newModel()
		var err error
		for err == nil {
			entries := entriesFrom(want.next(), 1, 30_000, 30_000, 30_000)
			if err = l.Append(entries); err == nil {
				want = want.append(entries)
				synctest.Wait()
			}
		}
		if !errors.Is(err, ErrFull) || errors.Is(err, ErrFailed) || len(want.all) < 6 {
			t.Fatal(len(want.all), err)
		}
		must(t, want.differs(l))
		must(t, l.Err())
		time.Sleep(spaceInterval)
		if ok, remark := l.HasSpace(); ok || !strings.Contains(remark, "/log") {
			t.Fatal("HasSpace on a full disk", remark)
		}
		m.SetCapacity(10_000_000)
		time.Sleep(2 * time.Second)
		if ok, remark := l.HasSpace(); !ok {
			t.Fatal("space came back:", remark)
		}
		entries := entriesFrom(want.next(), 1, 30_000, 30_000, 30_000)
		must(t, l.Append(entries))
		must(t, want.append(entries).differs(l))
		must(t, l.Close())
	})
}

func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		l := mustOpen(t, small(m))
		hung, release := m.Hang(func(op vfs.Op) bool { return op.Kind == vfs.OpSync && op.Path == "/log/00000000000000000000" })
		done := make(chan error)
		go func() { done <- l.Append(entriesFrom(1, 1, 10)) }()
		<-hung
		time.Sleep(3 * time.Second)
		if got := l.Stalled(); got != 3*time.Second {
			t.Fatal("stalled for", got)
		}
		if _, err := l.Entry(1); err != ErrNotFound {
			t.Fatal("readable before it is durable:", err)
		}
		release()
		must(t, <-done)
		if l.Stalled() != 0 {
			t.Fatal("still stalled")
		}
		must(t, l.Close())
	})
}

// TestBackground: the durable mark follows within a second, the next segment is made ahead, sealed segments get
// their index files, and an idle log does nothing.
func TestBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		l := mustOpen(t, small(m))
		for i := range offset.Index(5) {
			must(t, l.Append(entriesFrom(1+2*i, 1, 900, 900)))
			synctest.Wait()
		}
		time.Sleep(2 * markInterval)
		names := strings.Join(files(t, m, "/log"), " ")
		if l.side.state.mark != l.NextPosition() {
			t.Error("mark", l.side.state.mark, "of", l.NextPosition())
		}
		if strings.Count(names, indexSuffix) != len(l.segments)-1 || strings.Count(names, sparePrefix) != 1 {
			t.Error("files:", names)
		}
		before := m.Operations()
		time.Sleep(time.Hour)
		if n := m.Operations() - before; n != 0 {
			t.Error(n, "operations of an idle log in an hour")
		}
		must(t, l.Close())
	})
}

func TestAsyncFlushesBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := small(m)
		o.Flush = FlushAsync
		l := mustOpen(t, o)
		must(t, l.Append(entriesFrom(1, 1, 10, 10)))
		if l.FlushedIndex() != 0 || l.LastIndex() != 2 {
			t.Fatal(l.FlushedIndex(), l.LastIndex())
		}
		time.Sleep(o.FlushInterval + 2*defaultFlushInterval)
		if l.FlushedIndex() != 2 {
			t.Fatal("not flushed:", l.FlushedIndex())
		}
		must(t, l.Append(entriesFrom(3, 1, 10)))
		_, remove := m.FailNth(0, func(op vfs.Op) bool { return op.Kind == vfs.OpSync }, syscall.EIO)
		<-l.failed // in the background
		remove()
		if err := l.Append(entriesFrom(4, 1, 10)); !errors.Is(err, ErrFailed) {
			t.Fatal(err)
		}
		l.Close()
	})
}

func TestUnsyncedAppendsAreAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		l := mustOpen(t, small(m))
		must(t, l.Append(entriesFrom(1, 1, 10)))
		synced := func(op vfs.Op) bool {
			return op.Kind == vfs.OpSync && !strings.Contains(op.Path, "side") && !strings.Contains(op.Path, sparePrefix)
		}
		hung, release := m.Hang(synced)
		must(t, l.AppendUnsynced(entriesFrom(2, 1, 10, 10)))
		<-hung
		if l.LastIndex() != 3 || l.FlushedIndex() != 1 {
			t.Fatal("last", l.LastIndex(), "flushed", l.FlushedIndex())
		}
		if e, err := l.Entry(3); err != nil || e.Index != 3 {
			t.Fatal(e, err)
		}
		await := func(index offset.Index, done chan struct{}) chan error {
			c := make(chan error, 1)
			go func() { c <- l.AwaitFlushed(index, done) }()
			synctest.Wait()
			return c
		}
		if err := l.AwaitFlushed(1, nil); err != nil {
			t.Error(err)
		}
		if err := l.AwaitFlushed(4, nil); !errors.Is(err, ErrNotFound) {
			t.Error("beyond the end:", err)
		}
		third, done := await(3, nil), make(chan struct{})
		gone := await(2, done)
		if len(third)+len(gone) != 0 {
			t.Fatal("durable before the fsync")
		}
		close(done)
		if err := <-gone; !errors.Is(err, ErrAbandoned) {
			t.Error(err)
		}
		release()
		if err := <-third; err != nil || l.FlushedIndex() != 3 {
			t.Error(err, l.FlushedIndex())
		}

		hung, release = m.Hang(synced)
		must(t, l.AppendUnsynced(entriesFrom(4, 1, 10)))
		<-hung
		cut := await(4, nil)
		release()
		<-cut
		must(t, l.AppendUnsynced(entriesFrom(5, 1, 10)))
		must(t, l.TruncateSuffix(5))
		if err := l.AwaitFlushed(5, nil); !errors.Is(err, ErrNotFound) {
			t.Error("truncated:", err)
		}

		_, remove := m.FailNth(0, synced, syscall.EIO)
		defer remove()
		must(t, l.AppendUnsynced(entriesFrom(5, 1, 10)))
		if err := l.AwaitFlushed(5, nil); !errors.Is(err, ErrFailed) {
			t.Error("after a failed fsync:", err)
		}
		l.Close()
	})
}

func TestTruncationIsProtected(t *testing.T) {
	l := mustOpen(t, small(vfs.NewMem()))
	must(t, l.Append(entriesFrom(1, 1, 10, 10, 10, 10, 10)))
	l.SetCommitted(3)
	l.SetCommitted(2)
	for _, from := range []offset.Index{0, 1, 3} {
		if err := l.TruncateSuffix(from); !errors.Is(err, ErrProtected) {
			t.Fatal(from, err)
		}
	}
	must(t, l.TruncateSuffix(4))
	must(t, l.TruncateSuffix(9))
	if l.LastIndex() != 3 {
		t.Fatal(l.LastIndex())
	}
}

// TestRetentionIsDurable: what the first index says is so after a power cut, also of entries that FlushAsync had not
// yet synced.
func TestRetentionIsDurable(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	o.Flush, o.FlushInterval, o.SegmentBytes = FlushAsync, time.Hour, 1<<20
	l := mustOpen(t, o)
	want := newModel().append(entriesFrom(1, 1, 100, 100, 100, 100, 100))
	must(t, l.Append(want.all))
	must(t, l.Retain(4))
	want = want.retain(4)
	if _, err := (transition{want, want, false}).reopened(o, m.CrashClone(nil)); err != nil {
		t.Fatal(err)
	}
}

// TestTruncationUnderARead: the bytes that a read has looked up are truncated and written anew before it reads them.
func TestTruncationUnderARead(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	o.TailCacheBytes = 1
	l := mustOpen(t, o)
	must(t, l.Append(entriesFrom(1, 1, 300, 300, 300)))
	var once sync.Once
	m.AddHook(func(op *vfs.Op) error {
		if op.Kind == vfs.OpRead && op.Path == segmentName(o.Dir, 0) {
			once.Do(func() {
				must(t, l.TruncateSuffix(2))
				must(t, l.Append(entriesFrom(2, 2, 50)))
			})
		}
		return nil
	})
	e, err := l.Entry(2)
	must(t, err)
	if !sameEntry(e, entryAt(2, 2, 50)) {
		t.Fatalf("%+v", e)
	}
	if _, err := l.Entry(3); err != ErrNotFound {
		t.Fatal(err)
	}
}

// TestReadsBesideEverything reads from several goroutines while the log is appended to, truncated, retained and
// reset. A read gives the right entry or ErrNotFound.
func TestReadsBesideEverything(t *testing.T) {
	o := small(vfs.NewMem())
	l := mustOpen(t, o)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for i := offset.Index(0); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				index := 1 + i*7%60
				e, err := l.Entry(index)
				if err == nil && !sameEntry(e, entryAt(index, 1, 300)) {
					t.Errorf("entry %d is wrong", index)
					return
				}
				if err != nil && err != ErrNotFound {
					t.Error(err)
					return
				}
				if pos, err := l.DataPosition(index); err == nil && index%3 != 0 {
					_, err := l.ReadSubRecord(pos+BatchHeaderSize, 0)
					if err != nil && err != ErrNotFound {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for range 15 {
		for index := offset.Index(1); index <= 60; index++ {
			must(t, l.Append([]Entry{entryAt(index, 1, 300)}))
			if index%20 == 0 {
				must(t, l.TruncateSuffix(index-10))
				for again := index - 10; again <= index; again++ {
					must(t, l.Append([]Entry{entryAt(again, 1, 300)}))
				}
			}
			if index == 50 {
				must(t, l.Retain(25))
			}
		}
		must(t, l.Reset(1, 0))
	}
	close(stop)
	readers.Wait()
}
