package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/config"
)

func TestPortsLieWithinTheBase(t *testing.T) {
	const base = 30000
	for _, size := range []struct{ groups, nodes int }{{1, 1}, {1, 3}, {1, 7}, {2, 3}, {8, 3}, {3, 7}} {
		c := devConfig(size.groups, size.nodes, base)
		if problems := c.Validate(); len(problems) > 0 {
			t.Errorf("%v: %v", size, problems)
		}
		d := dev{config: &c}
		seen := map[int]bool{}
		for _, id := range d.ids() {
			for _, a := range d.addresses(id) {
				_, port, err := net.SplitHostPort(a)
				n, _ := strconv.Atoi(port)
				if err != nil || n < base || n > base+99 || seen[n] {
					t.Errorf("%v: %s has %s", size, id, a)
				}
				seen[n] = true
			}
		}
	}
}

func TestUsualPortsWithoutBase(t *testing.T) {
	c := devConfig(1, 3, 0)
	if problems := c.Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	if c.Namesrv.Addrs[0] != "127.0.0.1:9876" || c.Brokers[0].Peers[0].Client != "127.0.0.1:10911" || c.Brokers[0].Peers[0].Raft != "127.0.0.1:40911" {
		t.Errorf("got %+v", c)
	}
}

func TestGeneratedClusterFile(t *testing.T) {
	d := &dev{dir: t.TempDir(), devState: devState{File: devClusterFile, Supervise: true}}
	if err := d.generate(2, 3, 31000); err != nil {
		t.Fatal(err)
	}
	if err := d.save(); err != nil {
		t.Fatal(err)
	}
	again, err := openDev(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	want := devConfig(2, 3, 31000)
	want.DataDir = d.dir
	for i := range want.Brokers {
		want.Brokers[i].Raft.SecretFile = d.path(devSecretFile)
	}
	if !reflect.DeepEqual(*again.config, want) || !again.Supervise {
		t.Errorf("got %+v\nwant %+v", *again.config, want)
	}
}

func TestStatusShape(t *testing.T) {
	dir := newDeadCluster(t)
	r := raftmq(t, nil, "dev", "status", "-o", "json", "--dir", dir)
	var s struct {
		Namesrv string
		Nodes   []map[string]any
	}
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	want := []string{"id", "pid", "alive", "role", "term", "client", "raft", "admin", "dir", "applied_index", "commit_index", "broker_id"}
	if s.Namesrv == "" || len(s.Nodes) != 3 || len(s.Nodes[0]) != len(want) {
		t.Errorf("got %+v", s)
	}
	for _, key := range want {
		if _, ok := s.Nodes[0][key]; !ok {
			t.Errorf("no %s in %v", key, s.Nodes[0])
		}
	}
	if n := s.Nodes[1]; n["alive"] != false || n["role"] != "dead" || n["dir"] != filepath.Join(dir, "n1", "RaftNode00") {
		t.Errorf("a dead node: %v", n)
	}
}

// newDeadCluster is a dev directory in which nothing runs.
func newDeadCluster(t *testing.T) string {
	t.Helper()
	d := &dev{dir: t.TempDir(), devState: devState{File: devClusterFile, Supervise: true}}
	if err := d.generate(1, 3, 32000); err != nil {
		t.Fatal(err)
	}
	if err := d.save(); err != nil {
		t.Fatal(err)
	}
	return d.dir
}

func TestDevAnswersWithoutProcesses(t *testing.T) {
	dir := newDeadCluster(t)
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no cluster", []string{"dev", "status", "--dir", "none"}, exitFailed, "raftmq dev up makes one"},
		{"kill what is dead", []string{"dev", "kill", "n1", "--dir", dir}, exitFailed, "start it with: raftmq dev start n1"},
		{"kill what is not there", []string{"dev", "kill", "n9", "--dir", dir}, exitUsage, "there are: [namesrv n0 n1 n2]"},
		{"signal that is none", []string{"dev", "kill", "n1", "--signal", "HUP", "--dir", dir}, exitUsage, "use KILL, TERM, INT, STOP or CONT"},
		{"leader of no group", []string{"dev", "kill", "leader", "--group", "X", "--dir", dir}, exitUsage, "there are: [RaftNode00]"},
		{"another size", []string{"dev", "up", "--nodes", "5", "--dir", dir}, exitUsage, "--nodes"},
		{"down is idempotent", []string{"dev", "down", "--dir", dir}, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if r := raftmq(t, nil, tt.args...); r.code != tt.code || !strings.Contains(r.stderr, tt.want) {
				t.Errorf("got %+v, want %d with %q", r, tt.code, tt.want)
			}
		})
	}
}

