package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary runs this test binary as raftmq with a time limit and returns what it did.
func binary(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"=raftmq")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// mustRun is binary for a command that has to succeed.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	r := binary(t, args...)
	if r.code != 0 {
		t.Fatalf("raftmq %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// freeBase finds a port from which portSpan ports are free.
func freeBase(t *testing.T) int {
	t.Helper()
	for range 100 {
		base := 10000 + rand.IntN(200)*portSpan
		if rangeFree(base) {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func rangeFree(base int) bool {
	for port := base; port < base+portSpan; port++ {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		ln.Close()
	}
	return true
}

func statusOf(t *testing.T, dir string) devStatus {
	t.Helper()
	var s devStatus
	if err := json.Unmarshal([]byte(mustRun(t, "dev", "status", "-o", "json", "--dir", dir)), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func roles(s devStatus) map[string]int {
	count := map[string]int{}
	for _, n := range s.Nodes {
		count[n.Role]++
	}
	return count
}

// TestClusterOutlivesItsLeader is the README's fail-over with real processes.
func TestClusterOutlivesItsLeader(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := filepath.Join(t.TempDir(), "dev")
	t.Cleanup(func() { keepLogs(t, dir) })
	up := mustRun(t, "dev", "up", "--dir", dir, "--port-base", fmt.Sprint(freeBase(t)))
	t.Cleanup(func() { raftmq(t, nil, "dev", "down", "--dir", dir) })
	_, namesrv, found := strings.Cut(up, "export NAMESRV_ADDR=")
	if namesrv = strings.TrimSpace(namesrv); !found {
		t.Fatalf("dev up printed\n%s", up)
	}
	if s := statusOf(t, dir); roles(s)["leader"] != 1 || roles(s)["follower"] != 2 {
		t.Fatalf("after up: %+v", s)
	}
	mustRun(t, "topic", "create", "orders", "--queues", "4", "-n", namesrv)
	mustRun(t, "topic", "produce", "orders", "-m", "before", "-n", namesrv)

	killed := strings.Fields(mustRun(t, "dev", "kill", "leader", "--dir", dir))[0]
	mustRun(t, "topic", "produce", "orders", "-m", "after", "-n", namesrv)
	if s := statusOf(t, dir); roles(s)["dead"] != 1 || roles(s)["leader"] != 1 {
		t.Errorf("after kill leader: %+v", s)
	}
	out := mustRun(t, "topic", "consume", "orders", "--from", "first", "--count", "2", "--timeout", "20s", "-n", namesrv)
	if !strings.Contains(out, "before\n") || !strings.Contains(out, "after\n") {
		t.Errorf("consumed %q", out)
	}
	if r := binary(t, "cluster", "status", "--dir", dir); r.code != exitUnhealthy {
		t.Errorf("cluster status with a dead node: %+v", r)
	}

	mustRun(t, "dev", "start", killed, "--dir", dir)
	crashed := strings.Fields(mustRun(t, "dev", "crash", "leader", "--dir", dir))[0]
	mustRun(t, "topic", "produce", "orders", "-m", "after "+crashed, "-n", namesrv)
	eventually(t, "all serve again", func() bool { return binary(t, "cluster", "status", "--dir", dir).code == 0 })

	replaceWiped(t, dir)
	leader := leaderOf(statusOf(t, dir))
	mustRun(t, "raft", "transfer-leader", "--dir", dir)
	eventually(t, "another leads", func() bool { l := leaderOf(statusOf(t, dir)); return l != "" && l != leader })
	mustRun(t, "raft", "boundary", "--dir", dir)
	if r := binary(t, "debug", "verify", statusOf(t, dir).Nodes[0].Dir); r.code != exitUnhealthy || !strings.Contains(r.stdout, "stop the member first") {
		t.Errorf("verify of a running member: %+v", r)
	}
	mustRun(t, "dev", "down", "--dir", dir)
	for _, n := range statusOf(t, dir).Nodes {
		if out := mustRun(t, "debug", "verify", n.Dir); !strings.Contains(out, n.Dir+": ok") {
			t.Errorf("verify %s: %s", n.ID, out)
		}
	}

	mustRun(t, "dev", "up", "--dir", dir)
	out = mustRun(t, "topic", "consume", "orders", "--from", "first", "--count", "3", "--timeout", "20s", "-n", namesrv)
	if strings.Count(out, "\n") != 3 {
		t.Errorf("after a restart: %q", out)
	}
	mustRun(t, "dev", "down", "--wipe", "--dir", dir)
}

// replaceWiped empties the directory of a follower, which is refused under its old identity and comes back as a new instance.
func replaceWiped(t *testing.T, dir string) {
	t.Helper()
	id := strings.Fields(mustRun(t, "dev", "kill", "follower", "--dir", dir))[0]
	var old, raft string
	for _, row := range peersOf(t, dir) {
		if row.Node == id {
			old, raft = row.ID, row.Address
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, id)); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, "dev", "start", id, "--dir", dir); !strings.Contains(out, "raftmq raft rejoin "+id) {
		t.Errorf("start of a wiped node: %s", out)
	}
	mustRun(t, "raft", "add-peer", id, raft, "--dir", dir)
	mustRun(t, "raft", "remove-peer", old, "--dir", dir)
	rows := peersOf(t, dir)
	for _, row := range rows {
		if row.ID == old || row.State == "unreachable" || !row.Voter {
			t.Errorf("after the replacement: %+v", row)
		}
	}
	if len(rows) != 3 {
		t.Errorf("after the replacement there are %d members: %+v", len(rows), rows)
	}
}

func peersOf(t *testing.T, dir string) []peerRow {
	t.Helper()
	var rows []peerRow
	if err := json.Unmarshal([]byte(mustRun(t, "raft", "list-peers", "-o", "json", "--dir", dir)), &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func leaderOf(s devStatus) string {
	id, term := "", uint64(0)
	for _, n := range s.Nodes {
		if n.Role == "leader" && n.Term >= term {
			id, term = n.ID, n.Term
		}
	}
	return id
}

// keepLogs shows the end of every log of a test that failed.
func keepLogs(t *testing.T, dir string) {
	if !t.Failed() {
		return
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	for _, file := range logs {
		d := dev{dir: dir}
		t.Logf("%s:\n%s", file, d.logTail(strings.TrimSuffix(filepath.Base(file), ".log")))
	}
}

// TestServerIsReadyInSeconds runs raftmq server as its users do.
func TestServerIsReadyInSeconds(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process")
	}
	base := freeBase(t)
	port := func(i int) string { return fmt.Sprint(base + i) }
	data := t.TempDir()
	cmd := exec.Command(os.Args[0], "server", "--data", data, "--namesrv-port", port(0), "--port", port(4), "--raft-port", port(5), "--admin-port", port(6))
	cmd.Env = append(os.Environ(), roleVariable+"=raftmq", "NAMESRV_ADDR=127.0.0.1:1") // what a user may have set changes nothing
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "raftmq is ready.\n" {
		t.Fatalf("it says %q, %v", line, err)
	}
	t.Logf("ready after %v", time.Since(started))
	namesrv := "127.0.0.1:" + port(0)
	mustRun(t, "topic", "produce", "TopicTest", "-m", "hello", "-n", namesrv)
	consumed := mustRun(t, "topic", "consume", "TopicTest", "--from", "first", "--count", "1", "--timeout", "20s", "-n", namesrv)
	if !strings.Contains(consumed, "hello") {
		t.Errorf("consumed %q", consumed)
	}
	if r := binary(t, "cluster", "status", "--admin", "127.0.0.1:"+port(6)); r.code != 0 {
		t.Errorf("cluster status: %+v", r)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	mustRun(t, "debug", "verify", data)
	damage(t, filepath.Join(data, "n0", "RaftNode00", commitlogDir), "hello")
	if r := binary(t, "debug", "verify", data); r.code != exitUnhealthy || !strings.Contains(r.stdout, "WRONG: ") {
		t.Errorf("verify of a damaged member: %+v", r)
	}
}

// damage flips a bit of text in the segments of dir.
func damage(t *testing.T, dir, text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(b, []byte(text)); at >= 0 {
			b[at] ^= 1
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%q is in no file of %s", text, dir)
}
