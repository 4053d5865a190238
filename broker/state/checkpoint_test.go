package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

func isQueueWrite(op vfs.Op) bool {
	return op.Kind == vfs.OpWrite && strings.Contains(op.Path, "consumequeue")
}

// saved returns the index of the last checkpoint handed to the checkpointer.
func (m *member) saved() offset.Index {
	m.state.apply.Lock()
	defer m.state.apply.Unlock()
	return m.state.apply.saved
}

func TestCheckpointByTime(t *testing.T) {
	dir := quickDir(t)
	synctest.Test(t, func(t *testing.T) {
		m := emptyMember(t, dir, func(o *Options) { o.CheckpointInterval = 5 * time.Second })
		m.start()
		defer m.kill()
		m.createTopic("T", 1)
		if m.saved() != 0 {
			t.Error("checkpoint at once")
		}
		time.Sleep(5*time.Second + time.Millisecond)
		synctest.Wait()
		if m.saved() != 1 {
			t.Errorf("checkpoint at %d after the interval", m.saved())
		}
		commits := m.state.db.db.Stats().TxN
		time.Sleep(time.Minute)
		synctest.Wait()
		if m.state.db.db.Stats().TxN != commits {
			t.Error("checkpoints with nothing new")
		}
	})
}

func TestCheckpointByBytes(t *testing.T) {
	dir := quickDir(t)
	synctest.Test(t, func(t *testing.T) {
		m := emptyMember(t, dir, func(o *Options) { o.CheckpointBytes = 10_000 })
		m.start()
		defer m.kill()
		topic := m.createTopic("T", 1)
		m.append(send(topic.ID, 0, 1, strings.Repeat("x", 8000)))
		synctest.Wait()
		if m.saved() != 0 {
			t.Error("checkpoint before the limit")
		}
		m.append(send(topic.ID, 0, 1, strings.Repeat("x", 2000)))
		synctest.Wait()
		if m.saved() != 3 {
			t.Errorf("checkpoint at %d", m.saved())
		}
	})
}

// TestFullDiskPostponesCheckpoints: a member whose disk is full writes no checkpoint, which would end it, and goes on with them when there is
// room again; also an orderly stop without room loses nothing.
func TestFullDiskPostponesCheckpoints(t *testing.T) {
	dir := quickDir(t)
	synctest.Test(t, func(t *testing.T) {
		m := emptyMember(t, dir, func(o *Options) { o.CheckpointInterval = 5 * time.Second })
		m.start()
		defer m.kill()
		topic := m.createTopic("T", 1)
		total, free, _ := m.fs.Usage("m")
		m.fs.SetCapacity(total - free + checkpointSpaceMin - 1)
		m.append(send(topic.ID, 0, 1, "x"))
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if m.saved() != 0 {
			t.Errorf("checkpoint at %d on a full disk", m.saved())
		}
		if err := m.state.checkpointer.last(); err != nil || m.saved() != 0 {
			t.Errorf("an orderly stop on a full disk: checkpoint at %d, %v", m.saved(), err)
		}
		m.fs.SetCapacity(total)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if m.saved() != 2 {
			t.Errorf("checkpoint at %d when there is room again", m.saved())
		}
	})
}

// TestCrashAtEveryStep cuts the power at every file operation of a run with checkpoints, boundaries, retention and a deleted topic. The log is durable
// to its last append; whatever else is found, the member comes to the same state as one that never crashed.
func TestCrashAtEveryStep(t *testing.T) {
	type crash struct {
		name    string
		fs      *vfs.Mem
		realDir string
		images  map[offset.Index][]byte
		last    offset.Index
	}
	m := newMember(t)
	m.state.keys.close()
	m.state.checkpointer.close() // checkpoints happen on this goroutine, so that no commit of bbolt is under way at a crash
	var crashes []crash
	digests := map[offset.Index][32]byte{}
	rng := rand.New(rand.NewPCG(3, 4))
	step := 0
	var mu sync.Mutex // files are synced side by side
	remove := m.fs.AddHook(func(op *vfs.Op) error {
		if !op.Changes() || strings.Contains(op.Path, "commitlog") {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if step++; testing.Short() && step%4 != 0 {
			return nil
		}
		c := crash{name: fmt.Sprintf("%d: %v %s", step, op.Kind, op.Path), fs: m.fs.CrashClone(rng), realDir: quickDir(t), images: maps.Clone(m.host.images), last: m.host.log.LastIndex()}
		copyDatabase(t, m.realDir, c.realDir)
		crashes = append(crashes, c)
		return nil
	})
	note := func() { digests[m.state.Applied()] = m.digest() }
	a, b := m.createTopic("A", 2), m.createTopic("B", 1)
	for i := range int64(250) {
		m.append(send(a.ID, int32(i%2), i, "a"), send(b.ID, 0, i, "b"))
		switch i {
		case 60:
			m.must(AppendBoundary(nil))
		case 120:
			m.must(AppendBoundary(nil))
			m.must(AppendRetain(nil, m.state.Boundaries()[0].Index))
		case 140:
			m.must(AppendDeleteTopic(nil, "B"))
		}
		if i%12 == 0 {
			note()
			m.checkpoint()
		}
	}
	note()
	m.checkpoint()
	remove()
	if len(crashes) < 10 {
		t.Fatalf("only %d crashes", len(crashes))
	}
	t.Logf("sweep: %d crash states", len(crashes))
	for _, c := range crashes {
		n := &member{t: t, fs: c.fs, realDir: c.realDir, opts: m.opts, host: &testHost{images: c.images}}
		n.opts.RealDir = c.realDir
		if err := n.tryStart(); err != nil {
			t.Fatalf("crash %s: start: %v", c.name, err)
		}
		n.catchUp()
		if n.host.log.LastIndex() != c.last || n.state.Applied() != c.last || n.digest() != digests[c.last] {
			t.Errorf("crash %s: another state at %d, log to %d of %d", c.name, n.state.Applied(), n.host.log.LastIndex(), c.last)
		}
		n.checkpoint()
		n.kill()
		if _, err := n.verify(); err != nil {
			t.Errorf("crash %s: %v", c.name, err)
		}
	}
}
