package compat

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// ownCluster is a three-node group that belongs to one test, which may stop its nodes. Such tests do not run in parallel: while one runs,
// NAMESRV_ADDR names its cluster.
type ownCluster struct {
	t           *testing.T
	binary, dir string
}

// ownPorts are used when no PORT_BASE says where the range of the tests' cluster lies; own clusters take the hundred behind it.
const ownPorts = 23400

// newOwnCluster starts a group; settings are lines of the broker block of its cluster file.
func newOwnCluster(t *testing.T, settings string) *ownCluster {
	t.Helper()
	return newOwnClusterOn(t, "127.0.0.1", settings)
}

// newOwnClusterOn is newOwnCluster on another address of this host.
func newOwnClusterOn(t *testing.T, host, settings string) *ownCluster {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	work := t.TempDir()
	c := &ownCluster{t: t, binary: filepath.Join(work, "raftmq"), dir: filepath.Join(work, "dev")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", c.binary, "./cmd/raftmq")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	base := ownPorts
	if n, err := strconv.Atoi(os.Getenv("PORT_BASE")); err == nil {
		base = n
	}
	file := filepath.Join(work, "cluster.hcl")
	if err := os.WriteFile(file, []byte(clusterFile(host, base+100, settings)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			c.showLogs()
		}
		if out, err := exec.Command(c.binary, "dev", "down", "--wipe", "--dir", c.dir).CombinedOutput(); err != nil {
			t.Errorf("down: %v: %s", err, out)
		}
	})
	c.raftmq("dev", "up", "-c", file, "--dir", c.dir)
	t.Setenv("NAMESRV_ADDR", net.JoinHostPort(host, strconv.Itoa(base+100)))
	return c
}

// clusterFile is a file of three nodes and a NameServer on the ports from base on.
func clusterFile(host string, base int, settings string) string {
	var b strings.Builder
	at := func(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
	fmt.Fprintf(&b, "namesrv {\n  listen = %q\n  addrs = [%q]\n}\n", at(base), at(base))
	fmt.Fprintf(&b, "broker \"RaftNode00\" {\n  vip_channel = false\n  topic {\n    auto_create = true\n  }\n%s\n", settings)
	for i := range 3 {
		first := base + 10*(i+1)
		fmt.Fprintf(&b, "  peer \"n%d\" {\n    raft = %q\n    client = %q\n    admin = %q\n  }\n", i, at(first), at(first+1), at(first+2))
	}
	b.WriteString("}\n")
	return b.String()
}

// raftmq runs a command and returns what it printed.
func (c *ownCluster) raftmq(args ...string) string {
	c.t.Helper()
	out, err := exec.CommandContext(c.t.Context(), c.binary, args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("raftmq %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (c *ownCluster) showLogs() {
	files, _ := filepath.Glob(filepath.Join(c.dir, "log", "*.log"))
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			c.t.Logf("end of %s:\n%s", file, text[max(0, len(text)-2000):])
		}
	}
}

// ownNode is a node as dev status shows it.
type ownNode struct {
	ID       string `json:"id"`
	Alive    bool   `json:"alive"`
	Role     string `json:"role"`
	Term     uint64 `json:"term"`
	Client   string `json:"client"`
	Admin    string `json:"admin"`
	BrokerID int64  `json:"broker_id"`
}

func (c *ownCluster) nodes() []ownNode {
	c.t.Helper()
	var status struct{ Nodes []ownNode }
	if err := json.Unmarshal([]byte(c.raftmq("dev", "status", "-o", "json", "--dir", c.dir)), &status); err != nil {
		c.t.Fatal(err)
	}
	return status.Nodes
}

// node returns the node that is registered under a broker id.
func (c *ownCluster) node(brokerID int64) ownNode {
	c.t.Helper()
	var found ownNode
	eventually(c.t, settle, func() error {
		for _, n := range c.nodes() {
			if n.Alive && n.BrokerID == brokerID {
				found = n
				return nil
			}
		}
		return fmt.Errorf("no node has broker id %d: %+v", brokerID, c.nodes())
	})
	return found
}

func (c *ownCluster) kill(n ownNode) {
	c.t.Helper()
	c.raftmq("dev", "kill", n.ID, "--dir", c.dir)
}

// start starts a node that was killed, and returns when all members take part.
func (c *ownCluster) start(n ownNode) {
	c.t.Helper()
	c.raftmq("dev", "start", n.ID, "--dir", c.dir)
	eventually(c.t, settle, func() error {
		for _, n := range c.nodes() {
			if n.Role != "leader" && n.Role != "follower" {
				return fmt.Errorf("%s is %s", n.ID, n.Role)
			}
		}
		return nil
	})
}

// delivered is how many messages a node has handed to consumers.
func (c *ownCluster) delivered(n ownNode) int {
	c.t.Helper()
	resp, err := http.Get("http://" + n.Admin + "/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "rocketmq_messages_out_total "); ok {
			count, err := strconv.ParseFloat(value, 64)
			if err != nil {
				c.t.Fatal(err)
			}
			return int(count)
		}
	}
	c.t.Fatalf("%s has no rocketmq_messages_out_total", n.Admin)
	return 0
}
