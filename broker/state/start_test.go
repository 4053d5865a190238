package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

// story fills a member: two boundaries with messages, topics, groups and offsets before, between and after; the log is not cut.
func (m *member) story() {
	m.t.Helper()
	a, b := m.createTopic("A", 2), m.createTopic("B", 1)
	for i := range int64(300) {
		m.append(send(a.ID, int32(i%2), i, "a"), send(b.ID, 0, i, "b"))
		switch i {
		case 100, 200:
			m.append(send(a.ID, 0, i, "with the boundary"), AppendBoundary(nil))
			m.checkpoint()
		case 50:
			m.append(AppendPutGroup(nil, DefaultGroup("g"), true), AppendCommitOffsets(nil, []OffsetCommit{{"g", "A", 0, 7, 0}}))
		case 150:
			m.append(AppendResetOffset(nil, OffsetCommit{"g", "A", 0, 3, 0}), AppendAdvanceDelay(nil, 1, 0, 4, 0))
		case 250:
			m.append(AppendDeleteTopic(nil, "B"), AppendFeatureLevel(nil, 2))
		}
	}
}

var storyKey = consumequeue.Key{Topic: 1, Queue: 0}

func TestRestartGoesOnWhereItStood(t *testing.T) {
	m := newMember(t)
	m.story()
	want := m.digest()
	for name, stop := range map[string]func(){
		"killed, last checkpoint long ago": func() {},
		"killed after a checkpoint":        m.checkpoint,
		"stopped": func() {
			if err := m.state.Stop(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		stop()
		m.restart()
		if m.digest() != want {
			t.Errorf("%s: another state", name)
		}
		if got := m.state.Range(storyKey); got != (offset.Range{Min: 0, Max: 152}) {
			t.Errorf("%s: range %v", name, got)
		}
	}
}

// What is derived may be damaged in any way: the state is the same after the next start.
func TestDamagedFilesAreMadeAgain(t *testing.T) {
	cut := func(m *member) {
		m.must(AppendRetain(nil, m.state.Boundaries()[0].Index))
		m.checkpoint()
		m.host.retain(m.t)
	}
	cutTo := func(size int64) func(*member) error {
		return func(m *member) error { return os.Truncate(filepath.Join(m.realDir, databaseName), size) }
	}
	for name, harm := range map[string]func(m *member) error{
		"state.db of 1":     cutTo(1),
		"state.db of 3665":  cutTo(3665), // less than the first page
		"state.db of 4096":  cutTo(4096),
		"state.db of 5000":  cutTo(5000),
		"state.db of 8192":  cutTo(8192),
		"state.db of 12288": cutTo(12288),
		"state.db removed":  func(m *member) error { return os.Remove(filepath.Join(m.realDir, databaseName)) },
		"state.db empty":    cutTo(0),
		"state.db cut":      cutTo(9000),
		"state.db noise": func(m *member) error {
			return os.WriteFile(filepath.Join(m.realDir, databaseName), make([]byte, 40000), 0o600)
		},
		"queues removed":       func(m *member) error { return m.fs.RemoveAll("m/consumequeue") },
		"a queue file removed": func(m *member) error { return m.fs.Remove("m/consumequeue/1/0/00000000000000000100") },
	} {
		for _, retained := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, log cut %v", name, retained), func(t *testing.T) {
				m := newMember(t)
				m.story()
				if retained {
					cut(m)
				}
				m.checkpoint()
				want, ranged := m.digest(), m.state.Range(storyKey)
				m.kill()
				if err := harm(m); err != nil {
					t.Fatal(err)
				}
				m.start()
				if applied := m.state.Applied(); applied < 200 {
					t.Errorf("stands at %d after the start, behind the newest image", applied)
				}
				m.catchUp()
				if m.digest() != want || m.state.Range(storyKey) != ranged {
					t.Errorf("another state, or range %v instead of %v", m.state.Range(storyKey), ranged)
				}
				m.restart()
				if m.digest() != want || len(m.host.fatal) > 0 {
					t.Errorf("another state after one more restart, %v", m.host.fatal)
				}
			})
		}
	}
}

