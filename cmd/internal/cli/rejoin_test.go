package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rejoinCluster is a dev cluster of three nodes with a topic.
type rejoinCluster struct {
	t       *testing.T
	dir     string
	namesrv string
	sent    int
}

func newRejoinCluster(t *testing.T) *rejoinCluster {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	c := &rejoinCluster{t: t, dir: filepath.Join(t.TempDir(), "dev")}
	t.Cleanup(func() { keepLogs(t, c.dir) })
	up := mustRun(t, "dev", "up", "--dir", c.dir, "--port-base", fmt.Sprint(freeBase(t)))
	t.Cleanup(func() { raftmq(t, nil, "dev", "down", "--dir", c.dir) })
	_, namesrv, _ := strings.Cut(up, "export NAMESRV_ADDR=")
	c.namesrv = strings.TrimSpace(namesrv)
	mustRun(t, "topic", "create", "orders", "--queues", "4", "-n", c.namesrv)
	c.send()
	return c
}

// send sends one more message.
func (c *rejoinCluster) send() {
	c.t.Helper()
	c.sent++
	mustRun(c.t, "topic", "produce", "orders", "-m", fmt.Sprintf("message %d", c.sent), "-n", c.namesrv)
}

// kill kills a follower and returns its name.
func (c *rejoinCluster) kill() string {
	c.t.Helper()
	return strings.Fields(mustRun(c.t, "dev", "kill", "follower", "--dir", c.dir))[0]
}

// member is the directory of a node's member.
func (c *rejoinCluster) member(node string) string { return filepath.Join(c.dir, node, "RaftNode00") }

// aside are the directories that were set aside.
func (c *rejoinCluster) aside() []string {
	all, err := filepath.Glob(filepath.Join(c.dir, "*", setAsideDir, "*"))
	if err != nil {
		c.t.Fatal(err)
	}
	return all
}

// whole checks that three members vote, that every message is there, and that every member's files are in order.
func (c *rejoinCluster) whole() {
	t := c.t
	t.Helper()
	rows := peersOf(t, c.dir)
	for _, row := range rows {
		if !row.Voter || row.State == "unreachable" || len(rows) != 3 {
			t.Errorf("after the rejoin: %+v", rows)
			break
		}
	}
	c.send()
	out := mustRun(t, "topic", "consume", "orders", "--from", "first", "--count", fmt.Sprint(c.sent), "--timeout", "20s", "-n", c.namesrv)
	for i := 1; i <= c.sent; i++ {
		if !strings.Contains(out, fmt.Sprintf("message %d\n", i)) {
			t.Errorf("message %d of %d is missing in %q", i, c.sent, out)
		}
	}
	mustRun(t, "dev", "down", "--dir", c.dir)
	for _, n := range statusOf(t, c.dir).Nodes {
		mustRun(t, "debug", "verify", filepath.Dir(n.Dir))
	}
}

// flip flips a bit of the file at offset at.
func flip(t *testing.T, file string, at int64) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRL5_RejoinAfterDamage (R-L2, R-L5): a member with a bad record does not start, says where it is damaged and what brings it back; that
// command does, and keeps the damaged files.
func TestRL5_RejoinAfterDamage(t *testing.T) {
	c := newRejoinCluster(t)
	id := c.kill()
	segment := filepath.Join(c.member(id), commitlogDir, "00000000000000000000")
	flip(t, segment, 64+4)
	r := binary(t, "broker", "-c", filepath.Join(c.dir, devClusterFile), "--node", id, "--data", c.dir)
	want := "next step, while the other members serve: raftmq raft rejoin -c " + filepath.Join(c.dir, devClusterFile) + " --node " + id + " --data " + c.dir
	if r.code != exitQuarantined || !strings.Contains(r.stderr, segment) || !strings.Contains(r.stderr, "position 00000000000000000000") || !strings.Contains(r.stderr, want) {
		t.Fatalf("start of a damaged member: %+v", r)
	}
	out := mustRun(t, "raft", "rejoin", "-c", filepath.Join(c.dir, devClusterFile), "--node", id, "--data", c.dir)
	if !strings.Contains(out, "with a vote; removed: "+id+"@") {
		t.Errorf("rejoin printed %s", out)
	}
	if kept := c.aside(); len(kept) != 1 {
		t.Errorf("set aside: %v", kept)
	} else if r := binary(t, "debug", "verify", kept[0]); r.code != exitUnhealthy {
		t.Errorf("verify of what was set aside: %+v", r)
	}
	if r := binary(t, "raft", "rejoin", id, "--dir", c.dir); r.code != exitUsage || !strings.Contains(r.stderr, "in order") {
		t.Errorf("a second rejoin: %+v", r)
	}
	c.whole()
}

