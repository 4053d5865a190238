package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheListKeepsUpWithTheCode(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range mutants {
		if seen[m.name] {
			t.Errorf("%s is listed twice", m.name)
		}
		seen[m.name] = true
		source, err := os.ReadFile(filepath.Join("../..", m.file))
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if n := strings.Count(string(source), m.is); n != 1 {
			t.Errorf("%s: %s has the text to be replaced %d times; bring test/mutants/table.go up to date", m.name, m.file, n)
		}
		if strings.Count(m.becomes, m.is) > 0 && len(m.becomes) == len(m.is) {
			t.Errorf("%s changes nothing", m.name)
		}
		if _, err := os.Stat(filepath.Join("../..", m.pkg)); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	if len(mutants) < 24 {
		t.Errorf("%d mutants, there should be 24", len(mutants))
	}
}

func TestTheFinderIsNamed(t *testing.T) {
	for out, want := range map[string]string{
		"    sim_test.go:1: K1 no loss: a-1 …\n    sim_test.go:1: K15: not within\n K1 no loss: b": "K1 K15",
		"panic: test timed out after 3m0s": "no end within three minutes",
		"panic: BUG: entry 3":              "a panic",
		"    x_test.go:3: got 1, want 2\n": "the test",
	} {
		if got := finder(out); got != want {
			t.Errorf("finder(%q) = %q, want %q", out, got, want)
		}
	}
}
