package raftlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

const (
	handOverMax = 3 * time.Second // a planned stop waits no longer for another leader
	abandonMax  = time.Second     // after a fatal error storage calls may hang for ever
	// stopMax bounds a planned stop. What hangs then, a disk that does not answer above all, is no longer watched by the watchdog.
	stopMax = 25 * time.Second
)

// Node is one member of one group.
type Node struct {
	opts   Options
	run    uint64 // tells this process from others of the same member
	logger hclog.Logger
	dir    *directory
	net    *network

	leadership *leadershipWatch
	lease      *lease
	applied    *appliedWatch
	proposer   *proposer
	retention  *retention
	sender     *imageSender
	watchdog   *watchdog
	death      *deathwatch
	follows    followed
	damage     damageWatch
	scrubbing  scrubber
	laggards   laggards
	declines   atomic.Bool // see Decline

	store   *storage      // set before opened is closed, never changed after
	founded bool          // this start has written the group's first entry; set with store
	opened  chan struct{} // closed when log and state are open

	instance   atomic.Pointer[instance]
	instanceMu sync.Mutex // held while an instance is made, replaced or stopped
	stopping   bool       // instanceMu: no instance is made any more
	switching  atomic.Bool
	installing sync.Mutex // held during an install

	waiting atomic.Pointer[string] // why this member has no group yet, for Status
	assigns chan struct{}          // one slot: this member was handed a group

	loops   sync.WaitGroup // what Run has started
	failed  chan struct{}  // closed by the first fail
	failure error          // set before failed is closed
	failing sync.Once
	done    chan struct{} // closed when Run is about to return
	ending  sync.Once
	ran     atomic.Bool
	ends    atomic.Pointer[string] // the step of the stop that is under way
}

// Open locks the directory, recovers log and stable store and starts the Applier. It neither listens nor votes yet.
// It wraps ErrQuarantined when the files must not be used. The member of a group of more than one that has never been part of it
// has neither log nor state before the group is founded or it was added: then Run opens them, see Recovered.
func Open(o Options) (*Node, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dir, err := openDirectory(&o)
	if err != nil {
		return nil, err
	}
	n := newNode(o, dir)
	if err := n.openExisting(); err != nil {
		dir.Close()
		return nil, err
	}
	return n, nil
}

func newNode(o Options, dir *directory) *Node {
	n := &Node{
		opts: o, run: newRun(), logger: o.Logger, dir: dir, net: newNetwork(&o, dir),
		applied: newAppliedWatch(), retention: newRetention(),
		opened: make(chan struct{}), assigns: make(chan struct{}, 1),
		failed: make(chan struct{}), done: make(chan struct{}),
		damage: damageWatch{wake: make(chan struct{}, 1)}, scrubbing: scrubber{status: ScrubStatus{Rate: o.ScrubRate}},
	}
	n.net.opts = &n.opts
	n.net.book.opts = &n.opts
	n.lease = &lease{length: o.LeaderLeaseTimeout, servers: n.servers, peer: n.net.peer, self: n.ID, began: time.Now()}
	n.leadership = newLeadershipWatch(n.lookAtLeadership, n.leadershipChanged)
	n.proposer = newProposer(&n.opts, n.apply)
	n.sender = &imageSender{pins: &n.retention.pins, moves: func(to ServerID) { n.net.peer(to).imageMoves() }}
	n.watchdog = &watchdog{n: n}
	n.death = &deathwatch{n: n}
	n.net.onBroken = n.death.broken
	n.net.self, n.net.disowned = n.standing, n.quarantine
	n.serveConnections()
	return n
}

// serveConnections says who serves which connections.
func (n *Node) serveConnections() {
	r := &receiver{net: n.net, term: n.currentTerm, declines: n.declines.Load, beat: n.heard, verify: verifyEntries, room: n.waitForRoom}
	n.net.handlers = [purposes]func(*link){
		purposeHeartbeat: r.serveHeartbeats,
		purposeVote:      r.serveVotes,
		purposeAppend:    r.serveAppends,
		purposeInstall:   n.serveInstall,
		purposeBootstrap: n.serveBootstrap,
		purposeStream:    n.serveStream,
	}
}

