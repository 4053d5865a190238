//go:build linux

package cluster

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Rot is damage to the files of one member that does not run.
type Rot struct {
	Kind  string // flip, zero, garbage, truncate, missing, stale
	Place string // a key of places, or "directory"
}

func (r Rot) String() string { return r.Kind + " " + r.Place }

// places are the kinds of file that a member has, by the path within its directory. Of several files the damaged one is drawn.
var places = map[string]func(path string, lastSegment string) bool{
	"sealed segment": func(p, last string) bool { return isSegment(p) && p != last },
	"open segment":   func(p, last string) bool { return p == last },
	"index file":     func(p, _ string) bool { return strings.HasPrefix(p, "commitlog/") && strings.HasSuffix(p, ".index") },
	"durable mark":   func(p, _ string) bool { return p == "commitlog/mark" },
	"stable store":   func(p, _ string) bool { return p == "stable.db" },
	"state":          func(p, _ string) bool { return p == "state.db" },
	"identity":       func(p, _ string) bool { return p == "meta" },
	"image":          func(p, _ string) bool { return strings.HasPrefix(p, "images/") },
	"consume queue":  func(p, _ string) bool { return strings.HasPrefix(p, "consumequeue/") },
}

func isSegment(path string) bool {
	name, ok := strings.CutPrefix(path, "commitlog/")
	return ok && len(name) == 20 && strings.Trim(name, "0123456789") == ""
}

// Rots are all kinds of damage at all places where they make sense.
func Rots() []Rot {
	all := []Rot{{"missing", "directory"}, {"stale", "directory"}}
	for _, place := range sortedKeys(places) {
		for _, kind := range []string{"flip", "zero", "garbage", "truncate", "missing", "stale"} {
			if kind != "stale" || place != "sealed segment" && place != "index file" && place != "image" { // those never change
				all = append(all, Rot{kind, place})
			}
		}
	}
	return all
}

// find draws the file that is to be damaged, "" if the member has none of that kind.
func (r Rot) find(dir string, rnd *rand.Rand) (path string, err error) {
	var files []string
	last := ""
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if end, err := contentEnd(path); err != nil || end == 0 {
			return err // a segment that is preallocated, a lock
		}
		if isSegment(rel) {
			last = max(last, rel)
		}
		files = append(files, rel)
		return nil
	})
	var fit []string
	for _, f := range files {
		if places[r.Place](f, last) {
			fit = append(fit, f)
		}
	}
	if err != nil || len(fit) == 0 {
		return "", err
	}
	return filepath.Join(dir, fit[rnd.IntN(len(fit))]), nil
}

// contentEnd is where the zeros at the end of a file begin.
func contentEnd(path string) (int64, error) {
	b, err := os.ReadFile(path)
	return int64(len(bytes.TrimRight(b, "\x00"))), err
}

// damage does what r says to a file, of which old is an older copy for "stale", and says what it did.
func (r Rot) damage(path, old string, rnd *rand.Rand) (string, error) {
	const page = 4096
	end, err := contentEnd(path)
	if err != nil {
		return "", err
	}
	at := rnd.Int64N(end)
	switch r.Kind {
	case "flip":
		err = change(path, at, 1, func(b []byte) { b[0] ^= 1 << rnd.IntN(8) })
	case "zero":
		at -= at % page
		err = change(path, at, page, func(b []byte) { clear(b) })
	case "garbage":
		at -= at % page
		err = change(path, at, page, func(b []byte) {
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
		})
	case "truncate":
		err = os.Truncate(path, at)
	case "missing":
		at, err = 0, os.Remove(path)
	case "stale":
		at, err = 0, copyOver(old, path)
	}
	return fmt.Sprintf("%s of %s at %d of %d", r.Kind, filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), at, end), err
}

// change changes up to n bytes of a file from at on.
func change(path string, at, n int64, f func([]byte)) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f(b[at:min(at+n, int64(len(b)))])
	return os.WriteFile(path, b, 0o600)
}

// copyOver makes to what from is: a file or a directory.
func copyOver(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-r", "--sparse=always", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

const exitUnhealthy = 3 // of a command: what it looked at is not well

// Rejoin runs "raftmq raft rejoin" on the node's machine, again while the group has no leader, and starts the broker when the command has
// made way for it.
func (n *Node) Rejoin(limit time.Duration) error {
	token := filepath.Join(n.cluster.dir, "token")
	if err := os.WriteFile(token, []byte(adminToken), 0o600); err != nil {
		return err
	}
	for end := time.Now().Add(limit); ; wait(200 * time.Millisecond) {
		code, err := n.rejoin(token, time.Until(end))
		switch {
		case err != nil || code == 0:
			return err
		case code != exitUnhealthy || time.Now().After(end):
			return fmt.Errorf("raftmq raft rejoin ended with exit code %d", code)
		}
	}
}

// rejoin is one run of the command.
func (n *Node) rejoin(token string, limit time.Duration) (code int, err error) {
	var admins []string
	for _, m := range n.cluster.Nodes {
		admins = append(admins, m.AdminAddr())
	}
	p, err := run(n.Host, n.log, "raft", "rejoin", "-c", n.cluster.file, "--node", n.Name, "--data", n.Disk.Path, "--admin", strings.Join(admins, ","),
		"--token-file", token, "--timeout", limit.String())
	if err != nil {
		return 0, err
	}
	for p.running() && !n.Running() {
		if _, err := os.Stat(n.Dir()); err != nil { // it was set aside
			if err := n.Start(); err != nil {
				return 0, err
			}
		}
		wait(20 * time.Millisecond)
	}
	return p.wait(limit + time.Second)
}
