package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

func newDebugCompare(env Environment) *cobra.Command {
	return &cobra.Command{
		Use:   "compare DIR DIR...",
		Short: "Check that the logs of stopped members are the same bytes where they overlap",
		Long: `Read the logs of two or more stopped members of a group and compare them byte by byte from the position where the last of them begins to
the one where the first of them ends: records lie at equal positions on all members. DIR is the directory of a
member (data_dir/NODE/GROUP), or one that holds such directories. Nothing is changed. Exit code 0 only if they
are equal; 3 if not. A member that was away at the end may hold records behind the committed ones that nobody acknowledged; it gives them
up when it meets the leader. Let such a member catch up before you stop it.`,
		Example: "  raftmq debug compare ./raftmq-dev/n0/RaftNode00 ./raftmq-dev/n1/RaftNode00\n  raftmq debug compare ./raftmq-dev",
		Args:    usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var dirs []string
			for _, arg := range args {
				found, err := memberDirs(arg)
				if err != nil {
					return err
				}
				dirs = append(dirs, found...)
			}
			if len(dirs) < 2 {
				return usageError("compare needs the directories of two members or more")
			}
			return compareMembers(cmd.OutOrStdout(), dirs)
		},
	}
}

// compareMembers compares the logs group by group; each with the first one of its group.
func compareMembers(out io.Writer, dirs []string) error {
	groups := map[commitlog.UUID][]*stoppedLog{}
	for _, dir := range dirs {
		l, err := openStoppedLog(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		defer l.release()
		groups[l.report.Group] = append(groups[l.report.Group], l)
	}
	different := 0
	for _, logs := range groups {
		if len(logs) == 1 {
			return usageError("%s: the other directories are of another group", logs[0].dir)
		}
		for _, l := range logs[1:] {
			equal, err := compareLogs(out, logs[0], l)
			if err != nil {
				return err
			}
			if !equal {
				different++
			}
		}
	}
	if different > 0 {
		return unhealthyError("%d logs differ; keep the files of all members", different)
	}
	return nil
}

// compareLogs prints whether two logs are equal where they overlap.
func compareLogs(out io.Writer, a, b *stoppedLog) (equal bool, err error) {
	from, to := max(a.report.FirstPosition, b.report.FirstPosition), min(a.report.NextPosition, b.report.NextPosition)
	if from >= to {
		return false, fmt.Errorf("%s (position %d to %d) and %s (%d to %d) do not overlap", a.dir, a.report.FirstPosition, a.report.NextPosition, b.dir, b.report.FirstPosition, b.report.NextPosition)
	}
	const chunk = 1 << 20
	left, right := make([]byte, chunk), make([]byte, chunk)
	for at := from; at < to; {
		n := min(chunk, int(to-at))
		if err := a.readAt(left[:n], at); err != nil {
			return false, err
		}
		if err := b.readAt(right[:n], at); err != nil {
			return false, err
		}
		if !bytes.Equal(left[:n], right[:n]) {
			for left[0] == right[0] {
				left, right, at = left[1:], right[1:], at+1
			}
			fmt.Fprintf(out, "WRONG: %s and %s differ at position %d (compared from %d to %d)\n", a.dir, b.dir, at, from, to)
			return false, nil
		}
		at += offset.Physical(n)
	}
	fmt.Fprintf(out, "%s and %s: equal from position %d to %d, %d bytes\n", a.dir, b.dir, from, to, to-from)
	return true, nil
}

// stoppedLog is the log of a member that is kept from starting.
type stoppedLog struct {
	dir      string
	report   commitlog.Report
	release  func()
	segments []stoppedSegment // by position
}

type stoppedSegment struct {
	first offset.Physical
	path  string
}

func openStoppedLog(dir string) (*stoppedLog, error) {
	release, err := lockMember(dir)
	if err != nil {
		return nil, fmt.Errorf("%w; stop the member first", err)
	}
	l := &stoppedLog{dir: dir, release: release}
	if l.report, err = commitlog.Verify(vfs.OS(), filepath.Join(dir, commitlogDir), nil); err == nil {
		err = l.list()
	}
	if err != nil {
		release()
		return nil, err
	}
	return l, nil
}

// list finds the segments: the files that are named by a position.
func (l *stoppedLog) list() error {
	files, err := os.ReadDir(filepath.Join(l.dir, commitlogDir))
	if err != nil {
		return err
	}
	for _, f := range files {
		if first, err := strconv.ParseInt(f.Name(), 10, 64); err == nil && len(f.Name()) == len(offset.Physical(0).String()) {
			l.segments = append(l.segments, stoppedSegment{offset.Physical(first), filepath.Join(l.dir, commitlogDir, f.Name())})
		}
	}
	sort.Slice(l.segments, func(i, j int) bool { return l.segments[i].first < l.segments[j].first })
	return nil
}

// readAt fills b with the stream's bytes from a position on, across segments.
func (l *stoppedLog) readAt(b []byte, at offset.Physical) error {
	for len(b) > 0 {
		i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].first > at }) - 1
		if i < 0 {
			return fmt.Errorf("%s: no segment holds position %d", l.dir, at)
		}
		n := len(b)
		if i+1 < len(l.segments) {
			n = min(n, int(l.segments[i+1].first-at))
		}
		if err := readFileAt(b[:n], l.segments[i].path, commitlog.SegmentHeaderSize+int64(at-l.segments[i].first)); err != nil {
			return err
		}
		b, at = b[n:], at+offset.Physical(n)
	}
	return nil
}

func readFileAt(b []byte, path string, at int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.ReadAt(b, at)
	return err
}
