package cli

import (
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/internal/vfs"
)

func TestFsyncsAreMeasuredByDirectory(t *testing.T) {
	dir, reg := t.TempDir(), prometheus.NewRegistry()
	fsys, err := newTimedFS(vfs.OS(), dir, reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"commitlog/00000000000000000000", "commitlog/side", "lock"} {
		if err := fsys.MkdirAll(filepath.Dir(filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
		f, err := fsys.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, m := range families[0].GetMetric() {
		got[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleCount()
	}
	if families[0].GetName() != "raftmq_fsync_seconds" || got["commitlog"] != 2 || got["other"] != 1 {
		t.Errorf("got %v", got)
	}
	if _, err := fsys.OpenReadWrite(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing file was opened")
	}
}
