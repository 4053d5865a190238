package cli

import (
	"bytes"
	"errors"
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
	r := reloader{current: current, logger: newLogger(config.Log{Level: "info"}, &out), load: func() (*config.Loaded, error) { return &next, failure }}
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
}
