package cli

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/internal/vfs"
)

// timedFS measures every fsync of files below dir, by the directory in it that they lie in: "commitlog" is what acknowledgements wait for.
type timedFS struct {
	vfs.FS
	dir  string
	took *prometheus.HistogramVec
}

// newTimedFS registers its metric at reg.
func newTimedFS(fsys vfs.FS, dir string, reg prometheus.Registerer) (*timedFS, error) {
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "raftmq_fsync_seconds",
		Help:    "Time that an fsync took, by the directory of the member in which the file lies.",
		Buckets: prometheus.ExponentialBuckets(0.00005, 2, 17), // 50 µs to 3.3 s
	}, []string{"files"})
	return &timedFS{FS: fsys, dir: strings.TrimSuffix(dir, "/") + "/", took: took}, reg.Register(took)
}

func (t *timedFS) Create(name string) (vfs.File, error) {
	f, err := t.FS.Create(name)
	return t.timed(name, f, err)
}

func (t *timedFS) OpenReadWrite(name string) (vfs.File, error) {
	f, err := t.FS.OpenReadWrite(name)
	return t.timed(name, f, err)
}

func (t *timedFS) timed(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	files, _, below := strings.Cut(strings.TrimPrefix(name, t.dir), "/")
	if !below {
		files = "other"
	}
	return timedFile{f, t.took.WithLabelValues(files)}, nil
}

type timedFile struct {
	vfs.File
	took prometheus.Observer
}

func (f timedFile) Sync() error {
	start := time.Now()
	err := f.File.Sync()
	f.took.Observe(time.Since(start).Seconds())
	return err
}
