package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// writeLog makes a member's directory whose log has a record for each letter, in segments of segmentBytes.
func writeLog(t *testing.T, group byte, segmentBytes int64, letters string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	l, err := commitlog.Open(commitlog.Options{FS: vfs.OS(), Dir: filepath.Join(dir, commitlogDir), Group: commitlog.UUID{group},
		Instance: commitlog.UUID{1}, SegmentBytes: segmentBytes, ReserveBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, letter := range []byte(letters) {
		// Type 1 is opaque to the log, so the data need not be a batch.
		e := commitlog.Entry{Index: offset.Index(i + 1), Term: 1, Type: 1, Data: bytes.Repeat([]byte{letter}, 10_000)}
		if err := l.Append([]commitlog.Entry{e}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLogsAreComparedByteByByte(t *testing.T) {
	long := strings.Repeat("abcdefgh", 40) // over 3 MiB: several chunks and segments
	var (
		whole   = writeLog(t, 1, 1<<20, long)
		shorter = writeLog(t, 1, 2<<20, long[:200]) // other segments, an earlier end
		other   = writeLog(t, 1, 1<<20, long[:250]+"X"+long[251:])
		foreign = writeLog(t, 2, 1<<20, long)
	)
	for _, test := range []struct {
		name string
		dirs []string
		code int
		says string
	}{
		{"equal, one of them shorter", []string{whole, shorter}, 0, "equal from position 0 to 2008000, 2008000 bytes"},
		{"a record differs behind the end of the shorter one", []string{shorter, other}, 0, "equal from position 0 to 2008000"},
		{"a record differs", []string{whole, shorter, other}, exitUnhealthy, "differ at position 2510000"},
		{"another group", []string{whole, foreign}, exitUsage, "the other directories are of another group"},
		{"one directory", []string{whole}, exitUsage, "two members or more"},
		{"no member", []string{t.TempDir(), whole}, exitFailed, "no member's directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := raftmq(t, nil, append([]string{"debug", "compare"}, test.dirs...)...)
			if r.code != test.code || !strings.Contains(r.stdout+r.stderr, test.says) {
				t.Errorf("exit code %d, want %d with %q:\n%s%s", r.code, test.code, test.says, r.stdout, r.stderr)
			}
		})
	}
}
