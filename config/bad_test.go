package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBadFiles loads every testdata/*.bad.* and compares the whole message with testdata/bad.txt, where each file has a section
// "--- name". Run with UPDATE=1 to rewrite the table, and read it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.*")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d bad files, want at least 15 (%v)", len(files), err)
	}
	var all strings.Builder
	for _, f := range files {
		_, err := Load(Source{File: f})
		if _, ok := err.(Problems); !ok {
			t.Errorf("%s: loaded with %v, want Problems", f, err)
			continue
		}
		all.WriteString("--- " + filepath.Base(f) + "\n" + err.Error() + "\n")
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("testdata/bad.txt", []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/bad.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, expected := sections(all.String()), sections(string(want))
	for name, message := range got {
		if message != expected[name] {
			t.Errorf("%s\n got:\n%s\nwant:\n%s", name, message, expected[name])
		}
	}
	if len(got) != len(expected) {
		t.Errorf("%d files, but the table has %d", len(got), len(expected))
	}
}

func sections(s string) map[string]string {
	out := map[string]string{}
	for _, part := range strings.Split(s, "--- ")[1:] {
		name, message, _ := strings.Cut(part, "\n")
		out[name] = message
	}
	return out
}
