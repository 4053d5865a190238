package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/netsim"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/namesrv"
	"github.com/raftmq/raftmq/raftlog"
)

const (
	topic     = "T"
	queues    = 4
	restartIn = 500 * time.Millisecond // the supervisor starts a process that ended by itself
	tick      = 50 * time.Millisecond  // at which the driver looks at its processes

	normalLatency = netsim.DefaultLatency
)

// options are set by Option values.
type options struct {
	members     int
	nameServers int
	seed        uint64
	boundary    int64 // bytes of log between two images
	retention   int64 // bytes of log; 0: all
	inFlight    int   // entries; 0: the product's default
	sync        time.Duration
}

// Option configures a Cluster.
type Option func(*options)

// Members sets the size of the broker group [3].
func Members(n int) Option { return func(o *options) { o.members = n } }

// NameServers sets their number [2].
func NameServers(n int) Option { return func(o *options) { o.nameServers = n } }

// Seed sets what everything random of the harness is drawn from [1].
func Seed(n uint64) Option { return func(o *options) { o.seed = n } }

// Boundary sets how many bytes of log lie between two images [512 KiB].
func Boundary(bytes int64) Option { return func(o *options) { o.boundary = bytes } }

// Retention sets how many bytes of log are kept [all].
func Retention(bytes int64) Option { return func(o *options) { o.retention = bytes } }

// InFlight sets how many entries the leader has in flight at most [the product's].
func InFlight(entries int) Option { return func(o *options) { o.inFlight = entries } }

// SyncTime sets how long an fsync of the log takes [200 µs].
func SyncTime(d time.Duration) Option { return func(o *options) { o.sync = d } }

// Cluster is NameServers, one broker group and clients in one synctest bubble. All methods but those of History are for one
// goroutine, the driver: it alone makes faults, and while it does nothing else runs.
type Cluster struct {
	History *History

	t       testing.TB
	opts    options
	net     *netsim.Network
	rng     *rand.Rand
	members []*Member
	names   []*nameServer
	ghosts  []*process // halted; they end by themselves
	later   []action
	dirs    []string
	load    *load
	loads   int // that were started
	watch   *watch
	skewed  bool // some wall clock was wrong
	clients []*client.Client
	aside   sync.WaitGroup // what the driver has started and must not wait for
	logs    *logs
}

// action is what the driver does at a time of the history.
type action struct {
	at    time.Duration
	do    func()
	fault bool // dropped when the faults end
}

// nameServer is one NameServer's machine.
type nameServer struct {
	host   string
	cancel context.CancelFunc
	ended  chan struct{}
}

// New starts a cluster and waits until it serves. It must be called in a synctest bubble; Close ends it.
func New(t testing.TB, opts ...Option) *Cluster {
	o := options{members: 3, nameServers: 2, seed: 1, boundary: 512 << 10, sync: syncTime}
	for _, set := range opts {
		set(&o)
	}
	c := &Cluster{t: t, opts: o, net: netsim.New(), rng: rand.New(rand.NewPCG(o.seed, 1)), History: newHistory(), logs: newLogs()}
	for i := range o.nameServers {
		c.names = append(c.names, &nameServer{host: fmt.Sprint("10.0.1.", i+1)})
		c.startNameServer(i)
	}
	for i := range o.members {
		c.addMember(i)
	}
	for _, m := range c.members {
		m.start()
	}
	c.watch = newWatch(c)
	c.waitHealthy(30 * time.Second)
	c.createTopic()
	return c
}

func (c *Cluster) addMember(i int) *Member {
	m := &Member{cluster: c, name: fmt.Sprint("n", i), host: fmt.Sprint("10.0.0.", i+1), files: files{newMem(), c.tempDir()}}
	c.members = append(c.members, m)
	return m
}

func newMem() *vfs.Mem {
	m := vfs.NewMem()
	m.SetCapacity(capacity)
	return m
}

// tempDir makes a directory for bbolt files, in memory where the system has such.
func (c *Cluster) tempDir() string {
	base := "/dev/shm"
	if _, err := os.Stat(base); err != nil {
		base = ""
	}
	dir, err := os.MkdirTemp(base, "raftmq-sim-")
	if err != nil {
		c.t.Fatal(err)
	}
	c.dirs = append(c.dirs, dir)
	return dir
}

func (c *Cluster) startNameServer(i int) {
	n := c.names[i]
	ln, err := c.net.Host(n.host).Listen(n.host + ":9876")
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := namesrv.New(namesrv.Options{Listener: ln, Groups: []string{brokerName}, AdminAllow: []string{"10.0.0.0/8"}, Logger: c.logger("ns")})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	n.cancel, n.ended = cancel, ended
	go func() {
		s.Run(ctx)
		close(ended)
	}()
}

func (c *Cluster) nameServers() []string {
	var all []string
	for _, n := range c.names {
		all = append(all, n.host+":9876")
	}
	return all
}

// client makes a client on a machine of its own.
func (c *Cluster) client(name string) *client.Client {
	host := c.net.Host(clientHost(len(c.clients)))
	cl, err := client.New(client.Options{NameServers: c.nameServers(), Dial: host.Dial, ClientID: name, RoutePoll: 5 * time.Second})
	if err != nil {
		c.t.Fatal(err)
	}
	c.clients = append(c.clients, cl)
	return cl
}

