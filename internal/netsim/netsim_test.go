package netsim_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/internal/netsim"
)

// connect returns both ends of a connection from host a to host b.
func connect(t *testing.T, n *netsim.Network) (near, far net.Conn) {
	t.Helper()
	l, err := n.Host("b").Listen("b:1")
	if err != nil {
		t.Fatal(err)
	}
	near, err = n.Host("a").Dial(t.Context(), "b:1")
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return near, far
}

func bubble(t *testing.T, f func(t *testing.T, n *netsim.Network)) {
	synctest.Test(t, func(t *testing.T) { f(t, netsim.New()) })
}

func TestBytesArriveInOrderAfterTheLatency(t *testing.T) {
	bubble(t, func(t *testing.T, n *netsim.Network) {
		n.SetDefaultLatency(3 * time.Millisecond)
		near, far := connect(t, n)
		began := time.Now()
		want := bytes.Repeat([]byte("0123456789"), 100_000) // beyond the window
		go func() {
			near.Write(want)
			near.Close()
		}()
		got, err := io.ReadAll(far)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("read %d bytes, %v; want %d", len(got), err, len(want))
		}
		if d := time.Since(began); d < 3*time.Millisecond || d > 20*time.Millisecond {
			t.Errorf("took %v", d)
		}
		far.Close()
		if c := n.Connections(); c != 0 {
			t.Errorf("%d connections left", c)
		}
	})
}

func TestADialIsRefusedWhereNobodyListens(t *testing.T) {
	bubble(t, func(t *testing.T, n *netsim.Network) {
		_, err := n.Host("a").Dial(t.Context(), "b:1")
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestADialAcrossACutHangsUntilHealOrDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, n *netsim.Network) {
		l, err := n.Host("b").Listen(":7")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		n.CutOneWay("b", "a") // the answer is lost
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Host("a").Dial(ctx, "b:7"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		time.AfterFunc(5*time.Second, func() { n.Heal("a", "b") })
		began := time.Now()
		c, err := n.Host("a").Dial(t.Context(), "b:7")
		if err != nil || time.Since(began) < 5*time.Second {
			t.Fatalf("got %v after %v", err, time.Since(began))
		}
		c.Close()
	})
}

func TestACutHoldsBytesBackAndAHealDeliversThem(t *testing.T) {
	bubble(t, func(t *testing.T, n *netsim.Network) {
		near, far := connect(t, n)
		defer near.Close()
		defer far.Close()
		n.CutOneWay("a", "b")
		if _, err := near.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		far.SetReadDeadline(time.Now().Add(time.Second))
		var b [1]byte
		_, err := far.Read(b[:])
		var timeout net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Fatalf("got %v", err)
		}
		far.SetReadDeadline(time.Time{})
		if _, err := far.Write([]byte("y")); err != nil { // the other direction is open
			t.Fatal(err)
		}
		if _, err := near.Read(b[:]); err != nil || b[0] != 'y' {
			t.Fatalf("got %q, %v", b, err)
		}
		n.Heal("a", "b")
		if _, err := far.Read(b[:]); err != nil || b[0] != 'x' {
			t.Fatalf("got %q, %v", b, err)
		}
	})
}

func TestAFullWindowBlocksTheWriterUntilItsDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, n *netsim.Network) {
		near, far := connect(t, n)
		defer near.Close()
		defer far.Close()
		near.SetWriteDeadline(time.Now().Add(time.Second))
		written, err := near.Write(make([]byte, 1<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || written == 0 || written == 1<<20 {
			t.Fatalf("wrote %d, %v", written, err)
		}
	})
}

func TestAKilledProcessResetsItsPeersAndRefusesDials(t *testing.T) {
	bubble(t, func(t *testing.T, n *netsim.Network) {
		near, far := connect(t, n)
		old := n.Host("b")
		if _, err := old.Listen(":9"); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("peer got %v", err)
			}
		})
		synctest.Wait()
		old.Kill()
		wg.Wait()
		if _, err := far.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the dead process wrote: %v", err)
		}
		if _, err := old.Dial(t.Context(), "a:1"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the dead process dialled: %v", err)
		}
		if _, err := n.Host("a").Dial(t.Context(), "b:9"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial got %v", err)
		}
		if _, err := n.Host("b").Listen(":9"); err != nil {
			t.Errorf("the next process cannot listen: %v", err)
		}
	})
}

func TestAKillBehindACutIsSeenAfterTheHeal(t *testing.T) {
	bubble(t, func(t *testing.T, n *netsim.Network) {
		near, _ := connect(t, n)
		n.Cut("a", "b")
		n.Host("b").Kill()
		near.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		n.HealAll()
		near.SetReadDeadline(time.Time{})
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestARefusingLinkRefusesAlthoughTheProcessLives(t *testing.T) {
	bubble(t, func(t *testing.T, n *netsim.Network) {
		near, _ := connect(t, n)
		if _, err := n.Host("b").Listen(":9"); err != nil {
			t.Fatal(err)
		}
		n.Refuse("a", "b")
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("connection got %v", err)
		}
		if _, err := n.Host("a").Dial(t.Context(), "b:9"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial got %v", err)
		}
	})
}

func TestPartitionAndIsolate(t *testing.T) {
	bubble(t, func(t *testing.T, n *netsim.Network) {
		for _, h := range []string{"a", "b", "c"} {
			if _, err := n.Host(h).Listen(":1"); err != nil {
				t.Fatal(err)
			}
		}
		reach := func(from, to string) bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c, err := n.Host(from).Dial(ctx, to+":1")
			if err == nil {
				c.Close()
			}
			return err == nil
		}
		n.Partition([]string{"a"}, []string{"b", "c"})
		if reach("a", "b") || reach("c", "a") || !reach("b", "c") {
			t.Error("the partition is not what was asked for")
		}
		n.HealAll()
		n.Isolate("b")
		if reach("a", "b") || reach("b", "c") || !reach("a", "c") {
			t.Error("the isolation is not what was asked for")
		}
	})
}
