package consumequeue

import (
	"errors"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/raftmq/raftmq/internal/vfs"
)

// sweep is how many times as many corruptions as usual are tried; scripts/sweeps.sh sets it and adds up what is logged.
var sweep = flag.Int("sweep", 1, "try so many times as many corruptions")

// TestFlippedBits flips bits all over the files of a queue: what is read is right, or refused.
func TestFlippedBits(t *testing.T) {
	k := Key{1, 0}
	fs := vfs.NewMem()
	s := mustOpen(t, spillingOptionsOn(fs))
	mustAppend(t, s, k, 0, 420)
	tails := mustCheckpoint(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := make([]Unit, 420)
	for i := range want {
		want[i] = unitNo(i)
	}
	rng := rand.New(rand.NewPCG(8, 0))
	flips, refused := 0, 0
	for _, name := range []string{"data/cq/1/0/00000000000000000000", "data/cq/1/0/00000000000000000200"} {
		info, err := fs.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		for bit := rng.Int64N(8); bit < info.Size()*8; bit += 1 + rng.Int64N(max(400/int64(*sweep), 1)) {
			c := fs.KillClone()
			if err := c.FlipBit(name, bit); err != nil {
				t.Fatal(err)
			}
			flips++
			if bad := readAll(t, c, tails, k, want); bad {
				refused++
			}
		}
	}
	if refused == 0 {
		t.Error("no flipped bit was noticed")
	}
	t.Logf("sweep: %d corruptions of a queue, %d of them noticed", flips, refused)
}

// readAll reads a queue in pieces and compares what it gets; bad reports whether anything was refused as damaged.
func readAll(t *testing.T, fs *vfs.Mem, tails []Tail, k Key, want []Unit) (bad bool) {
	t.Helper()
	s, err := Open(spillingOptionsOn(fs), tails)
	if errors.Is(err, ErrDamaged) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for at := 0; at < len(want); at += 70 {
		got, err := s.Read(nil, k, queueOffset(at), 70)
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		bad = bad || err != nil
		if !slices.Equal(got, want[at:at+len(got)]) {
			t.Fatalf("wrong units from offset %d", at)
		}
	}
	return bad
}
