//go:build linux

package cluster

import (
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLinksCutDelayAndHeal has a process on another host answer, and looks at it through each kind of link.
func TestLinksCutDelayAndHeal(t *testing.T) {
	Require(t, base...)
	n := newNetwork(1)
	me, err := here()
	if err != nil {
		t.Fatal(err)
	}
	n.attach(me)
	other, err := newHost("other", me.Addr.Next())
	if err != nil {
		t.Fatal(err)
	}
	n.attach(other)
	t.Cleanup(func() { me.Close(); other.Close(); n.wait() })

	ping := func(limit time.Duration) error {
		began := time.Now()
		c, err := net.DialTimeout("tcp", net.JoinHostPort(other.Addr.String(), "9"), limit)
		if err == nil {
			c.Close()
		}
		if errors.Is(err, unix.ECONNREFUSED) {
			err = nil // nobody listens, but the host answered
		}
		if err == nil && time.Since(began) > limit {
			return errors.New("late")
		}
		return err
	}
	if err := ping(time.Second); err != nil {
		t.Fatalf("a link without faults: %v", err)
	}
	for name, set := range map[string]func(){
		"both ways": func() { n.SetBoth(me, other, Link{Cut: true}) },
		"there":     func() { n.Set(me, other, Link{Cut: true}) },
		"back":      func() { n.Set(other, me, Link{Cut: true}) },
		"all lost":  func() { n.SetBoth(me, other, Link{Loss: 1}) },
	} {
		set()
		if err := ping(200 * time.Millisecond); err == nil {
			t.Errorf("cut %s: the host answered", name)
		}
		n.Heal()
		if err := ping(time.Second); err != nil {
			t.Errorf("healed after %s: %v", name, err)
		}
	}
	n.SetBoth(me, other, Link{Delay: 50 * time.Millisecond})
	began := time.Now()
	if err := ping(2 * time.Second); err != nil || time.Since(began) < 100*time.Millisecond {
		t.Errorf("50 ms each way: an answer after %v, %v", time.Since(began), err)
	}
}

func TestProcessesDieWithTheirHost(t *testing.T) {
	Require(t, base...)
	h, err := newHost("other", netip.MustParseAddr("10.77.200.9"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := h.start(cmd); err != nil {
		t.Fatal(err)
	}
	h.Close()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Errorf("it ended with %v, not by a signal", err)
	}
}
