package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, s Source) *Loaded {
	t.Helper()
	l, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTwinsAreEqual(t *testing.T) {
	for _, name := range []string{"three-node", "two-groups"} {
		hcl := load(t, Source{File: "testdata/" + name + ".hcl"})
		yaml := load(t, Source{File: "testdata/" + name + ".yaml"})
		if !reflect.DeepEqual(hcl.Config, yaml.Config) {
			t.Errorf("%s differs:\n%+v\n%+v", name, hcl.Config, yaml.Config)
		}
	}
}

func TestFileValuesAndDefaults(t *testing.T) {
	c := load(t, Source{File: "testdata/three-node.hcl"}).Config
	b := c.Brokers[0]
	want := DefaultBroker()
	want.Name = "RaftNode00"
	want.Peers = []Peer{
		{ID: "n0", Raft: "10.0.0.10:40911", Client: "10.0.0.10:10911"},
		{ID: "n1", Raft: "10.0.0.11:40911", Client: "10.0.0.11:10911"},
		{ID: "n2", Raft: "10.0.0.12:40911", Client: "10.0.0.12:10911"},
	}
	want.Raft.ElectionTimeout = 1500 * time.Millisecond
	want.Raft.PreferredLeader = "n0"
	want.Raft.SecretFile = "/etc/raftmq/raft.secret"
	want.Topic = Topic{AutoCreate: true, DefaultQueues: 4}
	want.Store.DeleteAt = []string{"04:00"}
	if !reflect.DeepEqual(b, want) {
		t.Errorf("broker\n got %+v\nwant %+v", b, want)
	}
	if c.Namesrv.RegisterInterval != 30*time.Second || c.DataDir != "/var/lib/raftmq" {
		t.Errorf("namesrv %+v, data_dir %q", c.Namesrv, c.DataDir)
	}
}

func TestNoFileGivesDefaults(t *testing.T) {
	if c := load(t, Source{}).Config; !reflect.DeepEqual(c, Default()) {
		t.Errorf("got %+v\nwant %+v", c, Default())
	}
}

func TestPrecedence(t *testing.T) {
	file := "testdata/three-node.yaml"
	tests := []struct {
		name   string
		source Source
		addrs  []string
		origin string
	}{
		{"file beats default", Source{File: file}, []string{"10.0.0.10:9876", "10.0.0.11:9876", "10.0.0.12:9876"}, file + ":6"},
		{"NAMESRV_ADDR beats the file", Source{File: file, Env: []string{"NAMESRV_ADDR=a:1;b:2"}}, []string{"a:1", "b:2"}, "NAMESRV_ADDR"},
		{"our own variable beats NAMESRV_ADDR", Source{File: file, Env: []string{"RAFTMQ_NAMESRV_ADDRS=c:3", "NAMESRV_ADDR=a:1"}}, []string{"c:3"}, "RAFTMQ_NAMESRV_ADDRS"},
		{"a flag beats the environment", Source{File: file, Env: []string{"NAMESRV_ADDR=a:1"}, Flags: map[string]Flag{"namesrv.addrs": {"--namesrv", "d:4;e:5"}}}, []string{"d:4", "e:5"}, "--namesrv"},
		{"an empty NAMESRV_ADDR says nothing", Source{Env: []string{"NAMESRV_ADDR="}}, []string{"127.0.0.1:9876"}, "default"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := load(t, tt.source)
			if !slices.Equal(l.Namesrv.Addrs, tt.addrs) || l.Origin("namesrv.addrs") != tt.origin {
				t.Errorf("got %v from %s, want %v from %s", l.Namesrv.Addrs, l.Origin("namesrv.addrs"), tt.addrs, tt.origin)
			}
		})
	}
}

func TestEnvironmentSetsEveryKind(t *testing.T) {
	l := load(t, Source{Env: []string{"RAFTMQ_DATA_DIR=/d", "RAFTMQ_LOG_JSON=true", "RAFTMQ_NAMESRV_BROKER_TIMEOUT=10s", "RAFTMQ_ADMIN_ALLOW=10.0.0.0/8", "PATH=/bin"}})
	if l.DataDir != "/d" || !l.Log.JSON || l.Namesrv.BrokerTimeout != 10*time.Second || !slices.Equal(l.Admin.Allow, []string{"10.0.0.0/8"}) {
		t.Errorf("got %+v", l.Config)
	}
}

func TestBadEnvironmentAndFlags(t *testing.T) {
	tests := []struct {
		name   string
		source Source
		want   string
	}{
		{"unknown variable", Source{Env: []string{"RAFTMQ_NAMESRV_ADRS=a:1"}}, "RAFTMQ_NAMESRV_ADRS: no such setting\n      did you mean RAFTMQ_NAMESRV_ADDRS?"},
		{"variable of a group", Source{Env: []string{"RAFTMQ_BROKER_STORE_FLUSH=async"}}, "RAFTMQ_BROKER_STORE_FLUSH: no such setting\n      settings of a broker group can only be set in the file"},
		{"value without unit", Source{Env: []string{"RAFTMQ_NAMESRV_READY_AFTER=30"}}, `RAFTMQ_NAMESRV_READY_AFTER: a duration needs a unit, e.g. "30ms" or "30s"`},
		{"bad NameServer", Source{Env: []string{"NAMESRV_ADDR=localhost"}}, "NAMESRV_ADDR: \"localhost\" has no port\n      write it as host:port"},
		{"node that is not there", Source{File: "testdata/two-groups.hcl", Flags: map[string]Flag{"node": {"--node", "n5"}}}, "--node: node \"n5\" is a peer of no broker group\n      the file has n0, n1, n2"},
		{"level that is none", Source{Flags: map[string]Flag{"log.level": {"--log-level", "loud"}}}, "--log-level: \"loud\" is not allowed\n      write one of: trace, debug, info, warn, error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Load(tt.source); err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	toml := filepath.Join(dir, "x.toml")
	if err := os.WriteFile(toml, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		filepath.Join(dir, "none.hcl"): "no such file",
		toml:                           "ends in .hcl, .yaml or .yml",
	} {
		if _, err := Load(Source{File: file}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
}

func TestSecretFileIsRelativeToTheFile(t *testing.T) {
	l := load(t, Source{File: "testdata/two-groups.hcl"})
	secret, err := l.Brokers[1].Raft.LoadSecret()
	if err != nil || string(secret) != "secret-of-the-test-0123456789abcdef" {
		t.Errorf("got %q, %v", secret, err)
	}
	if secret, err := l.Brokers[0].Raft.LoadSecret(); secret != nil || err != nil {
		t.Errorf("no secret: got %q, %v", secret, err)
	}
}

func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.*ml")
	hcl, _ := filepath.Glob("testdata/*.hcl")
	for _, file := range append(files, hcl...) {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src, strings.HasSuffix(file, ".hcl"))
	}
	f.Fuzz(func(t *testing.T, src []byte, hcl bool) {
		name := "f.yaml"
		if hcl {
			name = "f.hcl"
		}
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, src, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(Source{File: file}); err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
	})
}