func (c *Cluster) createTopic() {
	admin := c.client("admin").Admin()
	var err error
	made := c.until("topic and groups are made", 30*time.Second, func() bool {
		err = errors.Join(admin.CreateTopic(context.Background(), "Sim", client.TopicSpec{Name: topic, ReadQueues: queues}), c.createGroups(admin))
		return err == nil
	})
	if !made {
		c.fail("K15", "topic and groups are not made: %v", err)
	}
}

func clientHost(i int) string { return fmt.Sprint("10.0.2.", i+1) }

func (c *Cluster) peers() []raftlog.Peer {
	var all []raftlog.Peer
	for _, m := range c.members[:c.opts.members] {
		all = append(all, raftlog.Peer{Name: m.name, Address: m.RaftAddr()})
	}
	return all
}

func (c *Cluster) resolve(name string) (string, bool) {
	if m := c.member(name); m != nil {
		return m.RaftAddr(), true
	}
	return "", false
}

// member finds a member by name.
func (c *Cluster) member(name string) *Member {
	for _, m := range c.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

// Leader is the name of the member that leads in the highest term; "" if none does.
func (c *Cluster) Leader() string {
	best, term := "", uint64(0)
	for _, m := range c.members {
		if n := m.node(); n != nil && !m.proc.hasEnded() {
			if l, _ := n.Leadership(); l.Self && uint64(l.Term) > term {
				best, term = m.name, uint64(l.Term)
			}
		}
	}
	return best
}

// Followers are the names of the members that run and do not lead.
func (c *Cluster) Followers() []string {
	leader := c.Leader()
	var all []string
	for _, m := range c.members {
		if m.name != leader && m.node() != nil && !m.proc.hasEnded() {
			all = append(all, m.name)
		}
	}
	return all
}

// Run lets time pass, and does what is due: scheduled actions, the restart of processes that ended by themselves.
func (c *Cluster) Run(d time.Duration) {
	end := c.History.now() + d
	for c.History.now() < end {
		c.step()
		time.Sleep(min(tick, end-c.History.now()))
	}
	c.step()
}

func (c *Cluster) step() {
	for len(c.later) > 0 && c.later[0].at <= c.History.now() {
		next := c.later[0]
		c.later = c.later[1:]
		next.do()
	}
	for _, m := range c.members {
		c.supervise(m)
		if c.watch != nil {
			c.watch.set(m.name, m.node())
		}
	}
}

// After does something when so much time has passed.
func (c *Cluster) After(d time.Duration, do func()) {
	c.plan(action{at: c.History.now() + d, do: do})
}

func (c *Cluster) plan(a action) {
	c.later = append(c.later, a)
	slices.SortStableFunc(c.later, func(a, b action) int { return int(a.at - b.at) })
}

func (c *Cluster) dropFaults() {
	c.later = slices.DeleteFunc(c.later, func(a action) bool { return a.fault })
}

// until polls a condition in virtual time while the driver goes on.
func (c *Cluster) until(what string, limit time.Duration, ok func() bool) bool {
	end := c.History.now() + limit
	for !ok() {
		if c.History.now() > end {
			c.fail("K15", "not within %v: %s; %s", limit, what, c.describe())
			return false
		}
		c.Run(tick / 5)
	}
	return true
}

// healthy reports whether every member that may takes part, and all have applied what is committed.
func (c *Cluster) healthy() bool {
	leader := c.member(c.Leader())
	if leader == nil {
		return false
	}
	commit := leader.node().Status().CommitIndex
	for _, m := range c.members {
		if m.proc == nil || m.proc.hasEnded() {
			return false
		}
		s := m.proc.broker.Status()
		if !s.Serving || s.Raft.AppliedIndex < commit {
			return false
		}
	}
	return true
}

func (c *Cluster) waitHealthy(limit time.Duration) bool {
	return c.until("a leader, and every member up to date", limit, c.healthy)
}

func (c *Cluster) describe() string {
	var b strings.Builder
	for _, m := range c.members {
		switch n := m.node(); {
		case m.quarantined != nil:
			fmt.Fprintf(&b, "%s quarantined: %v; ", m.name, m.quarantined)
		case n == nil:
			fmt.Fprintf(&b, "%s down; ", m.name)
		default:
			s := n.Status()
			fmt.Fprintf(&b, "%s %s term %d leader %s last %d commit %d applied %d; ", m.name, s.State, s.Term, s.Leader, s.LastIndex, s.CommitIndex, s.AppliedIndex)
		}
	}
	return b.String()
}

// fail records that something does not hold.
func (c *Cluster) fail(checker, format string, args ...any) {
	c.History.fail(checker, fmt.Sprintf(format, args...))
}

// quiet returns when nothing can go on without time passing.
func (c *Cluster) quiet() { synctest.Wait() }

// Close ends everything that runs. Members stop in order, so that their files can be verified.
func (c *Cluster) Close() {
	c.stopLoad()
	c.stopMembers()
	for _, n := range c.names {
		n.cancel()
	}
	for _, n := range c.names {
		<-n.ended
	}
	for _, p := range c.ghosts {
		<-p.ended
	}
	for _, cl := range c.clients {
		cl.Close()
	}
	c.watch.end()
	c.aside.Wait()
	for _, dir := range c.dirs {
		os.RemoveAll(dir)
	}
}

func (c *Cluster) logger(name string) hclog.Logger { return c.logs.logger(name) }
