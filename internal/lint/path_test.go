package lint

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestPathOfAMessage holds the table "The path of a message" of ARCHITECTURE.md against the code: each row names a file and a
// function or method in it, as `file.go` and `Name`.
func TestPathOfAMessage(t *testing.T) {
	base := root(t)
	text, err := os.ReadFile(filepath.Join(base, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| \\d+ \\|.*?\\| `([a-z_/]+\\.go)` \\| `(?:\\w+\\.)?(\\w+)` \\|")
	rows := row.FindAllStringSubmatch(string(text), -1)
	if len(rows) < 10 {
		t.Fatalf("the table has %d rows, want at least 10", len(rows))
	}
	defined := map[string]map[string]bool{}
	for _, s := range sources(t) {
		names := map[string]bool{}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				names[f.Name.Name] = true
			}
		}
		defined[s.path] = names
	}
	for _, r := range rows {
		file, name := r[1], r[2]
		if defined[file] == nil {
			t.Errorf("ARCHITECTURE.md names %s, which does not exist", file)
		} else if !defined[file][name] {
			t.Errorf("ARCHITECTURE.md names %s in %s, which is not there", name, file)
		}
	}
}