// Whatever happens to bytes of state.db, a start gives the right state or says that it cannot.
func TestFlippedBytesOfTheDatabase(t *testing.T) {
	m := newMember(t)
	m.story()
	m.checkpoint()
	want := m.digest()
	m.kill()
	name := filepath.Join(m.realDir, databaseName)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		harmed := append([]byte(nil), whole...)
		at := rng.IntN(len(harmed))
		harmed[at] ^= 1 << rng.IntN(8)
		if err := os.WriteFile(name, harmed, 0o600); err != nil {
			t.Fatal(err)
		}
		m.start()
		m.catchUp()
		if m.digest() != want {
			t.Fatalf("byte %d flipped gave another state", at)
		}
		m.kill()
	}
}

func TestDamageFoundByAReadIsHealedByTheNextStart(t *testing.T) {
	m := newMember(t)
	m.story()
	m.checkpoint()
	want := m.digest()
	if err := m.fs.FlipBit("m/consumequeue/1/0/00000000000000000000", 333); err != nil {
		t.Fatal(err)
	}
	if _, err := m.state.Units(nil, storyKey, 5, 1); !errors.Is(err, consumequeue.ErrDamaged) {
		t.Fatalf("read gave %v", err)
	}
	if len(m.host.fatal) != 1 {
		t.Fatalf("fatal %v", m.host.fatal)
	}
	wantCodes(t, m.append(AppendBoundary(nil)), Failed)
	m.restart()
	m.host.fatal = nil
	units, err := m.state.Units(nil, storyKey, 0, 200)
	if err != nil || len(units) != 152 {
		t.Fatalf("%d units, %v", len(units), err)
	}
	if m.digest() == want {
		t.Error("the entry that came after the damage was lost")
	}
	m.restart()
	if len(m.host.fatal) > 0 {
		t.Errorf("fatal again: %v", m.host.fatal)
	}
}

func TestNeverStartsEmptySilently(t *testing.T) {
	m := newMember(t)
	m.story()
	m.must(AppendRetain(nil, m.state.Boundaries()[0].Index))
	m.checkpoint()
	m.host.retain(t)
	m.kill()
	clear(m.host.images)
	if err := os.Remove(filepath.Join(m.realDir, databaseName)); err != nil {
		t.Fatal(err)
	}
	if err := m.tryStart(); !errors.Is(err, raftlog.ErrQuarantined) {
		t.Errorf("started without a base: %v", err)
	}
	m.host.log.Close()
	m.state = nil
}

func TestStateBeyondTheLogIsQuarantined(t *testing.T) {
	m := newMember(t)
	m.story()
	m.checkpoint()
	last := m.host.log.LastIndex()
	if err := m.host.log.TruncateSuffix(last - 5); err != nil {
		t.Fatal(err)
	}
	m.kill()
	if err := m.tryStart(); !errors.Is(err, raftlog.ErrQuarantined) {
		t.Errorf("started beyond the log: %v", err)
	}
	m.host.log.Close()
	m.state = nil
}

// installed returns a member whose log was reset to the boundary at index and got it and what follows from m; its state is empty yet.
func (m *member) installed(t *testing.T, index offset.Index) *member {
	t.Helper()
	n := newMember(t)
	at, err := m.host.log.DataPosition(index)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.host.log.Reset(index, at-40); err != nil {
		t.Fatal(err)
	}
	for i := index; i <= m.host.log.LastIndex(); i++ {
		e, err := m.host.log.Entry(i)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.host.log.Append([]entryOfLog{e}); err != nil {
			t.Fatal(err)
		}
	}
	n.host.images[index] = m.host.images[index]
	return n
}

func TestInstall(t *testing.T) {
	m := newMember(t)
	m.story()
	m.must(AppendRetain(nil, m.state.Boundaries()[1].Index))
	index := m.state.Boundaries()[0].Index
	want, ranged := m.digest(), m.state.Range(storyKey)
	check := func(name string, n *member) {
		t.Helper()
		n.catchUp()
		if n.digest() != want || n.state.Range(storyKey) != ranged {
			t.Errorf("%s: another state, or range %v instead of %v", name, n.state.Range(storyKey), ranged)
		}
	}

	installs := 0
	n := m.installed(t, index)
	n.state.opts.OnInstall = func() { installs++ }
	_, image, _, _ := n.host.NewestImage()
	if err := n.state.Install(index, image); err != nil || n.state.Applied() != index || installs != 1 {
		t.Fatalf("install: %v, applied %d, %d calls", err, n.state.Applied(), installs)
	}
	check("into an empty member", n)
	n.restart()
	check("after a restart", n)

	// The old state of a member goes altogether.
	n = m.installed(t, index)
	n.state.Install(index, image) // a damaged one: it was read to its end before
	n.state.live.Load().setTopic(&Topic{ID: 77, Name: "old"})
	_, image, _, _ = n.host.NewestImage()
	if err := n.state.Install(index, image); err != nil || n.state.Topic("old") != nil {
		t.Fatalf("install over a state: %v", err)
	}
	check("over a state", n)

	// Killed between the publication of the image and the switch of the state: the start rule.
	n = m.installed(t, index)
	n.restart()
	check("by the start rule", n)
}

