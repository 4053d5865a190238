package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/raftmq/raftmq/config"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// canaries are secrets that must not be seen anywhere but in the file where they were written.
var canaries = map[string]string{"raft": "canary-of-the-raft-group", "admin": "canary-of-the-admin-port", "namesrv": "canary-of-the-routes", "again": "canary-after-a-reload"}

// TestRA3_SecretsAreNeverShown plants secrets everywhere and looks for them in everything that a cluster says: logs at the finest level,
// what the commands print, the admin port, the answers to RocketMQ's admin requests.
func TestRA3_SecretsAreNeverShown(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir, file := filepath.Join(t.TempDir(), "dev"), filepath.Join(t.TempDir(), "cluster.yaml")
	c := devConfig(1, 1, freeBase(t))
	c.Brokers[0].Raft.SecretFile, c.Brokers[0].Raft.Secret = "", canaries["raft"]
	c.Admin.Token, c.Namesrv.Secret, c.Log.Level = canaries["admin"], canaries["namesrv"], "trace"
	write := func() {
		if err := os.WriteFile(file, config.Write(c, config.Writing{Format: "yaml", Reveal: true}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write()
	t.Cleanup(func() { keepLogs(t, dir) })
	said := map[string]string{}
	run := func(args ...string) {
		r := binary(t, args...)
		said[strings.Join(args, " ")] = r.stdout + r.stderr
	}
	run("dev", "up", "--dir", dir, "-c", file)
	t.Cleanup(func() { raftmq(t, nil, "dev", "down", "--dir", dir) })
	namesrv := c.Namesrv.Addrs[0]
	admin := c.Brokers[0].Peers[0].Admin
	run("config", "show", file)
	run("config", "validate", file)
	run("config", "show", file, "-o", "yaml")
	run("dev", "status", "--dir", dir, "-o", "json")
	run("cluster", "status", "--dir", dir, "-o", "json")
	run("raft", "list-peers", "--dir", dir)
	run("topic", "produce", "orders", "-m", "hello", "-n", namesrv)
	run("raft", "boundary", "--dir", dir, "--token-file", file) // a token that is not the right one
	for _, path := range []string{"/metrics", "/healthz?verbose", "/readyz?verbose", "/startupz?verbose", "/v1/cluster", "/v1/groups/RaftNode00/raft", "/v1/groups/RaftNode00/topics", "/debug/pprof/goroutine?debug=2"} {
		said[path] = httpGet(t, "http://"+admin+path)
	}
	for _, code := range []int32{protocol.CodeGetBrokerConfig, protocol.CodeGetBrokerRuntimeInfo, protocol.CodeGetAllTopicConfig, protocol.CodeGetAllSubscriptionGroupConfig} {
		said[fmt.Sprint("request ", code)] = invoke(t, c.Brokers[0].Peers[0].Client, code)
	}
	said["request 319"] = invoke(t, namesrv, protocol.CodeGetNamesrvConfig)

	c.Brokers[0].Raft.Secret, c.Admin.Token, c.Namesrv.Secret = canaries["again"], canaries["again"], canaries["again"]
	write()
	d, err := openDev(dir)
	if err != nil {
		t.Fatal(err)
	}
	log := func(id string) string {
		b, err := os.ReadFile(d.logFile(id))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, id := range []string{"n0", devNamesrv} {
		before := len(log(id))
		if err := syscall.Kill(d.pid(id), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the reload of "+id, func() bool { return strings.Contains(log(id)[before:], "secret") })
	}
	run("dev", "down", "--dir", dir)
	said["log of n0"], said["log of the NameServer"] = log("n0"), log(devNamesrv)
	if !strings.Contains(said["log of n0"], "[DEBUG]") || !strings.Contains(said["/metrics"], "raftmq_raft_term") || !strings.Contains(said["topic produce orders -m hello -n "+namesrv], "SEND_OK") {
		t.Error("the test has not seen what it should look through")
	}
	for what, text := range said {
		if text == "" {
			t.Errorf("%s said nothing", what)
		}
		for name, canary := range canaries {
			if at := strings.Index(text, canary); at >= 0 {
				t.Errorf("%s shows the %s secret: …%s…", what, name, text[max(at-80, 0):min(at+80, len(text))])
			}
		}
	}
}

func httpGet(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// invoke sends a RocketMQ request without fields and returns everything of its answer.
func invoke(t *testing.T, addr string, code int32) string {
	t.Helper()
	c := remoting.NewClient(remoting.ClientOptions{})
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	resp, err := c.Invoke(ctx, addr, &remoting.Command{Code: code})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(resp.Code, resp.Remark, resp.Ext, string(resp.Body))
}
