package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A process of a dev cluster has two pid files: run/ID.pid, written by the process that serves, and run/ID.parent.pid, written by
// dev for the process that it started. They name the same process where there is no supervisor.
func (d *dev) pidFile(id string) string    { return d.path("run", id+".pid") }
func (d *dev) parentFile(id string) string { return d.path("run", id+".parent.pid") }
func (d *dev) logFile(id string) string    { return d.path("log", id+".log") }

// pid is the serving process of id, 0 if it does not run; parent the one that dev started.
func (d *dev) pid(id string) int    { return d.running(d.pidFile(id), id) }
func (d *dev) parent(id string) int { return d.running(d.parentFile(id), id) }

// running returns the pid in file if that process lives and is ours: its command line names our pid file. Pids are used again, after a
// reboot even the same ones for others.
func (d *dev) running(file, id string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 1 || !alive(pid) || !commandHas(pid, d.pidFile(id)) {
		return 0
	}
	return pid
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return os.IsNotExist(err) && !hasProc() // no /proc on this system: the signal has to do
	}
	_, state, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

func commandHas(pid int, word string) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return !hasProc()
	}
	return slices.Contains(strings.Split(string(b), "\x00"), word)
}

func hasProc() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

// portsWait is how long a process that has just ended may hold its ports: its threads end one after another, and on a busy machine the
// first may be gone long before the last.
const portsWait = 2 * time.Second

// awaitPorts returns when the ports of id are free, or which one is taken by somebody else.
func (d *dev) awaitPorts(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), portsWait)
	defer cancel()
	var err error
	_ = poll(ctx, func() bool { // err says it better
		err = checkPorts(id, d.addresses(id))
		return err == nil
	})
	return err
}

// start starts the process of id in a session of its own, so that it outlives this command, with its output in its log.
func (d *dev) start(id string) error {
	if err := d.awaitPorts(id); err != nil {
		return err
	}
	for _, dir := range []string{"run", "log"} {
		if err := os.MkdirAll(d.path(dir), 0o755); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(d.logFile(id), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(program, d.commandLine(id)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = d.dir, withoutSettings(d.env.Environ), log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	keepInheritedFiles()
	os.Remove(d.pidFile(id)) // of an earlier run
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", id, err)
	}
	if err := os.WriteFile(d.parentFile(id), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644); err != nil {
		cmd.Process.Kill()
		return err
	}
	d.awaitCommandLine(id, cmd.Process.Pid)
	return nil
}

// commandLineWait bounds how long a new process may have no command line.
const commandLineWait = 2 * time.Second

// awaitCommandLine waits until a process that was just started can be told by its command line, or has ended. The kernel lets Start return
// before the new program's arguments are in place, so on a busy machine a node that was starting looked like one that had ended.
func (d *dev) awaitCommandLine(id string, pid int) {
	ctx, cancel := context.WithTimeout(context.Background(), commandLineWait)
	defer cancel()
	_ = poll(ctx, func() bool { return d.parent(id) != 0 || !alive(pid) }) // who asks next finds out
}

// keepInheritedFiles keeps what the caller of this command has open, a lock or a pipe, from the processes that it starts: they outlive it.
func keepInheritedFiles() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // no /proc on this system
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

func (d *dev) commandLine(id string) []string {
	if id == devNamesrv {
		return []string{"namesrv", "-c", d.file, "--pid-file", d.pidFile(id)}
	}
	args := []string{"broker", "-c", d.file, "--node", id, "--data", d.dir, "--pid-file", d.pidFile(id)}
	if d.Supervise {
		args = append(args, "--supervise")
	}
	return args
}

// withoutSettings keeps what the user has set for his clients, NAMESRV_ADDR above all, away from the nodes.
func withoutSettings(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		return strings.HasPrefix(entry, "RAFTMQ_") || strings.HasPrefix(entry, "NAMESRV_ADDR=") || strings.HasPrefix(entry, "LISTEN_") || strings.HasPrefix(entry, "NOTIFY_SOCKET=")
	})
}

// signal sends sig to id: to the whole session, supervisor and child at once, or with graceful to the started process only, which
// passes it on. It returns how many processes there were.
func (d *dev) signal(id string, sig syscall.Signal, graceful bool) int {
	parent, child := d.parent(id), d.pid(id)
	if parent != 0 {
		target := -parent // the session's first process leads its process group
		if graceful {
			target = parent
		}
		syscall.Kill(target, sig)
		return 1
	}
	if child != 0 {
		syscall.Kill(child, sig)
		return 1
	}
	return 0
}

// waitGone waits until no process of id is left.
func (d *dev) waitGone(ctx context.Context, id string) error {
	return poll(ctx, func() bool { return d.parent(id) == 0 && d.pid(id) == 0 })
}

// poll asks until done says so or ctx ends.
func poll(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// logTail are the last lines of the log of id, indented, to be quoted in an error.
func (d *dev) logTail(id string) string {
	const linesMax, bytesMax = 12, 4096
	f, err := os.Open(d.logFile(id))
	if err != nil {
		return "  (no log)"
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "  (no log)"
	}
	b := make([]byte, min(st.Size(), bytesMax))
	n, _ := f.ReadAt(b, st.Size()-int64(len(b)))
	lines := strings.Split(strings.TrimSpace(string(b[:n])), "\n")
	return "  | " + strings.Join(lines[max(len(lines)-linesMax, 0):], "\n  | ")
}
