package lint

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestNamedTestsExist: a page that says which test shows something must not outlive the test.
func TestNamedTestsExist(t *testing.T) {
	name := regexp.MustCompile(`\bTest[A-Z]\w+`)
	exists := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(s.text, -1) {
				exists[m[1]] = true
			}
		}
	}
	for _, page := range []string{"docs/threats.md", "docs/bugs-found.md"} {
		text, err := os.ReadFile(filepath.Join(root(t), page))
		if err != nil {
			t.Fatal(err)
		}
		named := name.FindAllString(string(text), -1)
		if len(named) == 0 {
			t.Errorf("%s names no test", page)
		}
		for _, n := range named {
			if !exists[n] {
				t.Errorf("%s names %s, which does not exist", page, n)
			}
		}
	}
}
