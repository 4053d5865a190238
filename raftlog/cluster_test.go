package raftlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/internal/netsim"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

const testPort = "7000"

// testCluster is a group of members in one synctest bubble.
type testCluster struct {
	t     *testing.T
	net   *netsim.Network
	peers []Peer
	nodes map[string]*testNode
	tune  func(*Options)
	every int
}

// testNode is the present process of one member.
type testNode struct {
	name   string
	host   *netsim.Host
	fs     *vfs.Mem
	real   string
	node   *Node
	state  *testState
	cancel context.CancelFunc
	ended  chan error
}

func newTestCluster(t *testing.T, names ...string) *testCluster {
	c := &testCluster{t: t, net: netsim.New(), nodes: map[string]*testNode{}, every: 8}
	for _, name := range names {
		c.peers = append(c.peers, Peer{Name: name, Address: name + ":" + testPort})
	}
	t.Cleanup(c.stopAll)
	return c
}

// bubble runs f with a started group of three whose leader is known.
func bubble(t *testing.T, f func(t *testing.T, c *testCluster)) {
	bubbleOf(t, nil, f)
}

func bubbleOf(t *testing.T, tune func(*Options), f func(t *testing.T, c *testCluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster(t, "n0", "n1", "n2")
		c.tune = tune
		for _, p := range c.peers {
			c.start(p.Name)
		}
		c.waitLeader()
		f(t, c)
	})
}

// start starts a member: a new one, or one whose files a crash or stop left.
func (c *testCluster) start(name string) *testNode {
	c.t.Helper()
	tn, err := c.tryStart(name, nil)
	if err != nil {
		c.t.Fatalf("start %s: %v", name, err)
	}
	return tn
}

