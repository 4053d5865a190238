package sim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/broker"
	"github.com/raftmq/raftmq/internal/netsim"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog"
)

const (
	dataDir    = "/data"
	clientPort = "10911"
	raftPort   = "10912"
	brokerName = "RaftNode00"
	capacity   = int64(1) << 40
)

// files are what a process leaves: the simulated disk, and the real directory of the two bbolt files, whose commits count as atomic.
type files struct {
	mem  *vfs.Mem
	real string
}

// Member is one machine of the broker group: its disk and its present process. The driver's goroutine owns it, except for what is
// atomic.
type Member struct {
	cluster *Cluster
	name    string // n0, n1, …
	host    string // its address on the network
	files   files  // of the last process; what the next one starts from
	left    files  // a copy of what the last process left …
	older   files  // … and of what the one before it left
	proc    *process
	skew    atomic.Int64 // ns that the wall clock is ahead
	down    bool         // stays down until it is started: not restarted by the supervisor

	damaged     bool  // a fault has changed bytes on its disk
	hurt        bool  // its disk failed or hung: the process may end by itself
	stopping    bool  // asked to stop
	replacing   bool  // empty, and not yet taken in by the group
	quarantined error // why it refused to start
	starts      int
}

// process is one run of a member's binary.
type process struct {
	broker *broker.Broker
	host   *netsim.Host
	disk   *disk
	cancel context.CancelFunc
	ended  chan struct{} // closed when Run has returned
	err    error         // of Run; set before ended is closed
}

// Addr is where clients reach the member.
func (m *Member) Addr() string { return m.host + ":" + clientPort }

// RaftAddr is where the other members reach it.
func (m *Member) RaftAddr() string { return m.host + ":" + raftPort }

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// start starts a process over the files that the last one left.
func (m *Member) start() {
	if m.proc != nil {
		return
	}
	c := m.cluster
	p := &process{host: c.net.Host(m.host), ended: make(chan struct{})}
	p.disk = newDisk(m.files.mem, c.opts.sync)
	o, err := m.options(p)
	if err == nil {
		p.broker, err = broker.New(o)
	}
	if err != nil {
		c.fail("K16", "%s cannot be started: %v", m.name, err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, m.proc, m.down = cancel, p, false
	m.starts++
	go func() {
		p.err = p.broker.Run(ctx)
		close(p.ended)
	}()
}

func (m *Member) options(p *process) (broker.Options, error) {
	c := m.cluster
	front, err := p.host.Listen(m.Addr())
	if err != nil {
		return broker.Options{}, err
	}
	back, err := p.host.Listen(m.RaftAddr())
	if err != nil {
		return broker.Options{}, err
	}
	logger := c.logger(m.name)
	o := broker.Options{
		Cluster: "Sim", Name: brokerName, Node: m.name, Advertise: m.Addr(), Listener: front, NameServers: c.nameServers(), Dial: p.host.Dial,
		FS: m.files.mem, Dir: dataDir, RealDir: m.files.real, AutoCreateTopic: true, AutoCreateGroup: true, FollowerReads: true,
		AdminAllow: []string{"10.0.0.0/8"}, RegisterInterval: 5 * time.Second, WallClock: m.now, Logger: logger, BoundaryBytes: c.opts.boundary,
		RetentionBytes: c.opts.retention,
		Raft: raftlog.Options{Listener: back, Dial: p.host.Dial, Secret: []byte("a secret of the simulation"), SegmentBytes: 256 << 10,
			TailCacheBytes: 1 << 20, ReserveBytes: 1 << 20, Peers: c.peers(), Resolve: c.resolve, EntriesInFlight: c.opts.inFlight},
	}
	return o, nil
}

func (m *Member) now() time.Time { return time.Now().Add(time.Duration(m.skew.Load())) }

// halt ends the present process at once, with its files as leave finds them; its goroutines end unheard.
func (m *Member) halt(leave func(*vfs.Mem) *vfs.Mem) {
	p := m.proc
	if p == nil {
		return
	}
	c := m.cluster
	old := m.files
	m.proc, m.stopping = nil, false
	m.files = files{leave(p.disk.left()), c.tempDir()}
	m.older, m.left = m.left, files{m.files.mem.KillClone(), c.tempDir()}
	if err := errors.Join(copyDatabases(old.real, m.files.real), copyDatabases(old.real, m.left.real)); err != nil {
		c.fail("K16", "files of %s: %v", m.name, err)
	}
	p.disk.heal() // what hangs must end, too
	p.cancel()
	c.ghosts = append(c.ghosts, p)
}

// copyDatabases copies the bbolt files. Nothing writes them meanwhile: the bubble is quiet.
func copyDatabases(from, to string) error {
	for _, name := range []string{"stable.db", "state.db"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// node is the present process's group member, nil while there is none.
func (m *Member) node() *raftlog.Node {
	if m.proc == nil {
		return nil
	}
	return m.proc.broker.Node()
}

func (m *Member) String() string { return fmt.Sprintf("%s (%s)", m.name, m.host) }
