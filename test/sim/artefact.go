package sim

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Keep writes what a failed run left into a new directory below base ("" is the system's for temporary files) and returns its name:
// the seed, the schedule, the history, the processes' logs, the problems and the members' files.
func (r *Result) Keep(base string) (dir string, err error) {
	if base != "" {
		if err := os.MkdirAll(base, 0o755); err != nil {
			return "", err
		}
	}
	dir, err = os.MkdirTemp(base, fmt.Sprintf("raftmq-sim-%s-%d-", r.Schedule.Class, r.Schedule.Seed))
	if err != nil {
		return "", err
	}
	var problems []string
	for _, p := range r.Problems {
		problems = append(problems, p.String())
	}
	for name, content := range map[string]string{
		"seed": fmt.Sprintln(r.Schedule.Seed), "problems.txt": strings.Join(problems, "\n") + "\n",
		"faults.txt": strings.Join(r.History.Events, "\n") + "\n", "members.log": strings.Join(r.Lines, "\n") + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return dir, err
		}
	}
	if err := r.Schedule.Save(filepath.Join(dir, "schedule.json")); err != nil {
		return dir, err
	}
	f, err := os.Create(filepath.Join(dir, "history.jsonl"))
	if err != nil {
		return dir, err
	}
	defer f.Close()
	if err := r.History.write(f); err != nil {
		return dir, err
	}
	for _, m := range r.members {
		if err := m.keep(filepath.Join(dir, m.name)); err != nil {
			return dir, err
		}
	}
	return dir, nil
}

// keep copies a stopped member's files to a real directory, in the layout of a data directory.
func (m *Member) keep(dir string) error {
	for _, file := range m.fileNames() {
		content, err := m.files.read(file)
		if err != nil {
			continue // a database that was never made, or removed
		}
		to := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(file, dataDir)))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, fs.FileMode(0o644)); err != nil {
			return fmt.Errorf("%s: %w", path.Base(file), err)
		}
	}
	return nil
}

// Save writes a schedule as JSON.
func (s Schedule) Save(name string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}

// LoadSchedule reads what Save wrote.
func LoadSchedule(name string) (s Schedule, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}
