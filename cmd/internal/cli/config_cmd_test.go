package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raftmq/raftmq/config"
)

func TestConfigInitWritesWhatValidates(t *testing.T) {
	for _, name := range []string{"cluster.hcl", "cluster.yaml", "cluster.yml"} {
		for _, extra := range [][]string{nil, {"--full"}} {
			file := filepath.Join(t.TempDir(), name)
			r := raftmq(t, nil, append([]string{"config", "init", file, "--hosts", "10.1.0.1,10.1.0.2,10.1.0.3"}, extra...)...)
			if r.code != 0 || !strings.Contains(r.stdout, "raft.secret") {
				t.Fatalf("init: %+v", r)
			}
			if r = raftmq(t, nil, "config", "validate", file); r.code != 0 || r.stdout != file+": ok, broker groups: 1, nodes: n0 n1 n2\n" {
				t.Errorf("validate: %+v", r)
			}
			c, err := config.Load(config.Source{File: file})
			if err != nil {
				t.Fatal(err)
			}
			if secret, err := c.Brokers[0].Raft.LoadSecret(); err != nil || len(secret) != 64 {
				t.Errorf("secret: %q, %v", secret, err)
			}
			if st, err := os.Stat(filepath.Join(filepath.Dir(file), "raft.secret")); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("secret file: %v, %v", st.Mode(), err)
			}
			if r = raftmq(t, nil, "config", "init", file); r.code != 1 || !strings.Contains(r.stderr, "exists") {
				t.Errorf("init over a file: %+v", r)
			}
		}
	}
}

func TestConfigInitPrintsAWholeFile(t *testing.T) {
	for _, format := range []string{"hcl", "yaml"} {
		r := raftmq(t, nil, "config", "init", "--format", format)
		file := filepath.Join(t.TempDir(), "c."+format)
		if err := os.WriteFile(file, []byte(r.stdout), 0o600); err != nil {
			t.Fatal(err)
		}
		if v := raftmq(t, nil, "config", "validate", file); v.code != 0 {
			t.Errorf("%+v\n%s", v, r.stdout)
		}
	}
	if r := raftmq(t, nil, "config", "init", "--hosts", "a,b"); r.code != exitUsage || !strings.Contains(r.stderr, "2 voters") {
		t.Errorf("an even cluster: %+v", r)
	}
}

func TestConfigValidateReportsEverything(t *testing.T) {
	good, bad := "../../../config/testdata/three-node.hcl", "../../../config/testdata/units.bad.yaml"
	r := raftmq(t, nil, "config", "validate", good, bad)
	if r.code != exitUsage || !strings.Contains(r.stdout, good+": ok") || !strings.Contains(r.stderr, bad+":2:22: ") || !strings.HasSuffix(r.stderr, "\n3 problems in the configuration\n") {
		t.Errorf("got %+v", r)
	}
}

func TestConfigShow(t *testing.T) {
	file := "../../../config/testdata/three-node.hcl"
	r := raftmq(t, []string{"NAMESRV_ADDR=a:1;b:2"}, "config", "show", file, "--node", "n1")
	for _, want := range []string{`addrs = ["a:1", "b:2"]`, "# NAMESRV_ADDR", `node = "n1"`, "# --node", "# default", "# " + file + ":3"} {
		if r.code != 0 || !strings.Contains(r.stdout, want) {
			t.Errorf("no %s in\n%s%s", want, r.stdout, r.stderr)
		}
	}
	if r := raftmq(t, []string{"RAFTMQ_NODES=n1"}, "config", "show", file); r.code != exitUsage || !strings.Contains(r.stderr, "did you mean RAFTMQ_NODE?") {
		t.Errorf("unknown variable: %+v", r)
	}
}
