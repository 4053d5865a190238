//go:build linux

package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// rotsPerCluster is how many cases share a cluster, one after the other.
const rotsPerCluster = 6

// TestRot damages files of one member after the other under load, with kills of the others:
// go test ./test/cluster -run TestRot -rot N -seed S [-only REGEXP]. N cases are drawn, of all or of those that fit, each of them before any comes again.
func TestRot(t *testing.T) {
	if *rots == 0 {
		t.Skip("no -rot")
	}
	Require(t, base...)
	rnd := rand.New(rand.NewPCG(*seed, 2))
	only, err := regexp.Compile(*onlyRots)
	if err != nil {
		t.Fatal(err)
	}
	var cases []Rot
	for len(cases) < *rots {
		all := slices.DeleteFunc(Rots(), func(r Rot) bool { return !only.MatchString(r.String()) })
		if len(all) == 0 {
			t.Fatalf("no case fits %q", only)
		}
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		cases = append(cases, all...)
	}
	cases = cases[:*rots]
	for first := 0; first < len(cases); first += rotsPerCluster {
		batch := cases[first:min(first+rotsPerCluster, len(cases))]
		own := rand.New(rand.NewPCG(*seed, 3+uint64(first)))
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			t.Parallel()
			rotBatch(t, batch, own)
		})
	}
}

func rotBatch(t *testing.T, batch []Rot, rnd *rand.Rand) {
	c := New(t, Options{Seed: rnd.Uint64()})
	l := c.StartLoad(LoadOptions{Size: 8 << 10}) // fills a segment in two seconds
	wait(5 * time.Second)
	var record []string
	for _, r := range batch {
		said, err := c.rot(l, r, rnd)
		record = append(record, fmt.Sprintf("%5.1fs %-24v %s", l.Since().Seconds(), r, said))
		if err != nil {
			t.Fatalf("%v: %v\n%s", r, err, strings.Join(record, "\n"))
		}
		c.AwaitHealthy(healthyWithin)
	}
	t.Logf("cases:\n%s", strings.Join(record, "\n"))
	h := l.Finish().History
	t.Logf("acked %d of %d", h.Acked(), len(h.Sends))
}

// rot damages one member, kills another one, and has the damaged one come back; it says how that went.
func (c *Cluster) rot(l *Load, r Rot, rnd *rand.Rand) (said string, err error) {
	n := c.Nodes[rnd.IntN(len(c.Nodes))]
	if leader := c.Leader(); rnd.IntN(2) == 0 && leader != nil {
		n = leader
	}
	if err := n.Kill(); err != nil {
		return "", err
	}
	path := n.Dir()
	if r.Place != "directory" {
		if path, err = r.find(n.Dir(), rnd); err != nil || path == "" {
			return "has no such file", errors.Join(err, n.Start())
		}
	}
	old := filepath.Join(c.dir, "old")
	if r.Kind == "stale" {
		if err := c.ageCopy(n, path, old); err != nil {
			return "", err
		}
	}
	if r.Place == "directory" {
		said = r.Kind
		if err = os.RemoveAll(path); err == nil && r.Kind == "stale" {
			err = copyOver(old, path)
		}
	} else if _, missing := os.Stat(path); missing != nil {
		return "the file is gone meanwhile", n.Start()
	} else {
		said, err = r.damage(path, old, rnd)
	}
	if err != nil {
		return said, err
	}
	if err := n.Start(); err != nil {
		return said, err
	}
	back, err := c.comeBack(l, n, rnd)
	return fmt.Sprintf("%s: %s: %s", n.Name, said, back), err
}

// ageCopy copies what is to be restored, and lets the member run on for a while.
func (c *Cluster) ageCopy(n *Node, path, old string) error {
	if err := copyOver(path, old); err != nil {
		return err
	}
	if err := n.Start(); err != nil {
		return err
	}
	c.AwaitHealthy(healthyWithin)
	wait(3 * time.Second)
	return n.Kill()
}

// comeBack kills another member, and waits until the damaged one takes part again: by itself, or by rejoin when it has been quarantined, at its start
// or when a reader meets the damage.
func (c *Cluster) comeBack(l *Load, n *Node, rnd *rand.Rand) (how string, err error) {
	other := c.Followers(n)[rnd.IntN(2)]
	if err := errors.Join(other.Kill(), other.Start()); err != nil {
		return "", err
	}
	settled, err := c.settles(n)
	if err != nil {
		return "", err
	}
	if settled {
		if _, err := l.drain(n); err == nil && n.Running() {
			return "came back by itself, all is read from it", nil
		}
		n.process.wait(10 * time.Second)
	}
	how = "does not take part"
	if !n.Running() {
		how = fmt.Sprintf("ends with exit code %d", n.process.cmd.ProcessState.ExitCode())
		if code := n.process.cmd.ProcessState.ExitCode(); code != exitQuarantined {
			return how, errors.New("quarantine is exit code 4")
		}
	}
	began := time.Now()
	if err := n.Rejoin(time.Minute); err != nil {
		return how, err
	}
	return fmt.Sprintf("%s, back by rejoin after %.1fs", how, time.Since(began).Seconds()), nil
}

// settles waits until the cluster is healthy, or node n is quarantined, or it is clear that it will not take part. Nobody else may end.
func (c *Cluster) settles(n *Node) (healthy bool, err error) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); wait(50 * time.Millisecond) {
		for _, other := range c.Followers(n) {
			if !other.Running() {
				return false, fmt.Errorf("%s has ended: exit code %d", other.Name, other.process.cmd.ProcessState.ExitCode())
			}
		}
		if !n.Running() {
			return false, nil
		}
		if c.unhealthy(c.t.Context()) == nil {
			return true, nil
		}
	}
	return false, nil
}
