package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/raftmq/raftmq/bench"
)

func TestBenchUsageErrors(t *testing.T) {
	tests := []struct {
		name, args, want string
	}{
		{"no size", "produce --size big", "--size big: write numbers"},
		{"too small for a mark", "e2e --size 10", "size 10: use 24 to"},
		{"no rate", "produce --rate fast", "--rate fast"},
		{"negative concurrency", "produce --concurrency -4", "concurrency -4: use 1 to"},
		{"unknown output", "produce -o xml", "--output xml: write table, json, csv, rocketmq or html"},
		{"unknown ending", "consume --out report.pdf", "--out report.pdf: the ending says the format"},
		{"unknown payload", "produce --payload ones", `payload "ones"`},
		{"an SLO that is none", "produce --find-max --slo fast", `SLO "fast"`},
		{"find-max of a sweep", "produce --find-max --size 1,2", "takes no lists"},
		{"unknown action", "failover --action explode", "--action explode: use one of"},
		{"faults faster than healing", "failover --times 2 --every 5s", "a fault is healed after 10s"},
		{"a quote that is not closed", `failover --fault-command 'kill`, "a quote is not closed"},
		{"healing alone", "failover --heal-command x", "belongs to --fault-command"},
		{"unknown suite", "suite slow", "there are: quick, standard"},
		{"a condition that is none", "compare a b --fail-if p99", `condition "p99"`},
		{"RocketMQ's option that cannot be had", "produce -m true", "-m true: there is no message trace"},
		{"RocketMQ's option without a value", "produce -ri", "-ri needs a value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if r := raftmq(t, nil, append([]string{"bench"}, strings.Fields(tt.args)...)...); r.code != exitUsage || !strings.Contains(r.stderr, tt.want) {
				t.Errorf("got %d %q, want 2 with %q", r.code, r.stderr, tt.want)
			}
		})
	}
}

func TestBenchWithoutAClusterSaysWhatItAsked(t *testing.T) {
	r := raftmq(t, []string{"NAMESRV_ADDR=127.0.0.1:1"}, "bench", "produce", "--duration", "1s")
	if r.code != exitFailed || !strings.Contains(r.stderr, "127.0.0.1:1 (NAMESRV_ADDR)") || r.stdout != "" {
		t.Errorf("got %+v", r)
	}
	r = raftmq(t, nil, "bench", "failover", "--dir", filepath.Join(t.TempDir(), "none"))
	if r.code != exitFailed || !strings.Contains(r.stderr, "no dev cluster") || !strings.Contains(r.stderr, "--fault-command") {
		t.Errorf("got %+v", r)
	}
}

func TestRocketMQOptions(t *testing.T) {
	tests := []struct{ args, want string }{
		{"bench produce -n ns:9876 -t T -w 64 -s 128 -k true -ri 1000", "bench produce -n ns:9876 -t T -w 64 -s 128 --keys=true --interval 1000ms"},
		{"bench produce -c true -ct ZLIB -cl 5 -ch 2048 -y true -m false -a false", "bench produce --compress=true --compress-above 2048"},
		{"bench produce -k -c --rate 5", "bench produce -k -c --rate 5"},
		{"bench consume -g group -p false -f TAG -ri 500", "bench consume -g group --interval 500ms"},
		{"topic produce T -k true", "topic produce T -k true"},
		{"bench e2e -ri 5", "bench e2e -ri 5"},
		{"bench", "bench"},
	}
	for _, tt := range tests {
		if got, err := rocketMQOptions(strings.Fields(tt.args)); err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%s\ngot  %q, %v\nwant %s", tt.args, got, err, tt.want)
		}
	}
}

func TestSplitWords(t *testing.T) {
	tests := []struct {
		line string
		want []string
	}{
		{"kill -9  7", []string{"kill", "-9", "7"}},
		{`ssh n0 "systemctl stop 'x y'"`, []string{"ssh", "n0", "systemctl stop 'x y'"}},
		{`a '' b"c d"e`, []string{"a", "", "bc de"}},
		{"rm $HOME; true", []string{"rm", "$HOME;", "true"}},
		{"", nil}, {"   ", nil}, {`a "b`, nil},
	}
	for _, tt := range tests {
		got, err := splitWords(tt.line)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
			t.Errorf("%q: %q, %v", tt.line, got, err)
		}
	}
}

