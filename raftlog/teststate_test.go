package raftlog

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"sync"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// Kinds of the test's sub-records.
const (
	kindText     = 1
	kindBoundary = 2
	kindRetain   = 3
)

// testState is an Applier that remembers every text it was handed.
type testState struct {
	fs    vfs.FS
	dir   string
	every int // entries between two checkpoints

	mu      sync.Mutex
	h       Host
	at      offset.Index
	texts   []string
	saved   int
	applies int // calls of Apply since start, of which entries
	stopped bool
	// block is waited for before each Apply, if set.
	block chan struct{}
}

type testImage struct {
	Index offset.Index
	Texts []string
}

func (s *testState) file() string { return path.Join(s.dir, "teststate") }

func (s *testState) Start(h Host) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.h = h
	content, ok, err := readSmallFile(s.fs, s.file())
	if err != nil {
		return err
	}
	if ok {
		var i testImage
		if err := json.Unmarshal(content, &i); err != nil {
			return err
		}
		s.at, s.texts = i.Index, i.Texts
	}
	index, image, ok, err := h.NewestImage()
	if err != nil || !ok {
		return err
	}
	defer image.Close()
	if index <= s.at {
		return nil
	}
	return s.loadLocked(index, image)
}

func (s *testState) loadLocked(index offset.Index, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var i testImage
	if err := json.Unmarshal(b, &i); err != nil {
		return err
	}
	if i.Index != index {
		return fmt.Errorf("image of index %d says %d", index, i.Index)
	}
	s.at, s.texts = i.Index, i.Texts
	return nil
}

func (s *testState) Applied() offset.Index {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *testState) Apply(entries []Committed) [][]Result {
	s.mu.Lock()
	block := s.block
	s.mu.Unlock()
	if block != nil {
		<-block
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all [][]Result
	for _, e := range entries {
		if e.Index <= s.at {
			panic(fmt.Sprintf("entry %d handed over at %d", e.Index, s.at))
		}
		all = append(all, s.applyLocked(e))
		s.applies++
	}
	if s.saved += len(entries); s.every > 0 && s.saved >= s.every {
		s.saved = 0
		if err := s.checkpointLocked(); err != nil {
			s.h.Fatal(err)
		}
	}
	return all
}

func (s *testState) applyLocked(e Committed) []Result {
	batch, err := commitlog.DecodeBatch(e.Data)
	if err != nil {
		panic(fmt.Sprintf("entry %d: %v", e.Index, err))
	}
	results := make([]Result, 0, batch.Count)
	s.at = e.Index
	for {
		sub, at, ok, err := batch.Next()
		if err != nil {
			panic(fmt.Sprintf("entry %d: %v", e.Index, err))
		}
		if !ok {
			return results
		}
		switch sub.Kind {
		case kindText:
			s.texts = append(s.texts, string(sub.Payload))
		case kindBoundary:
			s.imageLocked(e.Index)
		case kindRetain:
			s.h.Retain(offset.Index(binary.BigEndian.Uint64(sub.Payload)))
		default:
			panic(fmt.Sprintf("entry %d: kind %d", e.Index, sub.Kind))
		}
		results = append(results, Result{Queue: offset.Queue(len(s.texts)), Position: e.Position + offset.Physical(at), Detail: e.Index})
	}
}

func (s *testState) imageLocked(index offset.Index) {
	w, err := s.h.CreateImage(index)
	if err != nil {
		panic(err)
	}
	b, _ := json.Marshal(testImage{Index: index, Texts: s.texts})
	w.Write(b)
	if err := w.Commit(); err != nil {
		s.h.Fatal(err)
	}
}

func (s *testState) checkpointLocked() error {
	if err := s.h.Log().Sync(); err != nil {
		return err
	}
	b, _ := json.Marshal(testImage{Index: s.at, Texts: s.texts})
	return writeSmallFile(s.fs, s.file(), b)
}

func (s *testState) Install(index offset.Index, image io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loadLocked(index, image)
}

func (s *testState) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	return s.checkpointLocked()
}

// all returns the texts applied so far.
func (s *testState) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.texts...)
}

func textRecord(text string) []byte {
	return commitlog.AppendSubRecord(nil, kindText, 1, 0, []byte(text))
}

func boundaryRecord() []byte { return commitlog.AppendSubRecord(nil, kindBoundary, 1, 0, nil) }

func retainRecord(from offset.Index) []byte {
	return commitlog.AppendSubRecord(nil, kindRetain, 1, 0, binary.BigEndian.AppendUint64(nil, uint64(from)))
}
