//go:build linux

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/raftmq/raftmq/config"
	"github.com/raftmq/raftmq/console"
)

// exitQuarantined is the code with which a broker ends whose files must not be used.
const exitQuarantined = 4

// process is one run of the binary on a host. It is known by its handle, never by a number.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// run starts the binary on a host; its output is appended to the file log.
func run(h *Host, log string, args ...string) (*process, error) {
	path, err := built()
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(log)}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := h.start(p.cmd); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// signal is refused by the handle once the process has ended.
func (p *process) signal(s unix.Signal) error { return p.cmd.Process.Signal(s) }

// wait waits for the end and returns the exit code, -1 after a signal.
func (p *process) wait(limit time.Duration) (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		return 0, fmt.Errorf("process %d does not end within %v", p.cmd.Process.Pid, limit)
	}
}

// Node is one broker machine.
type Node struct {
	*Host
	Disk    *Disk
	cluster *Cluster
	process *process
	log     string
}

// Start starts the broker.
func (n *Node) Start() error {
	c := n.cluster
	p, err := run(n.Host, n.log, "broker", "-c", c.file, "--node", n.Name, "--data", n.Disk.Path)
	n.process = p
	return err
}

// Running reports whether the broker's process lives.
func (n *Node) Running() bool { return n.process.running() }

// Kill is kill -9; it returns when the process is gone.
func (n *Node) Kill() error {
	if !n.Running() {
		return nil
	}
	if err := n.process.signal(unix.SIGKILL); err != nil {
		return err
	}
	_, err := n.process.wait(10 * time.Second)
	return err
}

// Terminate is SIGTERM; it returns the exit code.
func (n *Node) Terminate() (int, error) {
	if err := n.process.signal(unix.SIGTERM); err != nil {
		return 0, err
	}
	return n.process.wait(20 * time.Second)
}

// Pause stops the process (SIGSTOP) until Resume.
func (n *Node) Pause() error  { return n.process.signal(unix.SIGSTOP) }
func (n *Node) Resume() error { return n.process.signal(unix.SIGCONT) }

// PowerCut takes the power from the machine: nothing more leaves it, what was not fsynced is gone. PowerOn starts it again.
func (n *Node) PowerCut() error {
	n.cluster.isolate(n)
	if n.Running() {
		if err := n.Pause(); err != nil {
			return err
		}
	}
	if err := n.Disk.Shutdown(); err != nil {
		return err
	}
	return n.Kill()
}

// PowerOn mounts the disk as it is found and starts the broker.
func (n *Node) PowerOn() error {
	if err := n.Remount(); err != nil {
		return err
	}
	n.cluster.rejoin(n)
	return n.Start()
}

// Remount unmounts and mounts the disk; the broker does not run.
func (n *Node) Remount() error {
	if err := n.Disk.Unmount(); err != nil {
		return err
	}
	return n.Disk.Mount()
}

// Dir is the member's directory.
func (n *Node) Dir() string { return filepath.Join(n.Disk.Path, n.Name, GroupName) }

// ClientAddr is where clients reach the broker.
func (n *Node) ClientAddr() string { return config.JoinAddress(n.Addr.String(), clientPort) }

// RaftAddr is where the other members reach it.
func (n *Node) RaftAddr() string { return config.JoinAddress(n.Addr.String(), raftPort) }

// AdminAddr is its admin port.
func (n *Node) AdminAddr() string { return config.JoinAddress(n.Addr.String(), adminPort) }

// View asks the member how it is.
func (n *Node) View(ctx context.Context) (console.MemberView, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	p, err := console.Client{Address: n.AdminAddr()}.Process(ctx)
	if err != nil {
		return console.MemberView{}, err
	}
	if len(p.Members) != 1 {
		return console.MemberView{}, fmt.Errorf("%s has %d members", n.Name, len(p.Members))
	}
	return p.Members[0], nil
}
