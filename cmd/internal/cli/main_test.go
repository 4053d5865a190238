package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roleVariable makes the test binary another program: "raftmq" is the real one.
const roleVariable = "CLI_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "raftmq":
		os.Exit(ExitCode(Run(context.Background(), Process())))
	case "child":
		child()
	case "panic":
		AbortOnPanic()
		appendLine(os.Getenv("CLI_TEST_STARTS"))
		panic("of a goroutine that nobody recovers")
	case "supervisor":
		supervisorOfChild()
	default:
		var code int
		fmt.Sscanf(role, "exit %d", &code)
		appendLine(os.Getenv("CLI_TEST_STARTS"))
		os.Exit(code)
	}
}

func appendLine(file string) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintln(f, "started")
		f.Close()
	}
}

// interruptedCode is with what a child ends on SIGINT.
const interruptedCode = 7

// child serves its pid on the socket "client" that is handed down, and ends with code 0 on SIGTERM.
func child() {
	ports, err := inheritedListeners(os.Environ())
	if err != nil {
		panic(err)
	}
	ln, err := ports.listen("client", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		if <-told == syscall.SIGINT {
			os.Exit(interruptedCode)
		}
		os.Exit(0)
	}()
	for {
		c, err := ln.Accept()
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(c, "%d\n", os.Getpid())
		c.Close()
	}
}

// supervisorOfChild runs a supervisor in a process of its own, to be killed; it says where its socket is.
func supervisorOfChild() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	address := ln.Addr().String()
	ln.Close()
	fmt.Println(address)
	env := Process()
	env.Environ = append(env.Environ, roleVariable+"=child")
	s := supervisor{env: env, ports: []port{{"client", address}}, logger: newLogger(quietLog, io.Discard), stopTime: stopTimeout}
	os.Exit(ExitCode(supervise(context.Background(), s)))
}

// result is what a command did.
type result struct {
	stdout, stderr string
	code           int
}

// raftmq runs the real command tree in this process.
func raftmq(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	return raftmqWith(t, environ, "", args...)
}

func raftmqWith(t *testing.T, environ []string, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx := context.WithoutCancel(t.Context()) // which has ended when a cleanup takes a cluster down
	err := Run(ctx, Environment{Args: append([]string{"raftmq"}, args...), Environ: environ, Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr})
	return result{stdout.String(), stderr.String(), ExitCode(err)}
}

// eventually waits until done holds.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if poll(ctx, done) != nil {
		t.Fatalf("never: %s", what)
	}
}
