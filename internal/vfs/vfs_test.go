package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"github.com/raftmq/raftmq/internal/vfs"
)

// both runs a test on the real file system and on Mem: they must not differ.
func both(t *testing.T, test func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, vfs.OS(), t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		m := vfs.NewMem()
		must(t, m.MkdirAll("/data"))
		test(t, m, "/data")
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, fsys vfs.FS, name string, content string) vfs.File {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	_, err = f.WriteAt([]byte(content), 0)
	must(t, err)
	return f
}

func read(t *testing.T, f vfs.File) string {
	t.Helper()
	size, err := f.Size()
	must(t, err)
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n != len(b) {
		t.Fatalf("read %d of %d: %v", n, size, err)
	}
	return string(b)
}

func readName(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name)
	must(t, err)
	defer f.Close()
	return read(t, f)
}

func TestFileContent(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, filepath.Join(dir, "f"), "hello")
		defer f.Close()
		_, err := f.WriteAt([]byte("far"), 10_000)
		must(t, err)
		got := read(t, f)
		if len(got) != 10_003 || got[:5] != "hello" || got[10_000:] != "far" || got[5:10_000] != string(make([]byte, 9_995)) {
			t.Fatal("a gap between writes does not read as zeros")
		}
		must(t, f.Truncate(3))
		must(t, f.Truncate(8))
		if got := read(t, f); got != "hel\x00\x00\x00\x00\x00" {
			t.Fatalf("after cutting and extending: %q", got)
		}
		must(t, f.Preallocate(5_000))
		if got := read(t, f); len(got) != 5_000 || got[:3] != "hel" {
			t.Fatal("Preallocate must extend with zeros and keep content")
		}
		must(t, f.Preallocate(10))
		if size, _ := f.Size(); size != 5_000 {
			t.Fatal("Preallocate must not shrink")
		}
		must(t, f.Sync())
		b := make([]byte, 10)
		if n, err := f.ReadAt(b, 4_995); n != 5 || err != io.EOF {
			t.Fatalf("a read across the end gave %d, %v", n, err)
		}
	})
}

func TestNames(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		in := func(name string) string { return filepath.Join(dir, name) }
		must(t, create(t, fsys, in("b"), "B").Close())
		must(t, create(t, fsys, in("a"), "A").Close())
		must(t, fsys.MkdirAll(in("sub/deep")))
		must(t, fsys.MkdirAll(in("sub/deep")))
		if _, err := fsys.Create(in("a")); !errors.Is(err, fs.ErrExist) {
			t.Fatal("Create of an existing name:", err)
		}
		must(t, fsys.Link(in("a"), in("sub/linked")))
		must(t, fsys.Rename(in("a"), in("b")))
		if got := readName(t, fsys, in("b")) + readName(t, fsys, in("sub/linked")); got != "AA" {
			t.Fatal("after rename and link:", got)
		}
		names, err := fsys.List(dir)
		if must(t, err); !slices.Equal(names, []string{"b", "sub"}) {
			t.Fatal("List:", names)
		}
		must(t, fsys.SyncDir(dir))
		for name, call := range map[string]func() error{
			"open":   func() error { _, err := fsys.Open(in("a")); return err },
			"openrw": func() error { _, err := fsys.OpenReadWrite(in("a")); return err },
			"rename": func() error { return fsys.Rename(in("a"), in("c")) },
			"remove": func() error { return fsys.Remove(in("a")) },
			"link":   func() error { return fsys.Link(in("a"), in("c")) },
			"list":   func() error { _, err := fsys.List(in("none")); return err },
			"stat":   func() error { _, err := fsys.Stat(in("a")); return err },
			"create": func() error { _, err := fsys.Create(in("none/x")); return err },
		} {
			if err := call(); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s of a missing file: %v", name, err)
			}
		}
		must(t, fsys.RemoveAll(in("none")))
		must(t, fsys.RemoveAll(in("sub")))
		info, err := fsys.Stat(in("b"))
		if must(t, err); info.Size() != 1 || info.IsDir() || info.Name() != "b" {
			t.Fatal("Stat:", info)
		}
		if info, err := fsys.Stat(dir); err != nil || !info.IsDir() {
			t.Fatal("Stat of a directory:", info, err)
		}
	})
}

func TestOpenFileOutlivesItsName(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, filepath.Join(dir, "f"), "still here")
		defer f.Close()
		must(t, fsys.Remove(filepath.Join(dir, "f")))
		if got := read(t, f); got != "still here" {
			t.Fatal(got)
		}
	})
}

func TestLockExcludesOthersUntilClosed(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "LOCK")
		l, err := fsys.Lock(name)
		must(t, err)
		if _, err := fsys.Lock(name); !errors.Is(err, vfs.ErrLocked) {
			t.Fatal("second lock:", err)
		}
		must(t, l.Close())
		l, err = fsys.Lock(name)
		must(t, err)
		must(t, l.Close())
	})
}

func TestUsage(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		total, available, err := fsys.Usage(dir)
		if must(t, err); total <= 0 || available <= 0 || available > total {
			t.Fatal(total, available)
		}
	})
}

func TestReadOnlyHandleRefusesWrites(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "f")
		must(t, create(t, fsys, name, "x").Close())
		f, err := fsys.Open(name)
		must(t, err)
		defer f.Close()
		if _, err := f.WriteAt([]byte("y"), 0); err == nil {
			t.Fatal("write through a read-only handle")
		}
		rw, err := fsys.OpenReadWrite(name)
		must(t, err)
		defer rw.Close()
		_, err = rw.WriteAt([]byte("y"), 0)
		must(t, err)
		if !bytes.Equal([]byte(read(t, f)), []byte("y")) {
			t.Fatal("the other handle does not see the write")
		}
	})
}