// TestBenchAgainstACluster runs every kind of run against three nodes whose leader is killed.
func TestBenchAgainstACluster(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := filepath.Join(t.TempDir(), "dev")
	t.Cleanup(func() { keepLogs(t, dir) })
	up := mustRun(t, "dev", "up", "--dir", dir, "--port-base", fmt.Sprint(freeBase(t)))
	t.Cleanup(func() { raftmq(t, nil, "dev", "down", "--dir", dir) })
	_, namesrv, _ := strings.Cut(up, "export NAMESRV_ADDR=")
	namesrv = strings.TrimSpace(namesrv)

	t.Run("sweep", func(t *testing.T) {
		lines := strings.Split(strings.TrimSpace(mustRun(t, "bench", "produce", "-n", namesrv, "--size", "100,1KiB", "-w", "1,8", "--warmup", "0s", "--duration", "200ms", "-o", "csv")), "\n")
		if len(lines) != 5 || !strings.HasPrefix(lines[4], "produce 1KiB c8,produce,acked,1024,8,") {
			t.Errorf("got %q", lines)
		}
	})
	t.Run("RocketMQ's form", func(t *testing.T) {
		out := mustRun(t, "bench", "produce", "-o", "rocketmq", "-n", namesrv, "-t", "counted", "-w", "4", "-s", "128", "-k", "true", "-q", "300", "-ri", "1000")
		if !strings.Contains(out, "[Complete] Send Total: 300 | Send TPS: ") {
			t.Errorf("got %q", out)
		}
	})
	t.Run("consume", func(t *testing.T) {
		r := reportOf(t, mustRun(t, "bench", "consume", "-n", namesrv, "-t", "counted", "-o", "json"))
		if n := r.Runs[0].Main().Messages; n != 300 {
			t.Errorf("read %d messages of 300", n)
		}
	})
	t.Run("e2e", func(t *testing.T) {
		r := reportOf(t, mustRun(t, "bench", "e2e", "-n", namesrv, "--rate", "100", "--warmup", "0s", "--duration", "1s", "-o", "json"))
		if c := r.Runs[0].Checks; c.Acked != 100 || c.Found != 100 || c.Broken() {
			t.Errorf("checks %+v", c)
		}
		if b := r.Environment.Brokers; len(b) != 1 || b[0].Config["flushDiskType"] != "SYNC_FLUSH" || r.Environment.Cores == 0 || r.Command[1] != "bench" {
			t.Errorf("environment %+v, command %q", r.Environment, r.Command)
		}
	})
	t.Run("interrupt", func(t *testing.T) { benchIsInterrupted(t, namesrv) })
	t.Run("a fault that cannot be made", func(t *testing.T) {
		r := binary(t, "bench", "failover", "-n", namesrv, "--rate", "50", "--at", "100ms", "--duration", "1s", "--fault-command", "false")
		if r.code != exitFailed || !strings.Contains(r.stderr, `the fault "false" was not made: exit status 1`) || !strings.Contains(r.stdout, "lost 0") {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("failover", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "report")
		out := mustRun(t, "bench", "failover", "--dir", dir, "--rate", "200", "--at", "1s", "--heal-after", "2s", "--duration", "5s", "--out", file+".json", "--out", file+".html")
		b, err := os.ReadFile(file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		r := reportOf(t, string(b)).Runs[0]
		if c := r.Checks; c.Acked != 1000 || c.Broken() || len(r.Faults) != 2 || r.Faults[0].Error+r.Faults[1].Error != "" || r.Gap.Millis == 0 {
			t.Errorf("checks %+v, faults %+v, gap %+v\n%s", c, r.Faults, r.Gap, out)
		}
		page, err := os.ReadFile(file + ".html")
		if err != nil || !bytes.Contains(page, []byte("kill leader")) || bytes.Contains(page, []byte("<script")) {
			t.Errorf("page of %d bytes, %v", len(page), err)
		}
		if c := binary(t, "bench", "compare", file+".json", file+".json", "--fail-if", "p99>+10%"); c.code != 0 {
			t.Errorf("compared with itself: %+v", c)
		}
		if c := binary(t, "bench", "compare", file+".json", file+".json", "--fail-if", "p99>1us"); c.code != exitFailed || !strings.Contains(c.stderr, "p99>1us") {
			t.Errorf("a condition that is met: %+v", c)
		}
	})
}

func reportOf(t *testing.T, text string) *bench.Report {
	t.Helper()
	r, err := bench.ReadReport(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return r
}

// benchIsInterrupted shows that an interrupt ends a run early, and that its result is printed all the same.
func benchIsInterrupted(t *testing.T, namesrv string) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "bench", "produce", "-n", namesrv, "--duration", "60s", "--warmup", "0s", "--step", "100ms", "--interval", "100ms", "-o", "json")
	cmd.Env = append(os.Environ(), roleVariable+"=raftmq")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 1)
	if _, err := progress.Read(line); err != nil { // the first line of progress: it is sending
		t.Fatal(err)
	}
	cmd.Process.Signal(syscall.SIGINT)
	var rest bytes.Buffer
	rest.ReadFrom(progress)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, rest.String())
	}
	var r bench.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || !r.Runs[0].Interrupted || r.Runs[0].Main().Messages == 0 || r.Runs[0].Main().Seconds > 30 {
		t.Errorf("%v: %s", err, stdout.String())
	}
}
