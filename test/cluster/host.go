//go:build linux

package cluster

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// mtu is large so that the router has fewer packets to carry.
const mtu = 16000

// Host is one machine: a network namespace with one address. Its processes are started from a thread that lives in it, and die with that
// thread. The namespace has no name; it ends with its last process.
type Host struct {
	Name string
	Addr netip.Addr
	tun  *os.File
	work chan func()
	done sync.WaitGroup
}

// newHost makes a host. Close ends it.
func newHost(name string, addr netip.Addr) (*Host, error) {
	h := &Host{Name: name, Addr: addr, work: make(chan func())}
	made := make(chan error)
	h.done.Go(func() { onThreadOfItsOwn(func() { made <- h.enter(); h.live() }) })
	if err := <-made; err != nil {
		close(h.work)
		return nil, fmt.Errorf("host %s: %w", name, err)
	}
	return h, nil
}

// enter makes the calling thread's network namespace.
func (h *Host) enter() (err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	h.tun, err = openTUN(func(int) netip.Addr { return h.Addr })
	return err
}

func (h *Host) live() {
	for f := range h.work {
		f()
	}
}

// onThreadOfItsOwn runs f on a thread that runs nothing else and ends with the calling goroutine, which must end when this returns. The main
// thread would not end, so another one is taken while this goroutine keeps the main thread busy.
func onThreadOfItsOwn(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	defer runtime.UnlockOSThread()
	var other sync.WaitGroup
	other.Go(func() { onThreadOfItsOwn(f) })
	other.Wait()
}

// here is the machine of the test itself, in the namespace that Main has made. Clusters that run side by side have a device each there,
// whose number is that of the cluster's network: 10.77.NUMBER.0/24.
func here() (*Host, error) {
	h := &Host{Name: "client"}
	var err error
	h.tun, err = openTUN(func(number int) netip.Addr {
		h.Addr = netip.AddrFrom4([4]byte{10, 77, byte(number), 1})
		return h.Addr
	})
	return h, err
}

// start starts cmd in the host.
func (h *Host) start(cmd *exec.Cmd) error {
	started := make(chan error)
	h.work <- func() { started <- cmd.Start() }
	return <-started
}

// Close ends the host and every process in it.
func (h *Host) Close() {
	h.tun.Close()
	if h.work != nil {
		close(h.work)
		h.done.Wait()
	}
}

// openTUN makes the calling thread's namespace a host: what it sends to others comes out of the file. addr is told the number of the device
// among those of the namespace and says the host's address.
func openTUN(addr func(number int) netip.Addr) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	req, err := unix.NewIfreq("tun%d")
	if err != nil {
		return nil, err
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("TUN device: %w", err)
	}
	name := req.Name()
	number, err := strconv.Atoi(strings.TrimPrefix(name, "tun"))
	if err != nil || number > 255 {
		unix.Close(fd)
		return nil, fmt.Errorf("TUN device %q: %w", name, err)
	}
	tun := os.NewFile(uintptr(fd), name)
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"addr", "add", addr(number).String() + "/24", "dev", name},
		{"link", "set", name, "mtu", fmt.Sprint(mtu), "txqueuelen", "1000", "up"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			tun.Close()
			return nil, fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	return tun, nil
}
