package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

const (
	// commitlogDir is the log within a member's directory.
	commitlogDir = "commitlog"
	// memberLock is the file that a running member has locked.
	memberLock = "LOCK"
)

func newDebugVerify(env Environment) *cobra.Command {
	return &cobra.Command{
		Use:   "verify DIR...",
		Short: "Read everything that a stopped member has on disk and check it",
		Long: `Check every checksum, index and position of the log, then run the state machine over it and compare every consume-queue unit, the whole of
state.db and every image with what comes out. DIR is the directory of a member (data_dir/NODE/GROUP), or one
that holds such directories. Nothing is changed. Exit code 0 only if all is right; 3 if something is not.`,
		Example: "  raftmq debug verify ./raftmq-dev/n0/RaftNode00\n  raftmq debug verify /var/lib/raftmq",
		Args:    usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			wrong := 0
			for _, arg := range args {
				dirs, err := memberDirs(arg)
				if err != nil {
					return err
				}
				for _, dir := range dirs {
					if !verifyMember(cmd, dir) {
						wrong++
					}
				}
			}
			if wrong > 0 {
				return unhealthyError("%d members are not as they should be; a member comes back from the others with: raftmq raft rejoin", wrong)
			}
			return nil
		},
	}
}

// memberDirs are the member directories at or below dir.
func memberDirs(dir string) ([]string, error) {
	if isDir(filepath.Join(dir, commitlogDir)) {
		return []string{dir}, nil
	}
	var dirs []string
	for _, pattern := range []string{"*", "*/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern, commitlogDir))
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if filepath.Base(filepath.Dir(filepath.Dir(f))) != setAsideDir { // known to be damaged; name it to have it read
				dirs = append(dirs, filepath.Dir(f))
			}
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no member's directory (one with %s/) at or below %s", commitlogDir, dir)
	}
	return dirs, nil
}

func isDir(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}

// verifyMember checks one member and prints what it found; false if something is wrong.
func verifyMember(cmd *cobra.Command, dir string) bool {
	out := cmd.OutOrStdout()
	release, err := lockMember(dir)
	if err != nil {
		fmt.Fprintf(out, "%s: WRONG: %v; stop the member first\n", dir, err)
		return false
	}
	defer release()
	r, err := state.VerifyDir(vfs.OS(), dir, dir)
	l := r.Log
	fmt.Fprintf(out, "%s: log: %d segments, %d records, %d sub-records, index %d to %d, position %d to %d\n", dir, l.Segments, l.Records, l.SubRecords, l.FirstIndex, l.LastIndex, l.FirstPosition, l.NextPosition)
	if l.TornTail {
		fmt.Fprintf(out, "%s: log: an append that was under way at the end is cut at the next start; it was never acknowledged\n", dir)
	}
	fmt.Fprintf(out, "%s: state: compared with the log up to index %d from %s: %d consume queues, %d units, %d records, %d images\n", dir, r.Applied, baseName(r.Base), r.Queues, r.Units, r.Records, r.Images)
	if err != nil {
		for _, p := range unjoin(err) {
			fmt.Fprintf(out, "%s: WRONG: %v\n", dir, p)
		}
		return false
	}
	fmt.Fprintf(out, "%s: ok\n", dir)
	return true
}

// lockMember keeps the member from starting meanwhile, and fails if it runs. A copy of its files that cannot be locked is read as it is.
func lockMember(dir string) (release func(), err error) {
	name := filepath.Join(dir, memberLock)
	if _, err := os.Stat(name); err != nil {
		return func() {}, nil
	}
	lock, err := vfs.OS().Lock(name)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, err
	}
	if err != nil {
		return func() {}, nil
	}
	return func() { lock.Close() }, nil
}

func baseName(base offset.Index) string {
	if base == 0 {
		return "the first entry"
	}
	return fmt.Sprintf("the image of %d", base)
}

// unjoin lists the errors that were joined.
func unjoin(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