func (n *Node) currentTerm() uint64 {
	if in := n.running(); in != nil {
		return in.raft.CurrentTerm()
	}
	return 0
}

// openExisting opens log and state if this member has a group, which a group of one has from the start.
func (n *Node) openExisting() error {
	id := n.dir.identity()
	alone := len(n.opts.Peers) == 1 && n.opts.Peers[0].Name == n.opts.Name
	switch {
	case !id.hasGroup() && alone:
		if err := n.dir.update(n.foundGroup); err != nil {
			return err
		}
	case !id.hasGroup(), id.Founding && len(id.Founders) == 0:
		return nil // Run joins first
	}
	return n.openStorage()
}

func (n *Node) openStorage() error {
	h := host{retain: n.retention.ask, fail: n.fail, damaged: n.damaged}
	s, err := openStorage(&n.opts, n.dir.identity(), h, n.logger)
	if err != nil {
		return err
	}
	n.store = s
	if err := n.found(); err != nil {
		n.opts.Applier.Stop()
		s.close()
		return err
	}
	close(n.opened)
	return nil
}

// Recovered returns a channel that is closed when log and state are open: when Open returns, except for a member that waits for
// its group.
func (n *Node) Recovered() <-chan struct{} { return n.opened }

func (n *Node) isOpen() bool {
	select {
	case <-n.opened:
		return true
	default:
		return false
	}
}

// ID is this member's identity.
func (n *Node) ID() ServerID {
	id := n.dir.identity()
	return id.serverID()
}

// servers is the latest configuration in member order, empty while no raft instance runs.
func (n *Node) servers() []raft.Server {
	if in := n.running(); in != nil {
		return in.servers()
	}
	return nil
}

// fail records the first fatal error, stops this member's traffic and makes Run return.
func (n *Node) fail(err error) {
	n.failing.Do(func() {
		n.logger.Error("member stops", "group", n.opts.Group, "member", n.ID(), "error", err)
		n.failure = err
		close(n.failed)
		n.net.shut()
	})
}

// Run serves the group until ctx ends: bootstraps or waits to be added, elects, replicates, applies. It returns nil after a
// clean stop (leadership handed over first) and the reason otherwise. It may be called once.
func (n *Node) Run(ctx context.Context) error {
	if n.ran.Swap(true) {
		return errors.New("BUG: Run called twice")
	}
	n.net.wg.Go(n.net.serve)
	inner, cancel := context.WithCancel(context.Background())
	stopLink := context.AfterFunc(n.net.ctx, cancel) // a fatal error ends the loops too
	err := n.serveGroup(ctx, inner)
	stopLink()
	if failure := n.shutDown(err == nil, cancel); err == nil {
		err = failure
	}
	return err
}

