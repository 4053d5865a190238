package cli

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s has no description or no example", c.CommandPath())
		}
		for _, line := range strings.Split(c.Example, "\n") {
			if !strings.Contains(line, "raftmq") {
				t.Errorf("%s: example %q does not show the command", c.CommandPath(), line)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(Environment{}))
}

func TestUsageErrors(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"unknown command", []string{"brokr"}, `unknown command "brokr"`},
		{"unknown subcommand", []string{"raft", "list"}, `unknown command "list" for "raftmq raft"`},
		{"unknown flag", []string{"server", "--prt", "1"}, "see: raftmq server --help"},
		{"missing argument", []string{"raft", "add-peer", "n3"}, "accepts 2 arg(s)"},
		{"broker without a file", []string{"broker"}, "-c"},
		{"broker without a node", []string{"broker", "-c", "../../../config/testdata/three-node.hcl"}, "--node n0|n1|n2"},
		{"broker of a wrong node", []string{"broker", "-c", "../../../config/testdata/three-node.hcl", "--node", "n7"}, `--node: node "n7" is a peer of no broker group`},
		{"level that is none", []string{"server", "--log-level", "loud"}, "write one of: trace, debug, info, warn, error"},
		{"output that is none", []string{"version", "-o", "xml"}, "write table or json"},
		{"address without a port", []string{"raft", "add-peer", "n3", "10.0.0.1"}, "host:port"},
		{"rejoin of nothing", []string{"raft", "rejoin", "n1", "--dir", "none"}, "name the cluster file with -c, or the dev cluster with --dir"},
		{"rejoin of nobody", []string{"raft", "rejoin", "-c", "../../../config/testdata/three-node.hcl"}, "which node is it? there are: n0, n1, n2"},
		{"rejoin of a wrong node", []string{"raft", "rejoin", "-c", "../../../config/testdata/three-node.hcl", "--node", "n7"}, `no broker group has a peer "n7"`},
		{"rejoin of two nodes", []string{"raft", "rejoin", "n1", "-c", "../../../config/testdata/three-node.hcl", "--node", "n2"}, "which node: n1 or n2?"},
		{"rejoin of a wrong group", []string{"raft", "rejoin", "n1", "-c", "../../../config/testdata/three-node.hcl", "--group", "G"}, `n1 is no peer of broker group "G"`},
		{"even group", []string{"dev", "up", "--nodes", "2", "--dir", "none"}, "use 1, 3, 5 or 7"},
		{"too many nodes", []string{"dev", "up", "--groups", "9", "--dir", "none"}, "room for 24 nodes"},
		{"ports beyond the end", []string{"dev", "up", "--port-base", "65500", "--dir", "none"}, "use 1024 to"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if r := raftmq(t, nil, tt.args...); r.code != exitUsage || !strings.Contains(r.stderr, tt.want) {
				t.Errorf("got %d %q, want 2 with %q", r.code, r.stderr, tt.want)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	r := raftmq(t, nil, "version", "-o", "json")
	var v struct{ Version, Go string }
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || v.Version == "" || !strings.HasPrefix(v.Go, "go1.") {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if r := raftmq(t, nil, "completion", shell); r.code != 0 || !strings.Contains(r.stdout, "raftmq") {
			t.Errorf("%s: %d", shell, r.code)
		}
	}
}

func TestCalledByRocketMQNames(t *testing.T) {
	for name, want := range map[string]string{"/usr/bin/mqnamesrv": "namesrv", "mqbroker": "broker", "raftmq": "-x"} {
		if got := arguments([]string{name, "-x"}); got[0] != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestNoAdminPortAnswers(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close()
	r := raftmq(t, nil, "raft", "list-peers", "--admin", address)
	if r.code != exitFailed || !strings.Contains(r.stderr, address) || !strings.Contains(r.stderr, "--admin HOST:PORT") {
		t.Errorf("got %+v", r)
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r := raftmq(t, nil, "namesrv", "--listen", ln.Addr().String())
	if r.code != exitFailed || !strings.Contains(r.stderr, "address already in use; is another process running there?") {
		t.Errorf("got %+v", r)
	}
}

func TestInheritedListeners(t *testing.T) {
	tests := []struct {
		name    string
		environ []string
		ok      bool
	}{
		{"nothing", nil, true},
		{"for another process", []string{"LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_FDNAMES=admin"}, true},
		{"names that do not fit", []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=admin"}, false},
		{"no number", []string{"LISTEN_FDS=x", "LISTEN_FDNAMES=admin"}, false},
	}
	for _, tt := range tests {
		l, err := inheritedListeners(tt.environ)
		if (err == nil) != tt.ok || err == nil && len(l.unused()) != 0 {
			t.Errorf("%s: %v, %v", tt.name, l, err)
		}
	}
}

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "": false} {
		if got := confirm(strings.NewReader(answer), &strings.Builder{}, "sure?"); got != want {
			t.Errorf("%q: %v", answer, got)
		}
	}
}

func TestCgroupMemory(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("self", "0::/a/b\n")
	write("a/b/memory.max", "max\n")
	if got := cgroupMemory(filepath.Join(root, "self"), root); got != 1<<63-1 {
		t.Errorf("no limit: %d", got)
	}
	write("a/memory.max", "104857600\n")
	if got := cgroupMemory(filepath.Join(root, "self"), root); got != 100<<20 {
		t.Errorf("limit of the parent: %d", got)
	}
	if got := cgroupMemory(filepath.Join(root, "none"), root); got != 1<<63-1 {
		t.Errorf("no cgroup: %d", got)
	}
}
