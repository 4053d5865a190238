//go:build linux

package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// counts is what the histories of a run came to.
type counts struct {
	sync.Mutex
	histories, faults, acked, powerCuts int
	recovered                           time.Duration // longest
	kinds                               map[string]int
}

func (n *counts) add(s Schedule, r Result) {
	n.Lock()
	defer n.Unlock()
	n.histories++
	n.faults += len(s.Faults)
	n.acked += r.History.Acked()
	n.recovered = max(n.recovered, r.Recovered)
	for _, f := range s.Faults {
		n.kinds[f.Kind]++
		switch f.Kind {
		case "power":
			n.powerCuts++
		case "power-all":
			n.powerCuts += 3
		}
	}
}

// TestHistories runs histories of random faults: go test ./test/cluster -run TestHistories -histories N -seed S.
func TestHistories(t *testing.T) {
	Require(t, base...)
	n := &counts{kinds: map[string]int{}}
	t.Run("all", func(t *testing.T) {
		for i := range *histories {
			class := Classes()[i%len(Classes())]
			s := Draw(*seed+uint64(i), class, 3, *length)
			t.Run(fmt.Sprintf("%s-%d", class, s.Seed), func(t *testing.T) {
				t.Parallel()
				n.add(s, runHistory(t, s))
			})
		}
	})
	t.Logf("histories %d, faults %d %v, acked %d, power cuts %d, longest recovery %v", n.histories, n.faults, n.kinds, n.acked, n.powerCuts, n.recovered)
	if t.Failed() {
		return
	}
	if n.histories != *histories || n.faults < 3*n.histories || n.acked < 100*n.histories*int(length.Seconds()) {
		t.Errorf("that is below the floor: %d histories, 3 faults each, 100 acknowledged messages a second", *histories)
	}
}

// TestReplay runs one history again: -schedule FILE (from what a failed history kept).
func TestReplay(t *testing.T) {
	if *schedule == "" {
		t.Skip("no -schedule")
	}
	text, err := os.ReadFile(*schedule)
	if err != nil {
		t.Fatal(err)
	}
	var s Schedule
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	runHistory(t, s)
}

func runHistory(t *testing.T, s Schedule) Result {
	c := New(t, Options{Seed: s.Seed})
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "schedule.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	l := c.StartLoad(LoadOptions{})
	var done []string
	for _, f := range s.Faults {
		if early := f.At - l.Since(); early > 0 {
			wait(early)
		}
		done = append(done, fmt.Sprintf("%.1fs %s %s %v", l.Since().Seconds(), f.Kind, f.Target, f.For))
		c.mustRun(t, f)
		if err := c.Do(f); err != nil {
			t.Fatalf("%v\nafter %s", err, strings.Join(done, "\n"))
		}
	}
	if left := s.Length - l.Since(); left > 0 {
		wait(left)
	}
	t.Logf("faults:\n%s", strings.Join(done, "\n"))
	r := l.Finish()
	t.Logf("acked %d of %d sends, healthy %v after the last fault", r.History.Acked(), len(r.History.Sends), r.Recovered)
	return r
}

// mustRun fails the test if a node is dead that no fault has killed.
func (c *Cluster) mustRun(t *testing.T, next Fault) {
	t.Helper()
	for _, n := range c.Nodes {
		if !n.Running() {
			t.Fatalf("%s has ended by itself before %v: exit code %d", n.Name, next, n.process.cmd.ProcessState.ExitCode())
		}
	}
}
