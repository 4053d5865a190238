package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// everything has a value that is no default in every key.
func everything() Config {
	b := DefaultBroker()
	b.Name, b.Listen, b.VIPChannel = "RaftNode07", "127.0.0.1", false
	b.Peers = []Peer{{ID: "a", Raft: "127.0.0.1:1", Client: "127.0.0.1:2", Admin: "127.0.0.1:3"}}
	b.Raft = Raft{time.Second, 2 * time.Second, 300 * time.Millisecond, "a", "", "a secret with ${x} and %{y} \"quoted\"", true, 2 * MiB, 4, 65 * MiB}
	b.Store = Store{"async", 7 * time.Millisecond, 65 * MiB, 33 * MiB, 49 * time.Hour, []string{"04:30", "16:00"}, 2 * TiB, 3 * GiB, 257 * MiB, 9 * MiB, 66 * MiB}
	b.Topic = Topic{true, 9}
	b.Group = Group{false, time.Millisecond}
	b.Limits = Limits{5 * MiB, 1, 2, 3 * MiB, 4 * time.Second, 5, 6 * time.Second}
	b.Read = Read{false, MiB}
	b.Delay = Delay{"1s 2s"}
	return Config{
		Cluster: "C", DataDir: "/d", Node: "a",
		Namesrv: Namesrv{":1234", []string{"h:1", "i:2"}, "127.0.0.1:4", 2 * time.Second, 3 * time.Second, 4 * time.Second, 5 * time.Second, "", "a secret of the routes", 6 * time.Second},
		Brokers: []Broker{b},
		Admin:   Admin{"127.0.0.1:9", []string{"10.0.0.0/8"}, "/t", "the-token-0123456789", false},
		Log:     Log{"debug", true},
	}
}

func TestWrittenConfigurationIsReadBack(t *testing.T) {
	for _, format := range []string{"hcl", "yaml"} {
		for _, onlyChanged := range []bool{false, true} {
			want := everything()
			file := filepath.Join(t.TempDir(), "c."+format)
			text := Write(want, Writing{Format: format, Reveal: true, Docs: true, OnlyChanged: onlyChanged})
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := Load(Source{File: file})
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if !reflect.DeepEqual(l.Config, want) {
				t.Errorf("%s\n got %+v\nwant %+v\n%s", format, l.Config, want, text)
			}
		}
	}
}

// TestEverythingIsEverything keeps the test above honest: a new key must be given a value there.
func TestEverythingIsEverything(t *testing.T) {
	same := func(path string, v, def reflect.Value) {
		for i := range v.NumField() {
			name := path + v.Type().Field(i).Name
			if v.Field(i).Kind() != reflect.Struct && reflect.DeepEqual(v.Field(i).Interface(), def.Field(i).Interface()) && name != "Raft.SecretFile" && name != "Namesrv.SecretFile" { // the secret itself is there
				t.Errorf("%s has its default", name)
			}
		}
	}
	e, b := everything(), DefaultBroker()
	same("", reflect.ValueOf(e), reflect.ValueOf(Default()))
	v, def := reflect.ValueOf(e.Brokers[0]), reflect.ValueOf(b)
	same("", v, def)
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Struct {
			same(v.Type().Field(i).Name+".", v.Field(i), def.Field(i))
		}
	}
	same("Namesrv.", reflect.ValueOf(e.Namesrv), reflect.ValueOf(Default().Namesrv))
	same("Admin.", reflect.ValueOf(e.Admin), reflect.ValueOf(Default().Admin))
	same("Log.", reflect.ValueOf(e.Log), reflect.ValueOf(Default().Log))
}

func TestShownConfigurationMasksSecretsAndNamesOrigins(t *testing.T) {
	l := load(t, Source{File: "testdata/three-node.hcl", Env: []string{"RAFTMQ_ADMIN_TOKEN=the-token-0123456789"}})
	l.Brokers[0].Raft.Secret = "raft-secret-0123456789"
	text := string(Write(l.Config, Writing{Format: "hcl", Origin: l.Origin}))
	for _, want := range []string{
		`token = "********"`, `secret = "********"`, "# RAFTMQ_ADMIN_TOKEN\n",
		"# testdata/three-node.hcl:32\n", "    retention = \"3d\" ", "# default\n", `heartbeat_timeout = "500ms"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "0123456789") {
		t.Error("a secret is shown")
	}
}

func TestEveryKeyIsDescribed(t *testing.T) {
	var walk func(s *schema, path string)
	walk = func(s *schema, path string) {
		for _, f := range s.fields {
			if f.name == "" || f.doc == "" {
				t.Errorf("%s%s has no key or no description", path, f.name)
			}
			if (f.kind == integer || f.kind == duration || f.kind == size) && (f.min == nil || f.max == nil) {
				t.Errorf("%s%s has no range", path, f.name)
			}
			if f.block != nil {
				walk(f.block, path+f.name+".")
			}
		}
	}
	walk(schemaOf(reflect.TypeFor[Config]()), "")
}

func TestDefaultsAreInRange(t *testing.T) {
	c := Default()
	b := DefaultBroker()
	b.Name, b.Peers = "RaftNode00", []Peer{{ID: "n0", Raft: "127.0.0.1:40911", Client: "127.0.0.1:10911"}}
	c.Brokers = []Broker{b}
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, Write(c, Writing{Format: "yaml"}), 0o600); err != nil {
		t.Fatal(err)
	}
	l := load(t, Source{File: file})
	if !reflect.DeepEqual(l.Config, c) {
		t.Errorf("got %+v\nwant %+v", l.Config, c)
	}
}
