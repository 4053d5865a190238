package commitlog

import (
	"flag"
	"io"
	"math/rand/v2"
	"path"
	"testing"

	"github.com/raftmq/raftmq/internal/vfs"
)

// sweep is how many times as many crash states and corruptions as usual the tests of this package try; scripts/sweeps.sh sets it and adds
// up what they log.
var sweep = flag.Int("sweep", 1, "try so many times as many crash states and corruptions")

// stride is a random step between two bits to flip, up to usual, or smaller in a larger sweep: at last every bit is flipped.
func stride(rng *rand.Rand, usual int64) int64 {
	return 1 + rng.Int64N(max(usual/int64(*sweep), 1))
}

// TestZeroedPages zeroes every page of every file of a log, alone and with the ones behind it, as a disk or a file system may after a power
// cut or a remapped sector: the log is refused, or whole but for records that it refuses to give.
func TestZeroedPages(t *testing.T) {
	const pageBytes = 512
	fsys, o, want := damagedLog(t)
	zeroed, refused := 0, 0
	for _, name := range files(t, fsys, o.Dir) {
		name = path.Join(o.Dir, name)
		size := fileSize(t, fsys, name)
		for at := int64(0); at < size; at += pageBytes {
			for _, end := range []int64{min(at+pageBytes, size), size} {
				c := fsys.KillClone()
				must(t, overwrite(c, name, at, make([]byte, end-at)))
				quarantined, bad, err := outcome(o, c, want)
				if err != nil {
					t.Fatalf("%s zero from %d to %d: %v", name, at, end, err)
				}
				zeroed++
				if quarantined || bad > 0 {
					refused++
				}
			}
		}
	}
	if refused == 0 {
		t.Error("no zeroed page was noticed")
	}
	t.Logf("sweep: %d corruptions: zeroed pages, %d of them noticed", zeroed, refused)
}

func overwrite(fsys vfs.FS, name string, at int64, b []byte) error {
	f, err := fsys.OpenReadWrite(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(b, at); err != nil && err != io.EOF {
		return err
	}
	return f.Sync()
}