func TestInstallRefusesDamage(t *testing.T) {
	m := newMember(t)
	m.story()
	b := m.state.Boundaries()[0]
	whole := m.host.images[b.Index]
	n := newMember(t)
	before := n.digest()
	for _, bad := range [][]byte{nil, whole[:10], whole[:len(whole)/2], whole[:len(whole)-1], append(append([]byte(nil), whole...), 0)} {
		if err := n.state.Install(b.Index, newReader(bad)); !errors.Is(err, errImage) {
			t.Errorf("%d bytes of %d: %v", len(bad), len(whole), err)
		}
	}
	for i := 0; i < len(whole); i += 7 {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 4
		if err := n.state.Install(b.Index, newReader(bad)); !errors.Is(err, errImage) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
	}
	if err := n.state.Install(b.Index+1, newReader(whole)); !errors.Is(err, errImage) {
		t.Errorf("as another index: %v", err)
	}
	if n.digest() != before {
		t.Error("a refused image changed the state")
	}
}

func TestImageAndDigestsAgree(t *testing.T) {
	m := newMember(t)
	topic := m.createTopic("A", 1)
	m.append(send(topic.ID, 0, 1, "a"))
	m.append(AppendBoundary(nil))
	m.checkpoint()
	index, digest := m.state.Digest()
	image := m.host.images[index]
	if string(image[len(image)-32:]) != string(digest[:]) {
		t.Error("the image ends with another digest")
	}
	if own, ok := m.state.BoundaryDigest(index); !ok || own != digest {
		t.Error("the boundary has another digest")
	}
	if _, ok := m.state.BoundaryDigest(index + 1); ok {
		t.Error("a digest of no boundary")
	}
}

// A crash between the commit at a boundary and its image leaves the image to the next start.
func TestMissingImageIsMadeAtTheStart(t *testing.T) {
	m := newMember(t)
	m.story()
	m.must(AppendBoundary(nil))
	m.checkpoint()
	index := m.state.Applied()
	image := m.host.images[index]
	m.kill()
	delete(m.host.images, index)
	m.start()
	m.checkpoint()
	if string(m.host.images[index]) != string(image) {
		t.Error("the image was not made again, or is another")
	}
}

func TestLogIsKeptWithoutAnImage(t *testing.T) {
	m := newMember(t)
	m.createTopic("A", 1)
	m.host.noImages = errors.New("no space")
	m.must(AppendBoundary(nil))
	m.must(AppendRetain(nil, m.state.Applied()))
	m.checkpoint()
	if m.host.retained != 0 || len(m.host.fatal) > 0 {
		t.Errorf("retained from %d, fatal %v", m.host.retained, m.host.fatal)
	}
}

// Damage that a checkpoint meets, here when it looks for where the queues begin after a Retain, does not end every life of the member.
func TestDamageFoundByACheckpointIsHealedByTheNextStart(t *testing.T) {
	m := newMember(t)
	m.story()
	m.checkpoint()
	ranged := m.state.Range(storyKey)
	if err := m.fs.FlipBit("m/consumequeue/1/0/00000000000000000000", 8*1020+333); err != nil {
		t.Fatal(err)
	}
	m.must(AppendRetain(nil, m.state.Boundaries()[0].Index))
	if err := m.state.checkpoint(true); !errors.Is(err, consumequeue.ErrDamaged) || len(m.host.fatal) != 1 {
		t.Fatalf("checkpoint gave %v, fatal %v", err, m.host.fatal)
	}
	m.host.fatal = nil
	m.restart()
	m.checkpoint()
	if got := m.state.Range(storyKey); got.Min <= ranged.Min || got.Max != ranged.Max || len(m.host.fatal) > 0 {
		t.Errorf("range %v, fatal %v", got, m.host.fatal)
	}
}
