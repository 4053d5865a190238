package vfs_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/raftmq/raftmq/internal/vfs"
)

var errInjected = errors.New("injected")

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func TestCrashKeepsOnlyWhatWasSynced(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "kept", "old")
	must(t, f.Sync())
	must(t, m.SyncDir("/"))
	create(t, m, "unsynced name", "x")
	_, err := f.WriteAt([]byte("new and longer"), 0)
	must(t, err)

	after := m.CrashClone(nil)
	if got := readName(t, after, "kept"); got != "old" {
		t.Fatalf("content after the crash: %q", got)
	}
	if _, err := after.Open("unsynced name"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("a name without SyncDir survived:", err)
	}
	if got := readName(t, m, "kept"); got != "new and longer" {
		t.Fatal("the clone changed the original:", got)
	}
	if got := readName(t, m.KillClone(), "kept"); got != "new and longer" {
		t.Fatal("a kill keeps what was written:", got)
	}
	if got := readName(t, m.KillClone().CrashClone(nil), "kept"); got != "old" {
		t.Fatal("a kill does not make anything durable:", got)
	}
}

func TestCrashReachesOldNewAndMixedStates(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "f", string(make([]byte, 8192)))
	must(t, f.Sync())
	must(t, m.SyncDir("/"))
	for i := range 8192 {
		if i%512 == 0 {
			_, err := f.WriteAt([]byte{1}, int64(i))
			must(t, err)
		}
	}
	must(t, m.Rename("f", "g"))
	var none, all, some, oldName, newName int
	for seed := range uint64(200) {
		c := m.CrashClone(seeded(seed))
		name := "f"
		if _, err := c.Stat("g"); err == nil {
			name = "g"
			newName++
			if _, err := c.Stat("f"); err == nil {
				t.Fatal("half a rename")
			}
		} else {
			oldName++
		}
		sectors := 0
		for _, b := range []byte(readName(t, c, name)) {
			sectors += int(b)
		}
		switch sectors {
		case 0:
			none++
		case 16:
			all++
		default:
			some++
		}
	}
	if none == 0 || all == 0 || some == 0 || oldName == 0 || newName == 0 {
		t.Fatal("states not reached:", none, all, some, oldName, newName)
	}
}

func TestPagesOfAFailedSyncNeedWritingAgain(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "f", "old")
	must(t, f.Sync())
	must(t, m.SyncDir("/"))
	fired, remove := m.FailNth(0, func(op vfs.Op) bool { return op.Kind == vfs.OpSync }, syscall.EIO)
	_, err := f.WriteAt([]byte("new"), 0)
	must(t, err)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) || !fired() {
		t.Fatal("Sync:", err)
	}
	remove()
	must(t, f.Sync())
	if got := readName(t, m.CrashClone(nil), "f"); got != "old" {
		t.Fatal("a second Sync saved what the first lost:", got)
	}
	_, err = f.WriteAt([]byte("new"), 0)
	must(t, err)
	must(t, f.Sync())
	if got := readName(t, m.CrashClone(nil), "f"); got != "new" {
		t.Fatal("written again and synced, yet", got)
	}
}

func TestCapacity(t *testing.T) {
	m := vfs.NewMem()
	m.SetCapacity(4 * 4096)
	f, err := m.Create("f")
	must(t, err)
	must(t, f.Preallocate(3*4096))
	if err := f.Preallocate(5 * 4096); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal("Preallocate beyond the capacity:", err)
	}
	if n, err := f.WriteAt(make([]byte, 5*4096), 0); n != 4*4096 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal("a write beyond the capacity:", n, err)
	}
	if _, available, _ := m.Usage("/"); available != 0 {
		t.Fatal("available:", available)
	}
	must(t, f.Truncate(4096))
	if _, available, _ := m.Usage("/"); available != 3*4096 {
		t.Fatal("available after truncation:", available)
	}
	must(t, m.Rename("f", "g"))
	must(t, m.Remove("g"))
	if _, available, _ := m.Usage("/"); available != 4*4096 {
		t.Fatal("available after removal:", available)
	}
}

func TestShortWrite(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "f", "")
	m.AddHook(func(op *vfs.Op) error {
		if op.Kind == vfs.OpWrite {
			op.Short = 2
			return errInjected
		}
		return nil
	})
	if n, err := f.WriteAt([]byte("abcd"), 0); n != 2 || !errors.Is(err, errInjected) {
		t.Fatal(n, err)
	}
	if got := read(t, f); got != "ab" {
		t.Fatal(got)
	}
}

func TestHangHoldsAnOperationUntilReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		f := create(t, m, "f", "x")
		hung, release := m.Hang(func(op vfs.Op) bool { return op.Kind == vfs.OpSync })
		done := make(chan error, 1)
		go func() { done <- f.Sync() }()
		<-hung
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("Sync returned while hung")
		default:
		}
		if got := read(t, f); got != "x" {
			t.Fatal("other operations must go on")
		}
		release()
		must(t, <-done)
	})
}

func TestFlipBitIsDurableAndFlipsOneBit(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "f", "\x00\x00")
	must(t, f.Sync())
	must(t, m.SyncDir("/"))
	_, err := f.WriteAt([]byte{0}, 0)
	must(t, err)
	must(t, m.FlipBit("f", 9))
	for _, fsys := range []*vfs.Mem{m, m.CrashClone(nil)} {
		if got := readName(t, fsys, "f"); got != "\x00\x02" {
			t.Fatalf("%q", got)
		}
	}
	if err := m.FlipBit("f", 16); err == nil {
		t.Fatal("flipped beyond the end")
	}
}

// TestContentProperty holds a file against a byte slice, with the durable bytes beside it.
func TestContentProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := vfs.NewMem()
		f, _ := m.Create("f")
		m.SyncDir("/")
		var now, durable []byte
		check := func(m *vfs.Mem, want []byte) {
			g, err := m.Open("f")
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(want)+1)
			if n, _ := g.ReadAt(got, 0); string(got[:n]) != string(want) {
				t.Fatalf("%d bytes differ from the %d of the model", n, len(want))
			}
		}
		resize := func(b []byte, n int) []byte {
			out := make([]byte, n)
			copy(out, b)
			return out
		}
		at := rapid.IntRange(0, 20_000)
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				b, off := rapid.SliceOfN(rapid.Byte(), 1, 6_000).Draw(t, "b"), at.Draw(t, "off")
				f.WriteAt(b, int64(off))
				now = resize(now, max(len(now), off+len(b)))
				copy(now[off:], b)
			},
			"truncate": func(t *rapid.T) {
				n := at.Draw(t, "n")
				f.Truncate(int64(n))
				now = resize(now, n)
			},
			"preallocate": func(t *rapid.T) {
				n := at.Draw(t, "n")
				f.Preallocate(int64(n))
				now = resize(now, max(n, len(now)))
			},
			"sync": func(t *rapid.T) {
				f.Sync()
				durable = resize(now, len(now))
			},
			"kill": func(t *rapid.T) {
				m = m.KillClone()
				f, _ = m.OpenReadWrite("f")
			},
			"": func(t *rapid.T) {
				check(m, now)
				check(m.CrashClone(nil), durable)
			},
		})
	})
}

func BenchmarkMemAppendSync(b *testing.B) {
	m := vfs.NewMem()
	f, _ := m.Create("f")
	f.Preallocate(1 << 40)
	buf := make([]byte, 64<<10)
	b.SetBytes(int64(len(buf)))
	for i := 0; b.Loop(); i++ {
		f.WriteAt(buf, int64(i%1024)*int64(len(buf)))
		f.Sync()
	}
}
