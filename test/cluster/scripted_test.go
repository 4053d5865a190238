//go:build linux

package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const (
	quiet = 3 * time.Second // before a scripted fault and after it
	held  = 6 * time.Second // the fault
)

// scriptedCase is one fault under load.
type scriptedCase struct {
	name   string
	needs  []string
	target string // "leader", "follower" or "all"
	fault  func(n *Node) (begin, end func() error)
	// gapMax bounds the time without an acknowledgement from the fault on; 0: as long as it lasts.
	gapMax time.Duration
	// backMax bounds the time from the end of the fault to the next acknowledgement.
	backMax time.Duration
	// restarts: the process has to end and is started again; else it must be the same one at the end.
	restarts bool
}

var scripted = []scriptedCase{
	{"full-leader", nil, "leader", fillDisk(0), 0, 5 * time.Second, false},
	{"almost-full-leader", nil, "leader", fillDisk(16 << 20), 0, 5 * time.Second, false},
	{"full-follower", nil, "follower", fillDisk(0), time.Second, time.Second, false},
	{"full-all", nil, "all", fillDisk(0), 0, 5 * time.Second, false},
	{"hung-leader", nil, "leader", freezeDisk, 5 * time.Second, time.Second, false},
	{"hung-follower", nil, "follower", freezeDisk, 2 * time.Second, time.Second, false},
	{"eio-leader", []string{"strace"}, "leader", failFsync, 5 * time.Second, time.Second, true},
	{"eio-follower", []string{"strace"}, "follower", failFsync, 2 * time.Second, time.Second, true},
	{"bad-writes-leader", nil, "leader", failDevice, 5 * time.Second, time.Second, true},
}

// TestScripted runs them: go test ./test/cluster -run TestScripted -scripted.
func TestScripted(t *testing.T) {
	if !*runScripted {
		t.Skip("no -scripted")
	}
	Require(t, base...)
	for _, s := range scripted {
		t.Run(s.name, func(t *testing.T) {
			Require(t, s.needs...)
			t.Parallel()
			s.run(t)
		})
	}
}

func (s *scriptedCase) run(t *testing.T) {
	c := New(t, Options{})
	l := c.StartLoad(LoadOptions{})
	wait(quiet)
	targets := c.Nodes
	if s.target != "all" {
		targets = []*Node{c.target(s.target)}
	}
	began := l.Since()
	processes := map[*Node]*process{}
	var ends []func() error
	for _, n := range targets {
		processes[n] = n.process
		begin, end := s.fault(n)
		if err := begin(); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	wait(held)
	ended := l.Since()
	for _, end := range ends {
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	wait(quiet)
	s.judge(t, l.Finish().History, began, ended)
	for n, p := range processes {
		if (n.process != p) != s.restarts {
			t.Errorf("%s was restarted: %v, expected %v", n.Name, n.process != p, s.restarts)
		}
	}
}

// judge shows what the clients saw and holds it against the limits.
func (s *scriptedCase) judge(t *testing.T, h *History, began, ended time.Duration) {
	seconds := h.Seconds()
	seconds = seconds[:min(len(seconds), int((ended+quiet).Seconds())+1)]
	gap, back := h.Gap(began, ended), nextAck(h, ended)
	table := Table(seconds, map[int]string{int(began.Seconds()): s.name, int(ended.Seconds()): "ended"})
	t.Logf("longest time without an acknowledgement %v; next one %v after the end\n%s", gap, back, table)
	saveTable(t, s.name, table)
	if s.gapMax > 0 && gap > s.gapMax {
		t.Errorf("%v without an acknowledgement, at most %v", gap, s.gapMax)
	}
	if back > s.backMax {
		t.Errorf("the next acknowledgement came %v after the end of the fault, at most %v", back, s.backMax)
	}
}

// nextAck is the time from at to the next acknowledgement of a message that was sent after it.
func nextAck(h *History, at time.Duration) time.Duration {
	next := time.Hour
	for _, s := range h.Sends {
		if s.Addr != "" && s.End > at {
			next = min(next, s.End-at)
		}
	}
	return next
}

func fillDisk(free int64) func(*Node) (begin, end func() error) {
	return func(n *Node) (begin, end func() error) {
		return func() error { return n.Disk.Fill(free) }, n.Disk.Empty
	}
}

func freezeDisk(n *Node) (begin, end func() error) {
	return func() error { return n.Disk.Freeze(held + 10*time.Second) }, n.Disk.Thaw
}

// failDevice has the device fail writes until it is mended.
func failDevice(n *Node) (begin, end func() error) {
	return n.Disk.Fail, func() error {
		if err := n.ended(); err != nil {
			return err
		}
		if err := n.Disk.Mend(); err != nil {
			return err
		}
		if err := n.Remount(); err != nil {
			return err
		}
		return n.Start()
	}
}

// failFsync has every fsync of the process fail with EIO from now on; the pages stay in the cache, as after a real one.
func failFsync(n *Node) (begin, end func() error) {
	tracer := exec.Command("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO",
		"-p", strconv.Itoa(n.process.cmd.Process.Pid))
	return tracer.Start, func() error {
		tracer.Process.Kill() // it has ended with the process
		tracer.Wait()
		if err := n.ended(); err != nil {
			return err
		}
		return n.Start()
	}
}

// ended checks that the broker has ended by itself, with an error.
func (n *Node) ended() error {
	code, err := n.process.wait(time.Second)
	if err != nil {
		n.Kill()
		return fmt.Errorf("it went on with a disk that fails: %w", err)
	}
	if code == 0 {
		return fmt.Errorf("%s ended as if all was well", n.Name)
	}
	return nil
}

// saveTable writes the record of a case beside the others if -tables names a directory.
func saveTable(t *testing.T, name, table string) {
	if *tables == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*tables, name+".md"), []byte(table), 0o644); err != nil {
		t.Error(err)
	}
}
