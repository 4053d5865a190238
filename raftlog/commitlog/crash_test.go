package commitlog

import (
	"errors"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// step is one operation of the scenario, on the log and on the model.
type step struct {
	name     string
	do       func(o Options, l *Log) (*Log, error)
	model    func(model) model
	prefixes bool
}

func onLog(do func(l *Log) error) func(Options, *Log) (*Log, error) {
	return func(_ Options, l *Log) (*Log, error) { return l, do(l) }
}

func stepAppend(index offset.Index, term offset.Term, sizes ...int) step {
	entries := entriesFrom(index, term, sizes...)
	return step{"append", onLog(func(l *Log) error { return l.Append(entries) }),
		func(m model) model { return m.append(entries) }, true}
}

func stepTruncate(from offset.Index) step {
	return step{"truncate", onLog(func(l *Log) error { return l.TruncateSuffix(from) }),
		func(m model) model { return m.truncate(from) }, false}
}

func stepRetain(from offset.Index) step {
	return step{"retain", onLog(func(l *Log) error { return l.Retain(from) }),
		func(m model) model { return m.retain(from) }, false}
}

func stepReset(index offset.Index, pos offset.Physical) step {
	return step{"reset", onLog(func(l *Log) error { return l.Reset(index, pos) }),
		func(m model) model { return m.reset(index, pos) }, false}
}

var stepOpen = step{"open", func(o Options, _ *Log) (*Log, error) { return Open(o) }, same, false}
var stepClose = step{"close", onLog((*Log).Close), same, false}

func same(m model) model { return m }

// scenario touches every operation, with rolls inside appends, truncation within and across segments, retention
// of whole segments and a reset that is appended to.
var scenario = []step{
	stepOpen,
	stepAppend(1, 1, 300, 300),
	stepAppend(3, 1, 900, 900, 700, 20, 5000, 20),
	stepTruncate(8),
	stepAppend(8, 2, 900, 900, 900),
	stepTruncate(4),
	stepAppend(4, 3, 900, 40_000, 900, 900, 900, 900),
	stepRetain(5),
	stepClose,
	stepOpen,
	stepAppend(10, 3, 100, 2500),
	stepRetain(10),
	stepTruncate(11),
	stepReset(500, 1_000_000),
	stepAppend(500, 4, 100),
	stepAppend(501, 4, 1800, 1800, 100),
	stepTruncate(502),
	stepClose,
}

// play runs the scenario on fsys until a step fails, telling before what is under way. It returns what the log may
// hold: the last transition if it failed, else the final state twice.
func play(fsys vfs.FS, o Options, before func(transition)) (transition, error) {
	o.FS = fsys
	m := newModel()
	var l *Log
	defer func() {
		if l != nil {
			l.Close()
		}
	}()
	for _, s := range scenario {
		t := transition{m, s.model(m), s.prefixes}
		before(t)
		got, err := s.do(o, l)
		if err != nil {
			return t, err
		}
		l, m = got, t.after
	}
	return transition{m, m, false}, nil
}

// TestCrashAfterEveryOperation cuts the power before each file operation of the scenario, several times with
// different luck, and kills the process there. Always the log must come back as it was before or after the step.
func TestCrashAfterEveryOperation(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 0))
	states := 0
	var mu sync.Mutex
	var now transition
	m := vfs.NewMem()
	o := small(m)
	m.AddHook(func(op *vfs.Op) error {
		if !op.Changes() {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		clones := []*vfs.Mem{m.KillClone(), m.CrashClone(nil)}
		for range 2 * *sweep {
			clones = append(clones, m.CrashClone(rng))
		}
		for i, c := range clones {
			states++
			if _, err := now.reopened(o, c); err != nil {
				t.Errorf("before %s %s, clone %d, state %d to %d: %v", op.Kind, op.Path, i, now.before.next(), now.after.next(), err)
			}
		}
		return nil
	})
	if _, err := play(m, o, func(tr transition) {
		mu.Lock()
		defer mu.Unlock()
		now = tr
	}); err != nil {
		t.Fatal(err)
	}
	if states < 600 {
		t.Fatal("only", states, "states")
	}
	t.Logf("sweep: %d crash states", states)
}

