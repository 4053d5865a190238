package keyindex

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

func open(t interface{ Fatal(...any) }, fsys vfs.FS) *Store {
	s, err := Open(Options{FS: fsys, Dir: "m/keyindex", RunEntries: 250})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newFS(t interface{ Fatal(...any) }) *vfs.Mem {
	fsys := vfs.NewMem()
	if err := errors.Join(fsys.MkdirAll("m"), fsys.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	return fsys
}

// TestAgainstModel adds, trims, restarts and cuts the power, and compares every answer with a list.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fsys := newFS(t)
		s := open(t, fsys)
		var all []Entry         // by position
		var ends []int          // len(all) before the entry at each index, from index 1 on
		next := offset.Index(1) // to be added
		trimmed := 0            // entries below it may be gone
		add := func(index offset.Index, entries []Entry) {
			if err := s.Add(index, entries); err != nil {
				t.Fatal(err)
			}
		}
		again := func() { // as after a start
			if s.Next() > next {
				t.Fatalf("next is %d, only %d were added", s.Next(), next)
			}
			for i := max(s.Next(), 1); i < next; i++ {
				end := len(all)
				if int(i) < len(ends) {
					end = ends[i]
				}
				add(i, all[ends[i-1]:end])
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				ends = append(ends, len(all))
				var entries []Entry
				for range rapid.IntRange(0, 120).Draw(t, "entries") {
					entries = append(entries, Entry{uint32(rapid.IntRange(0, 9).Draw(t, "hash")), offset.Physical(10 * len(all)), int64(len(all))})
					all = append(all, entries[len(entries)-1])
				}
				add(next, entries)
				next++
			},
			"restart": func(t *rapid.T) {
				s = open(t, fsys)
				again()
			},
			"power cut": func(t *rapid.T) {
				fsys = fsys.CrashClone(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))
				s = open(t, fsys)
				again()
			},
			"trim": func(t *rapid.T) {
				trimmed = max(trimmed, rapid.IntRange(0, len(all)).Draw(t, "trimmed"))
				if err := s.Trim(offset.Physical(10 * trimmed)); err != nil {
					t.Fatal(err)
				}
			},
			"reset": func(t *rapid.T) {
				if err := s.Reset(); err != nil || s.Next() != 0 {
					t.Fatalf("%v, next %d", err, s.Next())
				}
				again()
			},
			"": func(t *rapid.T) {
				hash := uint32(rapid.IntRange(0, 10).Draw(t, "hash"))
				begin, end := int64(rapid.IntRange(0, len(all)).Draw(t, "begin")), int64(rapid.IntRange(0, len(all)).Draw(t, "end"))
				most := rapid.IntRange(0, 70).Draw(t, "max")
				got, err := s.Find(hash, begin, end, most)
				if err != nil {
					t.Fatal(err)
				}
				var want, gone []offset.Physical // gone may be found or not: a power cut brings some removed runs back
				for i := len(all) - 1; i >= 0; i-- {
					e := all[i]
					switch match := e.Hash == hash && e.StoreTime >= begin && e.StoreTime <= end; {
					case match && i < trimmed:
						gone = append(gone, e.Position)
					case match && len(want) < most:
						want = append(want, e.Position)
					}
				}
				if len(got) > most || !slices.Equal(got[:min(len(want), len(got))], want) {
					t.Fatalf("hash %d in %d to %d: %v, want %v", hash, begin, end, got, want)
				}
				for _, p := range got[len(want):] {
					i := slices.Index(gone, p)
					if i < 0 {
						t.Fatalf("hash %d in %d to %d: %d is no such entry, or not in its place", hash, begin, end, p)
					}
					gone = gone[i+1:]
				}
			},
		})
	})
}

// filled is a store with three runs.
func filled(t *testing.T, fsys *vfs.Mem) *Store {
	s := open(t, fsys)
	for i := range 750 {
		if err := s.Add(offset.Index(i+1), []Entry{{uint32(i % 7), offset.Physical(i), int64(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.runs) != 3 || len(s.recent) != 0 || s.Next() != 751 {
		t.Fatalf("%d runs, %d entries in memory, next %d", len(s.runs), len(s.recent), s.Next())
	}
	return s
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	fsys := newFS(t)
	s := filled(t, fsys)
	f, err := fsys.OpenReadWrite("m/keyindex/00000000000000000251")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, _ := f.Size()
	flip := func(at int64) {
		var b [1]byte
		f.ReadAt(b[:], at)
		b[0] ^= 0x10
		f.WriteAt(b[:], at)
	}
	for at := range size {
		flip(at)
		var err error
		if at < headerSize {
			_, err = Open(s.opts)
		} else {
			for hash := uint32(0); hash < 8 && err == nil; hash++ {
				_, err = s.Find(hash, 0, 1000, 1000)
			}
		}
		if !errors.Is(err, ErrDamaged) {
			t.Fatalf("a flipped byte at %d: %v", at, err)
		}
		flip(at)
	}
}

func TestAFailedWriteLosesNothing(t *testing.T) {
	for n := int64(0); ; n++ {
		fsys := newFS(t)
		s := open(t, fsys)
		entries := make([]Entry, 250)
		for i := range entries {
			entries[i] = Entry{1, offset.Physical(i), int64(i)}
		}
		fired, remove := fsys.FailNth(n, func(vfs.Op) bool { return true }, errors.New("failed"))
		err := s.Add(1, entries)
		remove()
		if got, findErr := s.Find(1, 0, 1000, 1000); findErr != nil || len(got) != 250 {
			t.Fatalf("after a failure of operation %d: %d entries, %v", n, len(got), findErr)
		}
		if !fired() {
			return // it needs no more operations
		}
		if err == nil {
			t.Errorf("a failure of operation %d is not told", n)
		}
		if err := s.Add(2, nil); err != nil {
			t.Fatalf("the next add: %v", err)
		}
		if again := open(t, fsys); again.Next() != 3 {
			t.Errorf("after a restart next is %d", again.Next())
		}
	}
}

func TestTheFormatPageAgrees(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "format", "keyindex.md"))
	if err != nil {
		t.Fatal(err)
	}
	h := header{0x01020304, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16}
	samples := map[string]string{
		"Run header": fmt.Sprintf("%x", h.append(nil)), "Entry": fmt.Sprintf("%x", appendEntry(nil, Entry{0x21222324, 0x31, 0x41})),
	}
	want := map[string]string{"magic": "524d514b", "version": "0001", "zero": "0000", "count": "01020304", "firstIndex": "11", "nextIndex": "12",
		"lowPosition": "13", "highPosition": "14", "lowTime": "15", "highTime": "16", "hash": "21222324", "position": "31", "storeTime": "41"}
	sample, seen := "", 0
	row := regexp.MustCompile(`^\| (\d+) \| (\d+) \| (\w+) \|`)
	for line := range strings.Lines(string(page)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			sample = samples[strings.TrimSpace(strings.Split(heading, ",")[0])]
		}
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		var at, size int
		fmt.Sscan(m[1], &at)
		fmt.Sscan(m[2], &size)
		if value := want[m[3]]; m[3] != "crc" && strings.TrimLeft(sample[2*at:2*(at+size)], "0") != strings.TrimLeft(value, "0") {
			t.Errorf("%s is %s, want %s", m[3], sample[2*at:2*(at+size)], value)
		}
		seen++
	}
	if seen != len(want)+1 {
		t.Errorf("the page has %d fields, want %d", seen, len(want)+1)
	}
}