func (c *testCluster) tryStart(name string, change func(*Options)) (*testNode, error) {
	tn := &testNode{name: name, host: c.net.Host(name), fs: vfs.NewMem(), real: c.t.TempDir(), ended: make(chan error, 1)}
	if old := c.nodes[name]; old != nil {
		tn.fs, tn.real = old.fs, old.real
	}
	l, err := tn.host.Listen(":" + testPort)
	if err != nil {
		return nil, err
	}
	tn.state = &testState{fs: tn.fs, dir: "data", every: c.every}
	o := Options{
		FS: tn.fs, Dir: "data", RealDir: tn.real, Group: "g", Name: name, Peers: c.peers,
		Listener: l, Dial: tn.host.Dial, Secret: []byte("secret"), SegmentBytes: 64 << 10, TailCacheBytes: 1 << 20, ReserveBytes: 1,
		Applier: tn.state, Logger: c.logger(name),
	}
	if c.tune != nil {
		c.tune(&o)
	}
	if change != nil {
		change(&o)
	}
	tn.node, err = Open(o)
	if err != nil {
		l.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	tn.cancel = cancel
	go func() { tn.ended <- tn.node.Run(ctx) }()
	c.nodes[name] = tn
	return tn, nil
}

func (c *testCluster) logger(name string) hclog.Logger {
	if !testing.Verbose() {
		return hclog.NewNullLogger()
	}
	return hclog.New(&hclog.LoggerOptions{Name: name, Level: hclog.LevelFromString(cmpOr(os.Getenv("RAFTLOG_TEST_LEVEL"), "info")), Output: c.t.Output(), TimeFormat: "05.000000"})
}

func cmpOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// kill ends a member's process: connections are reset, what was written to files stays.
func (c *testCluster) kill(name string) {
	c.t.Helper()
	c.end(name, (*vfs.Mem).KillClone)
}

// end takes a member's files as the end of its process leaves them.
func (c *testCluster) end(name string, leave func(*vfs.Mem) *vfs.Mem) {
	c.t.Helper()
	tn := c.nodes[name]
	tn.host.Kill()
	files := leave(tn.fs)
	real := c.t.TempDir()
	copyFile(c.t, filepath.Join(tn.real, stableFile), filepath.Join(real, stableFile))
	c.nodes[name] = &testNode{name: name, fs: files, real: real}
	// What is left of the process cannot be heard any more; let it go away.
	tn.cancel()
	c.t.Cleanup(func() { <-tn.ended })
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stop ends a member in order.
func (c *testCluster) stop(name string) {
	c.t.Helper()
	tn := c.nodes[name]
	tn.cancel()
	if err := <-tn.ended; err != nil {
		c.t.Errorf("%s ended: %v", name, err)
	}
	tn.node = nil
}

func (c *testCluster) stopAll() {
	for _, tn := range c.nodes {
		if tn.node != nil {
			tn.cancel()
		}
	}
	for _, tn := range c.nodes {
		if tn.node != nil {
			<-tn.ended
		}
	}
}

// wipe empties a stopped or killed member's directory.
func (c *testCluster) wipe(name string) {
	c.nodes[name] = &testNode{name: name, fs: vfs.NewMem(), real: c.t.TempDir()}
}

// until waits for a condition in virtual time.
func (c *testCluster) until(what string, limit time.Duration, ok func() bool) time.Duration {
	c.t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > limit {
			for name, tn := range c.nodes {
				if tn.node != nil {
					c.t.Logf("%s: %+v", name, tn.node.Status())
				}
			}
			c.t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(200 * time.Microsecond)
	}
	return time.Since(began)
}

// pass lets virtual time pass.
func (c *testCluster) pass(d time.Duration) { time.Sleep(d) }

// leader returns the member that leads in the highest term, nil if none does.
func (c *testCluster) leader() *testNode {
	var best *testNode
	var term offset.Term
	for _, tn := range c.nodes {
		if tn.node == nil {
			continue
		}
		if l, _ := tn.node.Leadership(); l.Self && l.Term > term {
			best, term = tn, l.Term
		}
	}
	return best
}

func (c *testCluster) waitLeader() *testNode {
	c.t.Helper()
	c.until("a leader that has committed", 30*time.Second, func() bool {
		l := c.leader()
		return l != nil && l.node.Status().CommitIndex > 0 && c.tryPropose(l, textRecord("leader "+l.name)) == nil
	})
	return c.leader()
}

func (c *testCluster) followers() []*testNode {
	l := c.leader()
	var all []*testNode
	for _, p := range c.peers {
		if tn := c.nodes[p.Name]; tn != nil && tn != l && tn.node != nil {
			all = append(all, tn)
		}
	}
	return all
}

// outcomes is a Completion that can be waited for.
type outcomes chan Outcome

func (o outcomes) Done(out Outcome) { o <- out }

func (c *testCluster) tryPropose(tn *testNode, record []byte) error {
	_, err := c.proposeTo(tn, record)
	return err
}

// proposeTo proposes one sub-record and waits for its outcome.
func (c *testCluster) proposeTo(tn *testNode, record []byte) (Result, error) {
	done := make(outcomes, 1)
	if err := tn.node.Propose(record, 1, done); err != nil {
		return Result{}, err
	}
	select {
	case out := <-done:
		if out.Err != nil {
			return Result{}, out.Err
		}
		return out.Results[0], nil
	case <-time.After(time.Minute):
		return Result{}, errors.New("no outcome within a minute")
	}
}

// send proposes to whoever leads until it is applied; an unknown outcome fails the test.
func (c *testCluster) send(record []byte) Result {
	c.t.Helper()
	var res Result
	c.until("a proposal to be applied", time.Minute, func() bool {
		l := c.leader()
		if l == nil {
			return false
		}
		r, err := c.proposeTo(l, record)
		if err != nil && !errors.Is(err, ErrNotAppended) {
			c.t.Fatalf("proposal to %s: %v", l.name, err)
		}
		res = r
		return err == nil
	})
	return res
}

func (c *testCluster) sendTexts(prefix string, count int) (texts []string) {
	c.t.Helper()
	for i := range count {
		text := fmt.Sprintf("%s-%d", prefix, i)
		c.send(textRecord(text))
		texts = append(texts, text)
	}
	return texts
}

// converged waits until all running members have applied the same, and returns it.
func (c *testCluster) converged(limit time.Duration) []string {
	c.t.Helper()
	var want []string
	c.until("all members to have applied the same", limit, func() bool {
		l := c.leader()
		if l == nil {
			return false
		}
		want = l.state.all()
		commit := l.node.Status().CommitIndex
		for _, tn := range c.nodes {
			if tn.node == nil || tn.node.Status().State == "waiting" {
				continue
			}
			if tn.node.Status().AppliedIndex < commit || !slices.Equal(tn.state.all(), want) {
				return false
			}
		}
		return true
	})
	c.sameLogs()
	return want
}

// sameLogs compares the members' logs where they overlap: index, term, position and data.
func (c *testCluster) sameLogs() {
	c.t.Helper()
	l := c.leader()
	log := l.node.store.log
	for _, tn := range c.nodes {
		if tn == l || tn.node == nil || !tn.node.isOpen() {
			continue
		}
		other := tn.node.store.log
		for i := max(log.FirstIndex(), other.FirstIndex()); i <= min(log.LastIndex(), other.LastIndex()) && i > 0; i++ {
			a, errA := log.Entry(i)
			b, errB := other.Entry(i)
			pa, _ := log.DataPosition(i)
			pb, _ := other.DataPosition(i)
			if errA != nil || errB != nil || a.Term != b.Term || pa != pb || string(a.Data) != string(b.Data) || !a.AppendedAt.Equal(b.AppendedAt) {
				c.t.Fatalf("entry %d differs: %s has term %d at %d (%v), %s has term %d at %d (%v)", i, l.name, a.Term, pa, errA, tn.name, b.Term, pb, errB)
			}
		}
	}
}

func contains(t *testing.T, have, want []string) {
	t.Helper()
	seen := map[string]int{}
	for _, s := range have {
		seen[s]++
	}
	for _, s := range want {
		if seen[s] != 1 {
			t.Errorf("%q is there %d times", s, seen[s])
		}
	}
}

// echoStream answers one message with who sent it.
func echoStream(from ServerID, conn net.Conn) {
	b := make([]byte, 64)
	if n, err := conn.Read(b); err == nil {
		fmt.Fprintf(conn, "%s says %s", from, b[:n])
	}
	conn.Read(b)
	conn.Close()
}