// TestRP4_RejoinAfterWipe (R-P4): whether the node waits to be added already or is still down.
func TestRP4_RejoinAfterWipe(t *testing.T) {
	c := newRejoinCluster(t)
	for _, started := range []bool{false, true} {
		id := c.kill()
		if err := os.RemoveAll(c.member(id)); err != nil {
			t.Fatal(err)
		}
		if started {
			mustRun(t, "dev", "start", id, "--dir", c.dir)
		}
		c.send()
		if out := mustRun(t, "raft", "rejoin", id, "--dir", c.dir); !strings.Contains(out, "with a vote") {
			t.Errorf("rejoin printed %s", out)
		}
	}
	c.whole()
}

// TestRejoinWaitsForTheStart: a node that no dev cluster starts is waited for, and another member's directory in its place (R-P3) is
// recognised.
func TestRejoinWaitsForTheStart(t *testing.T) {
	c := newRejoinCluster(t)
	file := filepath.Join(t.TempDir(), "cluster.hcl")
	text, err := os.ReadFile(filepath.Join(c.dir, devClusterFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), devSecretFile, filepath.Join(c.dir, devSecretFile))), 0o600); err != nil {
		t.Fatal(err)
	}
	leader := leaderOf(statusOf(t, c.dir))
	id := c.kill()
	if err := os.RemoveAll(c.member(id)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(c.member(id), os.DirFS(c.member(leader))); err != nil {
		t.Fatal(err)
	}
	if r := binary(t, "broker", "-c", file, "--node", id, "--data", c.dir); r.code != exitQuarantined || !strings.Contains(r.stderr, "belongs to member "+leader) {
		t.Fatalf("start over another member's directory: %+v", r)
	}
	done := make(chan result, 1)
	go func() {
		done <- binary(t, "raft", "rejoin", "-c", file, "--node", id, "--data", c.dir, "--timeout", "60s")
	}()
	eventually(t, "the directory is set aside", func() bool { return len(c.aside()) == 1 })
	mustRun(t, "dev", "start", id, "--dir", c.dir)
	if r := <-done; r.code != 0 || !strings.Contains(r.stdout, "start the node now, for instance with: raftmq broker -c "+file) {
		t.Errorf("rejoin: %+v", r)
	}
	c.whole()
}

// TestRejoinNeedsTheOthers: without a leader nothing is touched.
func TestRejoinNeedsTheOthers(t *testing.T) {
	c := newRejoinCluster(t)
	first := c.kill()
	mustRun(t, "dev", "kill", "follower", "--dir", c.dir)
	eventually(t, "no leader serves", func() bool {
		return strings.Contains(binary(t, "cluster", "status", "--dir", c.dir).stderr, "no serving leader")
	})
	if r := binary(t, "raft", "rejoin", first, "--dir", c.dir); r.code != exitUnhealthy || !strings.Contains(r.stderr, "nothing was changed") || len(c.aside()) > 0 {
		t.Errorf("rejoin without a quorum: %+v", r)
	}
}

// TestRP5_RejoinAfterAnOldCopyWasRestored (R-P5): the others remember what the member had promised to keep. It ends, stays away, and comes back.
func TestRP5_RejoinAfterAnOldCopyWasRestored(t *testing.T) {
	c := newRejoinCluster(t)
	id := c.kill()
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(c.member(id))); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "dev", "start", id, "--dir", c.dir)
	for range 5 {
		c.send()
	}
	eventually(t, "all serve again", func() bool { return binary(t, "cluster", "status", "--dir", c.dir).code == 0 })
	mustRun(t, "dev", "kill", id, "--dir", c.dir)
	if err := os.RemoveAll(c.member(id)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(c.member(id), os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	binary(t, "dev", "start", id, "--dir", c.dir) // it may come up before it is told
	dead := func() bool {
		for _, n := range statusOf(t, c.dir).Nodes {
			if n.ID == id {
				return n.Role == "dead"
			}
		}
		return false
	}
	eventually(t, "the old copy has left", dead)
	r := binary(t, "dev", "start", id, "--dir", c.dir)
	if r.code == 0 || !strings.Contains(r.stderr, "older copy") || !strings.Contains(r.stderr, "raftmq raft rejoin") {
		t.Errorf("start over an old copy: %+v", r)
	}
	mustRun(t, "raft", "rejoin", id, "--dir", c.dir)
	c.whole()
}
