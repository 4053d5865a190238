package cli

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/raftmq/raftmq/config"
)

var quietLog = config.Log{Level: "error"}

// supervised runs supervise with children in a role and returns its address and a way to stop it and get its error.
func supervised(t *testing.T, role string, environ ...string) (address string, stop func() error, done <-chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = ln.Addr().String()
	ln.Close()
	env := Environment{Environ: append(append(os.Environ(), roleVariable+"="+role), environ...), Stdout: io.Discard, Stderr: os.Stderr}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		result <- supervise(ctx, supervisor{env: env, ports: []port{{"client", address}}, logger: newLogger(quietLog, io.Discard), stopTime: stopTimeout})
	}()
	return address, func() error { cancel(); return <-result }, result
}

// childPID dials once, which must succeed, and reads the pid that the child answers with.
func childPID(t *testing.T, address string) int {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("a connection was refused: %v", err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return 0 // it died while it had our connection
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestACrashRefusesNoConnection(t *testing.T) {
	address, stop, _ := supervised(t, "child")
	eventually(t, "the supervisor listens", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	for range 5 {
		first := childPID(t, address)
		killed := time.Now()
		if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		second := 0
		eventually(t, "another child answers", func() bool { second = childPID(t, address); return second != 0 && second != first })
		t.Logf("served again after %v", time.Since(killed))
	}
	if err := stop(); err != nil {
		t.Errorf("after SIGTERM the child ended with 0, supervise with %v", err)
	}
}

func TestSomeEndsAreFinal(t *testing.T) {
	for code, want := range map[int]int{0: 0, exitUsage: exitUsage, exitQuarantined: exitQuarantined} {
		starts := filepath.Join(t.TempDir(), "starts")
		_, _, done := supervised(t, "exit "+strconv.Itoa(code), "CLI_TEST_STARTS="+starts)
		if got := ExitCode(<-done); got != want {
			t.Errorf("child ended with %d: supervisor with %d", code, got)
		}
		if b, _ := os.ReadFile(starts); strings.Count(string(b), "\n") != 1 {
			t.Errorf("child ended with %d and was started %d times", code, strings.Count(string(b), "\n"))
		}
	}
}

func TestAFailingChildIsStartedAgain(t *testing.T) {
	for _, role := range []string{"exit 1", "panic"} {
		t.Run(role, func(t *testing.T) {
			starts := filepath.Join(t.TempDir(), "starts")
			_, stop, _ := supervised(t, role, "CLI_TEST_STARTS="+starts)
			eventually(t, "three starts", func() bool { b, _ := os.ReadFile(starts); return strings.Count(string(b), "\n") >= 3 })
			stop()
		})
	}
}

func TestBackOff(t *testing.T) {
	wait := time.Duration(0)
	for _, want := range []time.Duration{50, 100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		if wait = backOff(wait, 10*time.Millisecond); wait != want*time.Millisecond {
			t.Errorf("got %v, want %v ms", wait, int(want))
		}
	}
	if wait = backOff(wait, time.Minute); wait != 0 {
		t.Errorf("after a steady run: %v", wait)
	}
}

// supervisorProcess starts a supervisor of a child in a process of its own and returns it with the pid of the child.
func supervisorProcess(t *testing.T) (cmd *exec.Cmd, child int) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=supervisor")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSpace(line)
	eventually(t, "the child answers", func() bool {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		c.Close()
		child = childPID(t, address)
		return child != 0
	})
	return cmd, child
}

func TestTheChildDiesWithItsSupervisor(t *testing.T) {
	cmd, child := supervisorProcess(t)
	cmd.Process.Kill()
	cmd.Wait()
	eventually(t, "the child is gone", func() bool { return !alive(child) })
}

// How a member stops depends on the signal: SIGINT does not wait for its clients.
func TestSignalsReachTheChildAsTheyCame(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGTERM: 0, syscall.SIGINT: interruptedCode} {
		cmd, _ := supervisorProcess(t)
		cmd.Process.Signal(sig)
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%v: the supervisor ended with %d, want %d", sig, got, want)
		}
	}
}