func TestWipeLeavesWhatIsNotOurs(t *testing.T) {
	dir := newDeadCluster(t)
	if err := os.MkdirAll(filepath.Join(dir, "n0", "RaftNode00"), 0o755); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := raftmq(t, nil, "dev", "down", "--wipe", "--dir", dir); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "notes.txt" {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAPIDOfAnotherProcessIsNotOurs(t *testing.T) {
	d := &dev{dir: t.TempDir()}
	if err := os.MkdirAll(d.path("run"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(os.Getpid()), "1", "0", "-1", "x", "999999999"} {
		if err := os.WriteFile(d.pidFile("n0"), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if pid := d.pid("n0"); pid != 0 {
			t.Errorf("pid file %q: taken for ours as %d", text, pid)
		}
	}
}

func TestPortTakenBySomebodyElse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	err = checkPorts("n0", []string{ln.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "--port-base") || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func TestUpOnTakenPortsLeavesNoCluster(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:21900")
	if err == nil {
		defer ln.Close() // else somebody else holds it, which serves as well
	}
	dir := filepath.Join(t.TempDir(), "dev")
	r := raftmq(t, nil, "dev", "up", "--dir", dir, "--port-base", "21900")
	if r.code != exitFailed || !strings.Contains(r.stderr, "namesrv cannot have 127.0.0.1:21900") {
		t.Fatalf("exit code %d, %s", r.code, r.stderr)
	}
	if _, err := openDev(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory holds a cluster: another --port-base would be refused (%v)", err)
	}
}

func TestNodesDoNotSeeTheUsersSettings(t *testing.T) {
	got := withoutSettings([]string{"PATH=/bin", "NAMESRV_ADDR=a:1", "RAFTMQ_NODE=n7", "LISTEN_FDS=3", "NOTIFY_SOCKET=/x", "HOME=/h"})
	if !reflect.DeepEqual(got, []string{"PATH=/bin", "HOME=/h"}) {
		t.Errorf("got %v", got)
	}
}

func TestOptionsCarryEverySetting(t *testing.T) {
	l, err := config.Load(config.Source{File: "../../../config/testdata/three-node.hcl", Flags: map[string]config.Flag{"admin.allow": {Name: "--x", Value: "10.0.0.0/8"}}})
	if err != nil {
		t.Fatal(err)
	}
	l.Brokers[0].Raft.SecretFile, l.Brokers[0].Raft.Secret = "", config.NewSecret()
	l.Brokers[0].Store.RetentionSize = config.GiB
	l.Brokers[0].Raft.Insecure = true
	l.Namesrv.Secret = config.NewSecret()
	o, err := brokerOptions(&l.Config, &l.Brokers[0], "n1")
	if err != nil {
		t.Fatal(err)
	}
	allSet(t, reflect.ValueOf(o), "Listener", "VIPListener", "Dial", "RealDir", "Raft", "WallClock", "Metrics", "Logger")
	allSet(t, reflect.ValueOf(o.Raft), "FS", "Dir", "RealDir", "Resolve", "Listener", "Dial", "GroupTime", "Applier", "OnStream", "Logger", "Flush")
	if o.Advertise != "10.0.0.11:10911" || o.Dir != "/var/lib/raftmq/n1/RaftNode00" || len(o.Raft.Peers) != 3 || o.Raft.Peers[2].Address != "10.0.0.12:40911" {
		t.Errorf("got %+v", o)
	}
}

// allSet fails for every field of a struct that has its zero value, except those that somebody else sets.
func allSet(t *testing.T, v reflect.Value, except ...string) {
	t.Helper()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if v.Field(i).IsZero() && !strings.Contains(" "+strings.Join(except, " ")+" ", " "+name+" ") {
			t.Errorf("%s.%s is not set", v.Type(), name)
		}
	}
}

// TestNodesKeepNothingOpenOfTheCaller: whoever runs dev up under a lock, or with a pipe open, gets them back when the command ends.
func TestNodesKeepNothingOpenOfTheCaller(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := filepath.Join(t.TempDir(), "dev")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := exec.Command(os.Args[0], "dev", "up", "--nodes", "1", "--dir", dir, "--port-base", fmt.Sprint(freeBase(t)))
	cmd.Env, cmd.ExtraFiles = append(os.Environ(), roleVariable+"=raftmq"), []*os.File{write}
	t.Cleanup(func() { raftmq(t, nil, "dev", "down", "--dir", dir) })
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	read.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := read.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the pipe is still open: %v", err)
	}
}
