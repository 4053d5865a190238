package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

// watch asks the running members every few milliseconds who leads and what is committed (checker K14).
type watch struct {
	c    *Cluster
	stop context.CancelFunc
	done sync.WaitGroup

	mu       sync.Mutex
	running  map[string]*raftlog.Node
	leaders  map[offset.Term]raftlog.ServerID
	commit   map[*raftlog.Node]offset.Index
	problems map[string]bool
}

const watchEvery = 20 * time.Millisecond

func newWatch(c *Cluster) *watch {
	ctx, stop := context.WithCancel(context.Background())
	w := &watch{c: c, stop: stop, running: map[string]*raftlog.Node{}, leaders: map[offset.Term]raftlog.ServerID{},
		commit: map[*raftlog.Node]offset.Index{}, problems: map[string]bool{}}
	w.done.Go(func() { w.run(ctx) })
	return w
}

func (w *watch) run(ctx context.Context) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			w.look()
		case <-ctx.Done():
			return
		}
	}
}

func (w *watch) end() {
	w.stop()
	w.done.Wait()
}

// set says which nodes run; the driver tells it, since members are the driver's.
func (w *watch) set(name string, node *raftlog.Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running[name] = node
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, node := range w.running {
		if node == nil {
			continue
		}
		l, _ := node.Leadership()
		if l.Self {
			w.leads(name, l)
		}
		commit := node.Status().CommitIndex
		if before := w.commit[node]; commit < before && commit > 0 {
			w.problem(fmt.Sprintf("commit index of %s went from %d to %d", name, before, commit))
		}
		w.commit[node] = max(w.commit[node], commit)
	}
}

func (w *watch) leads(name string, l raftlog.Leadership) {
	switch before, known := w.leaders[l.Term]; {
	case !known:
		w.leaders[l.Term] = l.Leader
	case before != l.Leader:
		w.problem(fmt.Sprintf("two leaders in term %d: %s, and %s on %s", l.Term, before, l.Leader, name))
	}
}

func (w *watch) problem(text string) {
	if !w.problems[text] {
		w.problems[text] = true
		w.c.fail("K14", "%s", text)
	}
}

// terms is how many terms had a leader.
func (w *watch) terms() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.leaders)
}
