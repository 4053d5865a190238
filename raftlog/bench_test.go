package raftlog

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// countState is an Applier that does nothing with what it is handed.
type countState struct {
	at atomic.Uint64
}

func (s *countState) Start(Host) error      { return nil }
func (s *countState) Applied() offset.Index { return offset.Index(s.at.Load()) }
func (s *countState) Apply(entries []Committed) [][]Result {
	all := make([][]Result, len(entries))
	for i, e := range entries {
		b, err := commitlog.DecodeBatch(e.Data)
		if err != nil {
			panic(err)
		}
		all[i] = make([]Result, b.Count)
	}
	s.at.Store(uint64(entries[len(entries)-1].Index))
	return all
}
func (s *countState) Install(index offset.Index, image io.Reader) error { return nil }
func (s *countState) Stop() error                                       { return nil }

// benchGroup starts three members in this process over loopback TCP and real files, and returns the leader.
func benchGroup(b *testing.B, flush commitlog.Flush) *Node {
	var listeners []net.Listener
	var peers []Peer
	for i := range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		listeners = append(listeners, l)
		peers = append(peers, Peer{fmt.Sprint("n", i), l.Addr().String()})
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 3)
	var nodes []*Node
	for i, p := range peers {
		n, err := Open(Options{FS: vfs.OS(), Dir: b.TempDir(), Group: "g", Name: p.Name, Peers: peers, Listener: listeners[i], Flush: flush, SegmentBytes: 64 << 20, Applier: &countState{}, Logger: benchLogger(p.Name)})
		if err != nil {
			b.Fatal(err)
		}
		nodes = append(nodes, n)
		go func() { ended <- n.Run(ctx) }()
	}
	b.Cleanup(func() {
		cancel()
		for range nodes {
			if err := <-ended; err != nil {
				b.Error(err)
			}
		}
	})
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		for _, n := range nodes {
			l, changed := n.Leadership()
			if l.Self {
				return n
			}
			select {
			case <-changed:
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	b.Fatal("no leader")
	return nil
}

// benchLogger says what a member does if RAFTLOG_TEST_LEVEL asks for it.
func benchLogger(name string) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: name, Level: hclog.LevelFromString(cmpOr(os.Getenv("RAFTLOG_TEST_LEVEL"), "off")), TimeFormat: "05.000000"})
}

// slot is one outstanding proposal: its completion proposes the next.
type slot struct {
	began time.Time
	next  chan *slot
	err   error
}

func (s *slot) Done(o Outcome) {
	s.err = o.Err
	s.next <- s
}

func BenchmarkPropose(b *testing.B) {
	for _, flush := range []commitlog.Flush{commitlog.FlushSync, commitlog.FlushAsync} {
		for _, outstanding := range []int{1, 16, 128, 1024} {
			name := map[commitlog.Flush]string{commitlog.FlushSync: "sync", commitlog.FlushAsync: "async"}[flush]
			b.Run(fmt.Sprintf("%s/1KiB/%d", name, outstanding), func(b *testing.B) { benchPropose(b, flush, outstanding, 1<<10) })
		}
	}
}

func benchPropose(b *testing.B, flush commitlog.Flush, outstanding, size int) {
	n := benchGroup(b, flush)
	record := commitlog.AppendSubRecord(nil, kindText, 1, 0, make([]byte, size))
	free := make(chan *slot, outstanding)
	for range outstanding {
		free <- &slot{next: free}
	}
	latencies := make([]time.Duration, 0, b.N)
	b.SetBytes(int64(size))
	b.ResetTimer()
	before := n.Status().LastIndex
	for range b.N {
		s := <-free
		if s.err != nil {
			b.Fatal(s.err)
		}
		if !s.began.IsZero() {
			latencies = append(latencies, time.Since(s.began))
		}
		s.began = time.Now()
		if err := n.Propose(record, 1, s); err != nil {
			b.Fatal(err)
		}
	}
	for range outstanding {
		<-free
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64(b.N)/float64(n.Status().LastIndex-before), "msg/entry")
	if slices.Sort(latencies); len(latencies) > 100 {
		b.ReportMetric(float64(latencies[len(latencies)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds()), "p99-µs")
	}
}
