package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// limit is for the build and test of one mutant.
const limit = 5 * time.Minute

func main() {
	list := flag.Bool("list", false, "only list the mutants")
	verbose := flag.Bool("v", false, "show the output of each test")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: go run ./test/mutants [-list] [-v] [NAME ...]\n\nRun it in the project's root. Without names it runs all mutants.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*list, *verbose, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(list, verbose bool, names []string) error {
	chosen := mutants
	if len(names) > 0 {
		chosen = nil
		for _, name := range names {
			at := slices.IndexFunc(mutants, func(m mutant) bool { return m.name == name })
			if at < 0 {
				return fmt.Errorf("no mutant %q; -list shows all", name)
			}
			chosen = append(chosen, mutants[at])
		}
	}
	fmt.Println("| Mutant | What is wrong | Found by | Time |")
	fmt.Println("|---|---|---|---|")
	missed := 0
	for _, m := range chosen {
		if list {
			fmt.Printf("| `%s` | %s | `%s` | |\n", m.name, m.what, m.command())
			continue
		}
		found, took, err := m.try(verbose)
		if err != nil {
			missed++
			fmt.Fprintf(os.Stderr, "mutant %s: %v\n", m.name, err)
			continue
		}
		if found == "" {
			missed++
			found = "**nothing**"
		}
		fmt.Printf("| `%s` | %s | %s, `%s` | %.1f s |\n", m.name, m.what, found, m.command(), took.Seconds())
	}
	if !list {
		fmt.Printf("\n%d of %d mutants found.\n", len(chosen)-missed, len(chosen))
	}
	if missed > 0 {
		return fmt.Errorf("%d mutants not found", missed)
	}
	return nil
}

// command is how the test is started, without the overlay, as a cell of a Markdown table has it.
func (m *mutant) command() string {
	test := m.test
	if strings.Contains(test, "|") {
		test = "'" + strings.ReplaceAll(test, "|", `\|`) + "'" // for the shell, and for a cell of a table
	}
	return strings.Join(append([]string{"go test ./" + m.pkg, "-run", test}, m.args...), " ")
}

// try builds the mutant and runs its test. found is empty if the test passed. The time is that of the test alone.
func (m *mutant) try(verbose bool) (found string, took time.Duration, err error) {
	dir, err := os.MkdirTemp("", "raftmq-mutant-")
	if err != nil {
		return "", 0, err
	}
	defer os.RemoveAll(dir)
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	binary := filepath.Join(dir, "mutant.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-overlay", overlay, "-o", binary, "./"+m.pkg).CombinedOutput(); err != nil {
		return "", 0, fmt.Errorf("does not compile: %w\n%s", err, out)
	}
	args := append([]string{"-test.run", m.test, "-test.timeout", "3m"}, m.args...)
	test := exec.CommandContext(ctx, binary, args...)
	test.Dir = m.pkg
	began := time.Now()
	out, err := test.CombinedOutput()
	took = time.Since(began)
	if verbose {
		fmt.Printf("%s\n", out)
	}
	var failed *exec.ExitError
	if err == nil {
		return "", took, nil
	}
	if !errors.As(err, &failed) {
		return "", took, err
	}
	return finder(string(out)), took, nil
}

// overlay writes the file as the mutant has it, and the overlay that names it.
func (m *mutant) overlay(dir string) (string, error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.is); n != 1 {
		return "", fmt.Errorf("%s has the text to be replaced %d times", m.file, n)
	}
	changed := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), m.is, m.becomes, 1)), 0o600); err != nil {
		return "", err
	}
	file, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
}

var checker = regexp.MustCompile(`\bK[0-9]+( [a-z]+)*: `)

// finder names what found the mutant in the output of a failed test: the checkers of test/sim, a panic, a test that did not end.
func finder(out string) string {
	var names []string
	for _, k := range checker.FindAllString(out, -1) {
		if k = strings.Fields(strings.TrimSuffix(k, ": "))[0]; !slices.Contains(names, k) {
			names = append(names, k)
		}
	}
	switch {
	case len(names) > 0:
		slices.SortFunc(names, func(a, b string) int { return len(a)*100 + strings.Compare(a, b) - len(b)*100 })
		return strings.Join(names, " ")
	case strings.Contains(out, "panic: test timed out"):
		return "no end within three minutes"
	case strings.Contains(out, "panic: "):
		return "a panic"
	}
	return "the test"
}