// TestCrashDuringRecovery starts from crash states of the scenario and cuts the power again before each file
// operation of Open; and fails each of these operations once.
func TestCrashDuringRecovery(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 0))
	type state struct {
		fs  *vfs.Mem
		now transition
	}
	var mu sync.Mutex
	var now transition
	var states []state
	m := vfs.NewMem()
	o := small(m)
	m.AddHook(func(op *vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if op.Changes() && rng.IntN(max(24 / *sweep, 1)) == 0 {
			states = append(states, state{m.CrashClone(rng), now})
		}
		return nil
	})
	_, err := play(m, o, func(tr transition) {
		mu.Lock()
		defer mu.Unlock()
		now = tr
	})
	must(t, err)
	second := 0
	for _, s := range states {
		var cuts []*vfs.Mem
		var opening sync.Mutex // the keeper starts before Open returns
		fs := s.fs.KillClone()
		o.FS = fs
		remove := fs.AddHook(func(op *vfs.Op) error {
			opening.Lock()
			defer opening.Unlock()
			if op.Changes() {
				cuts = append(cuts, fs.CrashClone(rng))
			}
			return nil
		})
		l, err := Open(o)
		must(t, err)
		remove()
		must(t, l.Close())
		for n := range cuts {
			failing := s.fs.KillClone()
			failNth(failing, int64(2*n), func(*vfs.Op) bool { return true }, func(*vfs.Op) error { return syscall.EIO })
			o.FS = failing
			if l, err := Open(o); err == nil {
				l.Close()
			} else if errors.Is(err, ErrCorrupt) {
				t.Errorf("a failed operation was taken for damage: %v", err)
			}
			cuts = append(cuts, failing.KillClone(), failing.CrashClone(rng))
		}
		for _, c := range cuts {
			second++
			if _, err := s.now.reopened(o, c); err != nil {
				t.Errorf("cut %d of recovery: %v", second, err)
			}
		}
	}
	t.Logf("sweep: %d crash states, in %d recoveries", second, len(states))
}

// TestFailEveryOperation fails file operation 0, then 1, and so on until a run meets no fault. Each run ends in
// success or a clean error; what was acknowledged is there after a kill, after a power cut, and stays there.
func TestFailEveryOperation(t *testing.T) {
	every := func(*vfs.Op) bool { return true }
	needsSpace := func(op *vfs.Op) bool {
		return op.Kind == vfs.OpWrite || op.Kind == vfs.OpPreallocate || op.Kind == vfs.OpCreate
	}
	write := func(op *vfs.Op) bool { return op.Kind == vfs.OpWrite }
	for name, f := range map[string]struct {
		match func(*vfs.Op) bool
		fault func(*vfs.Op) error
	}{
		"error": {every, func(*vfs.Op) error { return syscall.EIO }},
		"full":  {needsSpace, func(*vfs.Op) error { return syscall.ENOSPC }},
		"short": {write, func(op *vfs.Op) error { op.Short = op.Length / 2; return syscall.EIO }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(5, 0))
			for n := int64(0); ; n++ {
				m := vfs.NewMem()
				fired := failNth(m, n, f.match, f.fault)
				end, err := play(m, small(m), func(transition) {})
				if !fired() {
					must(t, err)
					break
				}
				if errors.Is(err, ErrCorrupt) {
					t.Fatalf("operation %d failed and was taken for damage: %v", n, err)
				}
				for i, c := range []*vfs.Mem{m.KillClone(), m.CrashClone(nil), m.CrashClone(rng)} {
					if _, err := end.reopened(small(nil), c); err != nil {
						t.Fatalf("operation %d failed, clone %d: %v", n, i, err)
					}
				}
			}
		})
	}
}

// failNth fails the n-th operation for which match holds.
func failNth(m *vfs.Mem, n int64, match func(*vfs.Op) bool, fault func(*vfs.Op) error) (fired func() bool) {
	var mu sync.Mutex
	var seen int64
	m.AddHook(func(op *vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if !match(op) {
			return nil
		}
		if seen++; seen-1 == n {
			return fault(op)
		}
		return nil
	})
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return seen > n
	}
}
