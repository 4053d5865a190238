package cli

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/config"
)

func TestReload(t *testing.T) {
	current, err := config.Load(config.Source{File: "../../../config/testdata/three-node.hcl"})
	if err != nil {
		t.Fatal(err)
	}
	next := *current
	next.Log.Level = "debug"
	next.Namesrv.Listen = ":1"
	var failure error
	var out bytes.Buffer
	r := reloader{started: current.Config, last: current.Config, logger: newLogger(config.Log{Level: "info"}, &out), load: func() (*config.Loaded, error) { return &next, failure }}
	r.reload()
	if r.logger.GetLevel() != hclog.Debug || !strings.Contains(out.String(), `changed="namesrv.listen log.level" needRestart=namesrv.listen`) {
		t.Errorf("level %v, log %s", r.logger.GetLevel(), out.String())
	}
	failure = errors.New("bad file")
	next.Log.Level = "error"
	r.reload()
	if r.logger.GetLevel() != hclog.Debug || !strings.Contains(out.String(), "the old one stays") {
		t.Errorf("after a bad file: level %v, log %s", r.logger.GetLevel(), out.String())
	}
	failure, r.apply = nil, func(*config.Loaded) error { return errors.New("not that") }
	next.Log.Level = "warn"
	r.reload()
	if r.logger.GetLevel() != hclog.Debug || !strings.Contains(out.String(), "not that") {
		t.Errorf("what brokers refuse: level %v, log %s", r.logger.GetLevel(), out.String())
	}
	var taken *config.Loaded
	r.apply = func(c *config.Loaded) error { taken = c; return nil }
	next.Log.Level = "debug"
	next.Brokers = slices.Clone(current.Brokers)
	next.Brokers[0].Store.Retention, next.Brokers[0].Store.TailCache = 0, config.GiB
	out.Reset()
	r.reload()
	if taken != &next || !strings.Contains(out.String(), "store.retention") ||
		!strings.Contains(out.String(), `needRestart="namesrv.listen broker.RaftNode00.store.tail_cache"`) {
		t.Errorf("of what brokers take over: %s", out.String())
	}
}
