package state

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// verify stops nothing and verifies: for a member that was checkpointed and killed.
func (m *member) verify() (Report, error) { return VerifyDir(m.fs, "m", m.realDir) }

func TestVerifyDirOfARightMember(t *testing.T) {
	m := newMember(t)
	m.story()
	m.append(send(1, 1, 999, "after the last checkpoint"))
	m.kill()
	r, err := m.verify()
	if err != nil || r.Units == 0 || r.Applied == 0 || r.Queues != 3 || r.Records < 8 || r.Log.Records == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	m.start()
	m.catchUp()
	m.checkpoint()
	m.kill()
	if r, err := m.verify(); err != nil || r.Units != 152+151 {
		t.Errorf("at the end: %+v, %v", r, err)
	}
}

func TestVerifyDirOfAMemberThatNeverStarted(t *testing.T) {
	m := newMember(t)
	m.kill()
	if r, err := m.verify(); err != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if err := os.Remove(filepath.Join(m.realDir, databaseName)); err != nil {
		t.Fatal(err)
	}
	if r, err := m.verify(); err != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestVerifyDirFindsDifferences(t *testing.T) {
	queueFile := "m/consumequeue/1/0/00000000000000000000"
	for name, c := range map[string]struct {
		harm func(m *member) error // of the running member, which then makes a checkpoint
		dead func(m *member) error // of the files
		want string
	}{
		"bit of a unit": {dead: func(m *member) error { return m.fs.FlipBit(queueFile, 100) }, want: "does not fit its seal"},
		"another unit": {
			// A whole block with a right seal and a wrong unit: only Apply can tell.
			dead: func(m *member) error { return rewriteUnit(m.fs, queueFile, 3) }, want: "unit: queue 1/0, offset 3 is",
		},
		"queue file missing": {dead: func(m *member) error { return m.fs.Remove(queueFile) }, want: "no file holds"},
		"a topic too many": {
			harm: func(m *member) error {
				m.state.live.Load().put(tableTopics, topicKey(9), appendTopic(nil, &Topic{Name: "x"}))
				return nil
			},
			want: "topics: key 00000009 should not be there",
		},
		"an offset changed": {
			harm: func(m *member) error {
				m.state.live.Load().put(tableOffsets, offsetKey("g", "A", 0), offsetValue(99, 1))
				return nil
			},
			want: "offsets: key",
		},
		"a boundary missing": {
			harm: func(m *member) error {
				live := m.state.live.Load()
				live.remove(tableBoundaries, boundaryKey(live.boundaries[0].Index))
				return nil
			},
			want: "boundaries: key",
		},
		"state.db damaged": {dead: func(m *member) error { return os.Truncate(filepath.Join(m.realDir, databaseName), 5000) }, want: "state.db"},
		"bit of the log":   {dead: func(m *member) error { return m.fs.FlipBit("m/commitlog/00000000000000000000", 8*5000) }, want: "damaged at position"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMember(t)
			m.story()
			if c.harm != nil {
				if err := c.harm(m); err != nil {
					t.Fatal(err)
				}
			}
			m.append(AppendFeatureLevel(nil, 1))
			m.checkpoint()
			m.kill()
			if c.dead != nil {
				if err := c.dead(m); err != nil {
					t.Fatal(err)
				}
			}
			r, err := m.verify()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v", r, err)
			}
			if len(r.Problems) != 1 {
				t.Errorf("%d problems: %v", len(r.Problems), r.Problems)
			}
		})
	}
}

// rewriteUnit changes a unit of the first block of a queue file and seals the block anew, by writing the same units to another store.
func rewriteUnit(fs *vfs.Mem, name string, at int) error {
	f, err := fs.OpenReadWrite(name)
	if err != nil {
		return err
	}
	units := make([]byte, 50*consumequeue.UnitSize)
	if _, err := f.ReadAt(units, 0); err != nil {
		return err
	}
	units[at*consumequeue.UnitSize+19] ^= 1
	forged := consumequeue.Options{FS: vfs.NewMem(), Dir: "q", TailBytesMax: 1}
	s, err := consumequeue.Open(forged, []consumequeue.Tail{{Key: storyKey, Next: 50, Units: units}})
	if err != nil {
		return err
	}
	if _, err := s.Append(storyKey, consumequeue.Unit{Position: 1 << 40}); err != nil {
		return err
	}
	if err := errors.Join(s.Flush(s.Freeze()), s.Close()); err != nil {
		return err
	}
	g, err := forged.FS.Open("q/1/0/00000000000000000000")
	if err != nil {
		return err
	}
	block := make([]byte, 51*consumequeue.UnitSize)
	if _, err := g.ReadAt(block, 0); err != nil {
		return err
	}
	_, err = f.WriteAt(block, 0)
	return err
}

func TestVerifyComparesImages(t *testing.T) {
	m := newMember(t)
	m.story()
	m.checkpoint()
	m.kill()
	v := verifier{fs: m.fs, dir: "m", seen: map[string]bool{}}
	if _, err := v.loadStored(m.realDir); err != nil {
		t.Fatal(err)
	}
	v.images = map[offset.Index][32]byte{}
	for index, image := range m.host.images {
		records, err := readImage(bytes.NewReader(image), index)
		if err != nil {
			t.Fatal(err)
		}
		v.images[index] = digestOf(index, records)
	}
	queues, err := consumequeue.View(consumequeue.Options{FS: m.fs, Dir: "m/consumequeue"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer queues.Close()
	v.machine = newMachine(newComparison(&v, queues))
	if !v.verifyLog(v.apply) || len(v.report.Problems) > 0 || v.report.Images != 2 {
		t.Errorf("%+v", v.report)
	}
	for index := range v.images {
		v.images[index] = [32]byte{1}
	}
	v.machine, v.last = newMachine(newComparison(&v, queues)), 0
	v.verifyLog(v.apply)
	if !slices.ContainsFunc(v.report.Problems, func(err error) bool { return errors.Is(err, ErrDiffers) }) {
		t.Error("another digest was not found")
	}
}