// serveGroup returns nil when ctx has ended, and the reason when the member cannot go on.
func (n *Node) serveGroup(ctx, inner context.Context) error {
	if !n.isOpen() {
		if err := n.join(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		if err := n.openStorage(); err != nil {
			return err
		}
	}
	if err := n.startInstance(); err != nil {
		return err
	}
	n.standAtOnce()
	for _, loop := range []func(context.Context){n.leadership.run, n.proposer.run, n.watchdog.run, n.retain, n.announce, n.healDamage, n.scrub, n.watchLaggards} {
		n.loops.Go(func() { loop(inner) })
	}
	select {
	case <-ctx.Done():
		return nil
	case <-n.failed:
		return n.failure
	}
}

// standAtOnce spares a group whose only voter is this member, or which it has just founded, the wait for an election timer.
func (n *Node) standAtOnce() {
	in := n.running()
	alone := true
	for _, s := range in.servers() {
		alone = alone && (ServerID(s.ID) == n.ID()) == (s.Suffrage == raft.Voter)
	}
	if len(in.servers()) > 0 && (alone || n.founded) {
		n.loops.Go(in.trans.timeoutSelf)
	}
}

// shutDown ends the member:
//
//  1. Leadership is handed over while proposals go on being answered; new ones are refused.
//  2. What was proposed is answered.
//  3. The raft instance ends; its last entries are applied.
//  4. Connections close.
//  5. The state checkpoints, log and stable store close, the directory is unlocked.
//
// After a fatal error it skips the first two, and gives up what hangs. A planned stop that takes longer than stopMax has become one.
func (n *Node) shutDown(clean bool, cancel context.CancelFunc) error {
	ended := make(chan error, 1)
	go func() { ended <- n.end(clean, cancel) }()
	limit := time.NewTimer(stopMax)
	defer limit.Stop()
	select {
	case err := <-ended:
		return err
	case <-n.failed:
	case <-limit.C:
		n.fail(fmt.Errorf("FATAL the member does not stop: %s does not end", *n.ends.Load()))
	}
	select {
	case <-ended:
	case <-time.After(abandonMax):
		n.logger.Error("storage does not return, ending without it")
	}
	return n.failure
}

func (n *Node) end(clean bool, cancel context.CancelFunc) error {
	n.enters("the hand-over of leadership")
	n.proposer.refuse()
	if clean && n.isOpen() {
		n.handOver()
	}
	n.enters("the answering of proposals")
	n.settle()
	n.enters("raft")
	n.ending.Do(func() { close(n.done) })
	n.instanceMu.Lock()
	n.stopping = true
	n.stopInstanceLocked()
	n.instanceMu.Unlock()
	n.enters("the background work")
	cancel()
	n.loops.Wait()
	n.enters("a connection")
	n.net.close()
	n.enters("the closing of log and state")
	return n.release()
}

// enters notes which step of the stop is under way.
func (n *Node) enters(step string) { n.ends.Store(&step) }

// handOver gives leadership away, if this member has it and there is another voter.
func (n *Node) handOver() {
	in := n.running()
	if in == nil || in.raft.State() != raft.Leader {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), handOverMax)
	defer cancel()
	if err := n.TransferLeadership(ctx, ""); err != nil && !errors.Is(err, ErrNoMember) {
		n.logger.Warn("leadership not handed over", "error", err)
	}
}

// settle waits until every proposal is answered. It must not be skipped: raft leaves proposals that are committed and not yet
// applied without an answer when it is shut down. A leader that has no quorum steps down after its lease, so it ends; only
// after a fatal error, with storage that hangs, it is given up.
func (n *Node) settle() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := context.AfterFunc(n.net.ctx, func() {
		time.AfterFunc(abandonMax/2, cancel)
	})
	defer stop()
	n.proposer.drain(ctx)
}

// release closes what Open took.
func (n *Node) release() error {
	var errs []error
	if n.isOpen() {
		if err := n.opts.Applier.Stop(); err != nil {
			errs = append(errs, fmt.Errorf("state: %w", err))
		}
		errs = append(errs, n.store.close())
	}
	return errors.Join(append(errs, n.dir.Close())...)
}

// Close releases what Open took, of a Node on which Run was never called.
func (n *Node) Close() error {
	if n.ran.Swap(true) {
		return errors.New("BUG: Close of a Node that runs or ran")
	}
	n.ending.Do(func() { close(n.done) })
	n.net.close()
	return n.release()
}

// OpenStream opens an authenticated stream to another member's Raft listener, served by its OnStream. The caller closes it.
func (n *Node) OpenStream(ctx context.Context, to ServerID) (net.Conn, error) {
	return n.net.dial(ctx, to, purposeStream)
}

// serveStream hands a stream to its server.
func (n *Node) serveStream(l *link) {
	if n.opts.OnStream != nil {
		n.opts.OnStream(l.from, l)
	}
}
