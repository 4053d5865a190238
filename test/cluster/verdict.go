//go:build linux

package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

const (
	// healthyWithin is how long a cluster may need after the last fault has ended.
	healthyWithin = 30 * time.Second
	// servesWithin is how long a client may need for its next acknowledgement then.
	servesWithin = 5 * time.Second
)

// Result is what a history comes to.
type Result struct {
	History    *History
	Recovered  time.Duration // from the end of the last fault until the cluster was healthy
	Violations []Violation
}

// Finish ends a load: it waits until the cluster is healthy and serves, drains it, stops the nodes, verifies and compares their files,
// looks for panics in their logs, and reports every violation as an error of the test.
func (l *Load) Finish() Result {
	c := l.c
	c.t.Helper()
	r := Result{Recovered: c.AwaitHealthy(healthyWithin)}
	if err := l.serves(); err != nil {
		c.t.Error("K15 liveness: ", err)
	}
	r.History = l.Stop()
	r.Violations = append(r.History.Check(), c.verify()...)
	for _, v := range r.Violations {
		c.t.Error(v)
	}
	if c.t.Failed() {
		c.record(r.History)
	}
	return r
}

// serves waits for acknowledgements that were not there before.
func (l *Load) serves() error {
	before, end := l.Acked(), time.Now().Add(servesWithin)
	for l.Acked() < before+l.opts.Producers {
		if time.Now().After(end) {
			return fmt.Errorf("the cluster is healthy, but %v later a client has %d more acknowledgements", servesWithin, l.Acked()-before)
		}
		wait(20 * time.Millisecond)
	}
	return nil
}

// verify stops all nodes and reads their files.
func (c *Cluster) verify() (bad []Violation) {
	var dirs []string
	for _, n := range c.Nodes {
		if code, err := n.Terminate(); err != nil || code != 0 {
			bad = append(bad, Violation{"K15 liveness", fmt.Sprintf("%s ends after SIGTERM with exit code %d, %v", n.Name, code, err)})
		}
		dirs = append(dirs, n.Dir())
	}
	for _, what := range []string{"verify", "compare"} {
		path, err := built()
		if err != nil {
			c.t.Fatal(err)
		}
		if out, err := exec.Command(path, append([]string{"debug", what}, dirs...)...).CombinedOutput(); err != nil {
			bad = append(bad, Violation{"K13 replicas", fmt.Sprintf("debug %s: %v\n%s", what, err, out)})
		}
	}
	return append(bad, c.readLogs()...)
}

var alarming = regexp.MustCompile(`(?m)^(panic:|fatal error:|.*\bBUG\b).*$`)

// readLogs looks for what must never be in a log.
func (c *Cluster) readLogs() (bad []Violation) {
	for _, n := range c.Nodes {
		text, err := os.ReadFile(n.log)
		if err != nil {
			c.t.Fatal(err)
		}
		if line := alarming.Find(text); line != nil {
			bad = append(bad, Violation{"K16 hygiene", fmt.Sprintf("%s logs %q", n.Name, bytes.TrimSpace(line))})
		}
	}
	return bad
}

// record writes the history beside the logs, which are kept when the test has failed.
func (c *Cluster) record(h *History) {
	text, err := json.Marshal(h)
	if err == nil {
		err = os.WriteFile(filepath.Join(c.dir, "history.json"), text, 0o600)
	}
	if err != nil {
		c.t.Error(err)
	}
}
