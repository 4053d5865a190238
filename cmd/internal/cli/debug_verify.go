package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/vfs"
)

// commitlogDir is the log within a member's directory.
const commitlogDir = "commitlog"

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
				return unhealthyError("%d members are not as they should be; keep their files, and let a member with damage be replaced (raft add-peer, then remove-peer)", wrong)
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
			dirs = append(dirs, filepath.Dir(f))
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
	lock, err := vfs.OS().Lock(filepath.Join(dir, "lock"))
	if err != nil {
		fmt.Fprintf(out, "%s: %v; stop the member first\n", dir, err)
		return false
	}
	defer lock.Close()
	found, err := state.VerifyDir(vfs.OS(), dir, dir)
	r := found.Log
	fmt.Fprintf(out, "%s: log: %d segments, %d records, %d sub-records, index %d to %d, position %d to %d\n", dir, r.Segments, r.Records, r.SubRecords, r.FirstIndex, r.LastIndex, r.FirstPosition, r.NextPosition)
	fmt.Fprintf(out, "%s: state: applied to %d, made from %d; %d queues with %d units, %d records, %d images compared\n", dir, found.Applied, found.Base, found.Queues, found.Units, found.Records, found.Images)
	if err != nil {
		for _, p := range unjoin(err) {
			fmt.Fprintf(out, "%s: WRONG: %v\n", dir, p)
		}
		return false
	}
	fmt.Fprintf(out, "%s: ok\n", dir)
	return true
}

// unjoin lists the errors that were joined.
func unjoin(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
