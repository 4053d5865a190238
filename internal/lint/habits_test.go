package lint

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryPackageIntroducesItself(t *testing.T) {
	base := root(t)
	seen := map[string]bool{}
	for _, s := range sources(t) {
		if s.test || seen[s.pkg] || s.pkg == "cmd/raftmq" {
			continue
		}
		seen[s.pkg] = true
		if _, err := os.Stat(filepath.Join(base, s.pkg, "doc.go")); err != nil {
			t.Errorf("package %s has no doc.go", s.pkg)
		}
	}
}

func TestNamesSaySomething(t *testing.T) {
	empty := regexp.MustCompile(`(^|/)(utils?|common|helpers?|misc|types)(/|\.go$|_test\.go$)`)
	for _, s := range sources(t) {
		if empty.MatchString(s.path) {
			t.Errorf("%s: a name that says nothing", s.path)
		}
	}
}

func TestNothingIsPutOff(t *testing.T) {
	// The words are assembled so that this file does not find itself.
	put := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b|panic\("contract"\)|not ` + `implemented`)
	for _, s := range sources(t) {
		for i, line := range strings.Split(s.text, "\n") {
			if put.MatchString(line) && !strings.Contains(line, "SCHEDULE_TOPIC_") {
				t.Errorf("%s:%d: %s", s.path, i+1, strings.TrimSpace(line))
			}
		}
	}
}

func TestTestsDoNotSleep(t *testing.T) {
	sleep := regexp.MustCompile(`time\.Sleep\(`)
	for _, s := range sources(t) {
		if !s.test || strings.Contains(s.text, "testing/synctest") {
			continue // inside a synctest bubble sleeping is virtual and exact
		}
		for i, line := range strings.Split(s.text, "\n") {
			if sleep.MatchString(line) && s.pkg != "internal/lint" {
				t.Errorf("%s:%d sleeps to wait for something", s.path, i+1)
			}
		}
	}
}

// Apply must be a function of state and entry (design D16): what could make it differ between members is banned from
// the package that holds it.
func TestApplyHasNoOutsideInputs(t *testing.T) {
	banned := []string{"math/rand", "math/rand/v2", "crypto/rand", "os", "net", "net/http"}
	for _, s := range sources(t) {
		if s.pkg != "broker/state" || s.test {
			continue
		}
		for _, imp := range s.imports {
			for _, b := range banned {
				if imp == b {
					t.Errorf("%s imports %s", s.path, imp)
				}
			}
		}
		if strings.Contains(s.path, "apply") && strings.Contains(s.text, "time.Now(") {
			t.Errorf("%s reads the clock", s.path)
		}
	}
}
