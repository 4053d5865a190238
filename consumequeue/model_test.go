package consumequeue

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// model is what the store must look like: slices, and no files.
type model struct {
	queues map[Key]modelQueue
	trim   offset.Physical
}

type modelQueue struct {
	base  offset.Queue // what the units before units[0] are is lost to a Reset
	units []Unit
}

func (m model) clone() model {
	c := model{queues: map[Key]modelQueue{}, trim: m.trim}
	for k, q := range m.queues {
		c.queues[k] = modelQueue{q.base, slices.Clone(q.units)}
	}
	return c
}

func (m model) rangeOf(k Key) offset.Range {
	q := m.queues[k]
	i := 0
	for i < len(q.units) && q.units[i].Position < m.trim {
		i++
	}
	return offset.Range{Min: q.base + offset.Queue(i), Max: q.base + offset.Queue(len(q.units))}
}

// machine runs a Store beside a model.
type machine struct {
	fs       *vfs.Mem
	opts     Options
	store    *Store
	now      model
	position offset.Physical

	// The last commit: what the caller's database would hold.
	tails  map[Key]Tail
	stable model
}

func (m *machine) open(t *rapid.T, fs *vfs.Mem) {
	m.fs = fs
	m.opts.FS = fs
	s, err := Open(m.opts, slices.Collect(maps.Values(m.tails)))
	if err != nil {
		t.Fatalf("reopening: %v", err)
	}
	m.store = s
	m.now = m.stable.clone()
	s.Trim(m.now.trim)
}

func (m *machine) commit(t *rapid.T) {
	tails := m.store.Freeze()
	frozen := m.now.clone()
	if err := m.store.Flush(tails); err != nil {
		t.Fatalf("flush: %v", err)
	}
	for _, tail := range tails {
		tail.queue = nil
		if tail.Gone {
			delete(m.tails, tail.Key)
		} else {
			m.tails[tail.Key] = tail
		}
	}
	m.stable = frozen
	if rapid.IntRange(0, 4).Draw(t, "crash before Committed") > 0 {
		if err := m.store.Committed(tails); err != nil {
			t.Fatalf("committed: %v", err)
		}
		return
	}
	m.crash(t)
}

func (m *machine) crash(t *rapid.T) {
	seed := rapid.Uint64().Draw(t, "seed")
	clone := m.fs.CrashClone(rand.New(rand.NewPCG(seed, 1)))
	m.store.Close()
	m.open(t, clone)
}

func (m *machine) key(t *rapid.T) Key {
	return Key{Topic: uint32(rapid.IntRange(1, 3).Draw(t, "topic")), Queue: int32(rapid.IntRange(0, 1).Draw(t, "queue"))}
}

func (m *machine) append(t *rapid.T) {
	k := m.key(t)
	step := offset.Physical(rapid.IntRange(1, 500).Draw(t, "step"))
	for range rapid.IntRange(1, 170).Draw(t, "count") {
		m.position += step
		u := Unit{Position: m.position, Size: uint32(m.position % 777), TagsCode: -int64(m.position)}
		at, err := m.store.Append(k, u)
		if errors.Is(err, ErrDropped) {
			return
		}
		if err != nil || at != m.now.rangeOf(k).Max {
			t.Fatalf("append gave %d, %v; want %d", at, err, m.now.rangeOf(k).Max)
		}
		q := m.now.queues[k]
		q.units = append(q.units, u)
		m.now.queues[k] = q
	}
}

func (m *machine) read(t *rapid.T) {
	k := m.key(t)
	r := m.now.rangeOf(k)
	from := r.Min + offset.Queue(rapid.IntRange(-1, int(r.Max-r.Min)+1).Draw(t, "from"))
	n := rapid.IntRange(1, 200).Draw(t, "max")
	got, err := m.store.Read(nil, k, from, n)
	if from < r.Min || from > r.Max {
		if !errors.Is(err, ErrOutOfRange) {
			t.Fatalf("read at %d of %v: %v", from, r, err)
		}
		return
	}
	q := m.now.queues[k]
	rest := q.units[from-q.base:]
	if want := rest[:min(n, len(rest))]; err != nil || !slices.Equal(got, want) {
		t.Fatalf("read %d at %d of %v gave %d units, %v; want %d", n, from, r, len(got), err, len(want))
	}
}

func (m *machine) search(t *rapid.T) {
	k := m.key(t)
	q, r := m.now.queues[k], m.now.rangeOf(k)
	p := offset.Physical(rapid.Int64Range(0, int64(m.position)+1).Draw(t, "position"))
	got, err := m.store.Search(k, func(u Unit) (bool, error) { return u.Position >= p, nil })
	want := r.Min
	for want < r.Max && q.units[want-q.base].Position < p {
		want++
	}
	if err != nil || got != want {
		t.Fatalf("search gave %d, %v; want %d", got, err, want)
	}
}

func (m *machine) trim(t *rapid.T) {
	p := offset.Physical(rapid.Int64Range(0, int64(m.position)+1).Draw(t, "position"))
	m.store.Trim(p)
	m.now.trim = max(m.now.trim, p)
}

func (m *machine) drop(t *rapid.T) {
	k := m.key(t)
	m.store.Drop(k)
	delete(m.now.queues, k)
}

func (m *machine) reset(t *rapid.T) {
	var tails []Tail
	next := model{queues: map[Key]modelQueue{}}
	for range rapid.IntRange(0, 3).Draw(t, "queues") {
		k := m.key(t)
		if _, again := next.queues[k]; again {
			continue
		}
		at := offset.Queue(rapid.IntRange(0, 400).Draw(t, "next"))
		tails = append(tails, Tail{Key: k, First: at, Next: at})
		next.queues[k] = modelQueue{base: at}
	}
	if err := m.store.Reset(tails); err != nil {
		t.Fatalf("reset: %v", err)
	}
	m.now, m.stable = next, next.clone()
	m.tails = map[Key]Tail{}
	for _, tail := range tails {
		m.tails[tail.Key] = tail
	}
}

func (m *machine) check(t *rapid.T) {
	for topic := range uint32(4) {
		for queue := range int32(2) {
			k := Key{topic, queue}
			if got, want := m.store.Range(k), m.now.rangeOf(k); got != want {
				t.Fatalf("range of %v is %v, want %v", k, got, want)
			}
		}
	}
}

func TestStoreAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{tails: map[Key]Tail{}, stable: model{queues: map[Key]modelQueue{}}}
		m.opts = Options{Dir: "d/cq", UnitsPerFile: 100, OpenFilesMax: 2,
			DirtyBytesMax: rapid.Int64Range(2*sealAt, 20*sealAt).Draw(t, "dirty"), TailBytesMax: rapid.Int64Range(1, 6000).Draw(t, "tail")}
		fs := vfs.NewMem()
		if err := errors.Join(fs.MkdirAll("d"), fs.SyncDir(".")); err != nil {
			t.Fatal(err) // that the parent outlives a crash is the caller's
		}
		m.open(t, fs)
		defer func() { m.store.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append, "append more": m.append, "read": m.read, "search": m.search, "trim": m.trim, "drop": m.drop,
			"commit": m.commit, "crash": m.crash, "reset": m.reset, "": m.check,
			"file size": func(t *rapid.T) {
				m.opts.UnitsPerFile = rapid.SampledFrom([]int{50, 100, 250}).Draw(t, "units")
				m.crash(t)
			},
		})
	})
}
