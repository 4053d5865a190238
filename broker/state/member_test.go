package state

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting/message"
)

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// testHost is a raftlog.Host over a real log. Its images are durable once committed.
type testHost struct {
	log *commitlog.Log

	mu       sync.Mutex
	images   map[offset.Index][]byte
	noImages error // refuses new ones
	retained offset.Index
	fatal    []error
}

func (h *testHost) Log() *commitlog.Log { return h.log }

func (h *testHost) CreateImage(index offset.Index) (raftlog.ImageWriter, error) {
	return &testImage{host: h, index: index}, h.noImages
}

type testImage struct {
	bytes.Buffer
	host  *testHost
	index offset.Index
}

func (i *testImage) Commit() error {
	i.host.mu.Lock()
	defer i.host.mu.Unlock()
	i.host.images[i.index] = i.Bytes()
	return nil
}

func (i *testImage) Abort() {}

func (h *testHost) image(pick func([]offset.Index) offset.Index) (offset.Index, io.ReadCloser, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Sorted(maps.Keys(h.images))
	if len(all) == 0 {
		return 0, nil, false, nil
	}
	i := pick(all)
	return i, io.NopCloser(bytes.NewReader(h.images[i])), true, nil
}

func (h *testHost) NewestImage() (offset.Index, io.ReadCloser, bool, error) {
	return h.image(func(all []offset.Index) offset.Index { return all[len(all)-1] })
}

func (h *testHost) OldestImage() (offset.Index, io.ReadCloser, bool, error) {
	return h.image(func(all []offset.Index) offset.Index { return all[0] })
}

func (h *testHost) Retain(from offset.Index) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retained = max(h.retained, from)
}

func (h *testHost) Fatal(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fatal = append(h.fatal, err)
}

// retain does what a Node does some time after Retain.
func (h *testHost) retain(t tester) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.retained <= h.log.FirstIndex() {
		return
	}
	for i := range h.images {
		if i < h.retained {
			delete(h.images, i)
		}
	}
	if err := h.log.Retain(h.retained); err != nil {
		t.Fatal(err)
	}
}

// member is one State over its files. It has no Raft: what append appends is committed.
type member struct {
	t       tester
	fs      *vfs.Mem
	realDir string
	opts    Options
	host    *testHost
	state   *State

	groupTime, wallTime int64
}

func logOptions(fs vfs.FS) commitlog.Options {
	return commitlog.Options{FS: fs, Dir: "m/commitlog", Group: commitlog.UUID{1}, Instance: commitlog.UUID{2}, SegmentBytes: 256 << 10, ReserveBytes: 1}
}

// newMember returns a started member with an empty log. Checkpoints happen when the test says so, unless change sets otherwise.
func newMember(t testing.TB, change ...func(*Options)) *member {
	t.Helper()
	m := emptyMember(t, quickDir(t), change...)
	m.start()
	t.Cleanup(m.kill)
	return m
}

func emptyMember(t tester, realDir string, change ...func(*Options)) *member {
	t.Helper()
	m := &member{t: t, fs: vfs.NewMem(), realDir: realDir, wallTime: 1_700_000_000_000}
	m.opts = Options{Dir: "m", RealDir: m.realDir, CheckpointInterval: 1000 * time.Hour, Queues: consumequeue.Options{UnitsPerFile: 100, TailBytesMax: 1}}
	for _, c := range change {
		c(&m.opts)
	}
	if err := errors.Join(m.fs.MkdirAll("m"), m.fs.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	m.host = &testHost{images: map[offset.Index][]byte{}}
	return m
}

// start opens log and state on m.fs.
func (m *member) start() {
	m.t.Helper()
	if err := m.tryStart(); err != nil {
		m.t.Fatalf("start: %v", err)
	}
}

func (m *member) tryStart() error {
	log, err := commitlog.Open(logOptions(m.fs))
	if err != nil {
		return err
	}
	m.host.log = log
	m.opts.FS = m.fs
	m.state = New(m.opts)
	return m.state.Start(m.host)
}

// kill ends the member without a checkpoint, as far as the files can tell.
func (m *member) kill() {
	if m.state == nil {
		return
	}
	m.state.keys.close()
	m.state.checkpointer.close()
	m.state.ready.Store(false)
	_ = closeAll(nil, m.state.store, m.state.db)
	_ = m.host.log.Close()
	m.state = nil
}

// restart kills and starts.
func (m *member) restart() {
	m.t.Helper()
	m.kill()
	m.start()
	m.catchUp()
}

// catchUp applies what the log has beyond the state, as raft would.
func (m *member) catchUp() {
	m.t.Helper()
	for i := m.state.Applied() + 1; i <= m.host.log.LastIndex(); i++ {
		c, ok, err := committedAt(m.host, i)
		if err != nil {
			m.t.Fatal(err)
		}
		if ok {
			m.state.Apply([]raftlog.Committed{c})
		}
	}
}

// append appends one entry of subs to the log and applies it.
func (m *member) append(subs ...[]byte) []raftlog.Result {
	m.t.Helper()
	m.groupTime += 10
	m.wallTime += 1000
	return m.appendData(batch(m.groupTime, m.wallTime, subs...))
}

func (m *member) appendData(data []byte) []raftlog.Result {
	m.t.Helper()
	index := max(m.host.log.LastIndex()+1, m.host.log.NextIndex())
	if err := m.host.log.Append([]commitlog.Entry{{Index: index, Term: 1, Data: data}}); err != nil {
		m.t.Fatal(err)
	}
	c, _, err := committedAt(m.host, index)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.state.Apply([]raftlog.Committed{c})[0]
}

// must is append of one sub-record that has its effect.
func (m *member) must(sub []byte) raftlog.Result {
	m.t.Helper()
	r := m.append(sub)
	if len(r) != 1 || r[0].Code != OK {
		m.t.Fatalf("results %+v", r)
	}
	return r[0]
}

func (m *member) checkpoint() {
	m.t.Helper()
	if err := m.state.checkpoint(true); err != nil {
		m.t.Fatal(err)
	}
}

func (m *member) digest() [32]byte {
	_, d := m.state.Digest()
	return d
}

func batch(groupTime, wallTime int64, subs ...[]byte) []byte {
	b := commitlog.AppendBatchHeader(nil, uint32(len(subs)), groupTime, wallTime)
	return append(b, bytes.Join(subs, nil)...)
}

func testMessage(topic string, queue int32, storeTime int64, body string) *message.Message {
	host := netip.MustParseAddrPort("127.0.0.1:10911")
	return &message.Message{Topic: topic, QueueID: queue, Body: []byte(body), StoreTimestamp: storeTime, BornHost: host, StoreHost: host}
}

// send returns the command of a message whose tags code is its store time.
func send(topicID uint32, queue int32, storeTime int64, body string) []byte {
	return AppendMessage(nil, topicID, storeTime, []uint32{7, 8}, testMessage("T", queue, storeTime, body))
}

// createTopic makes a topic and returns it.
func (m *member) createTopic(name string, queues int32) *Topic {
	m.t.Helper()
	r := m.must(AppendPutTopic(nil, Topic{Name: name, ReadQueues: queues, WriteQueues: queues, Perm: 6}, true))
	return r.Detail.(*Topic)
}

// copyDatabase copies state.db to a new directory: bbolt's commit is taken as atomic, so this is only done between two.
func copyDatabase(t tester, from, to string) {
	b, err := os.ReadFile(filepath.Join(from, databaseName))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, databaseName), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

type entryOfLog = commitlog.Entry

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

// quickDir is a directory for state.db, in memory where the system has one: bbolt syncs each commit.
func quickDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "raftmq-state-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
