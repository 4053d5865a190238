package raftlog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/netsim"
	"github.com/raftmq/raftmq/internal/vfs"
)

// Each of these shows a way in which hashicorp/raft v1.8.0 by itself loses a member or an entry.

// TestAFollowerThatFailsToStoreIsServedAgain: with raft's own pipeline the leader never sends the follower an entry again after
// some failed appends under load, while heartbeats go on (raft issue 612).
func TestAFollowerThatFailsToStoreIsServedAgain(t *testing.T) {
	bubbleOf(t, func(o *Options) { o.Applier.(*testState).every = 0 }, func(t *testing.T, c *testCluster) {
		f := c.followers()[0]
		c.net.SetLatency(c.leader().name, f.name, 5*time.Millisecond) // so that several requests are under way
		var want []string
		for round := range 4 {
			f.fs.SetCapacity(0)
			ctx, cancel := context.WithCancel(t.Context())
			sent := make(chan []string)
			go func() { sent <- c.load(ctx, fmt.Sprint("r", round), 2<<10) }()
			time.Sleep(300 * time.Millisecond)
			f.fs.SetCapacity(1 << 40)
			time.Sleep(100 * time.Millisecond)
			cancel()
			want = append(want, <-sent...)
			c.until("the follower to have it all", 3*time.Second, func() bool {
				return f.node.Status().AppliedIndex >= c.leader().node.Status().CommitIndex
			})
		}
		contains(t, c.converged(time.Second), want)
	})
}

// load proposes to the leader, two at a time, until ctx ends, and returns what was applied.
func (c *testCluster) load(ctx context.Context, prefix string, size int) (applied []string) {
	done := make(outcomes, 2)
	pad := strings.Repeat("x", size)
	for i := 0; ctx.Err() == nil; i += 2 {
		texts := []string{fmt.Sprint(prefix, "-", i, pad), fmt.Sprint(prefix, "-", i+1, pad)}
		for _, text := range texts {
			if err := c.leader().node.Propose(textRecord(text), 1, done); err != nil {
				c.t.Errorf("propose: %v", err)
				return applied
			}
		}
		for _, text := range texts {
			if out := <-done; out.Err != nil {
				c.t.Errorf("outcome: %v", out.Err)
			} else {
				applied = append(applied, text)
			}
		}
		time.Sleep(time.Millisecond)
	}
	return applied
}

// TestHalfAVoteIsNoVote: raft stores the term of a vote and its candidate one after the other. A crash between them must not
// leave a vote in the new term for the old candidate.
func TestHalfAVoteIsNoVote(t *testing.T) {
	dir := t.TempDir()
	s := openTestStable(t, dir)
	vote := func(term uint64, candidate string) {
		t.Helper()
		if err := errors.Join(s.SetUint64([]byte(keyVoteTerm), term), s.Set([]byte(keyVoteCand), []byte(candidate))); err != nil {
			t.Fatal(err)
		}
	}
	check := func(term uint64, candidate string) {
		t.Helper()
		gotTerm, errTerm := s.GetUint64([]byte(keyVoteTerm))
		got, errCand := s.Get([]byte(keyVoteCand))
		if gotTerm != term || string(got) != candidate || errTerm != nil || errCand != nil {
			t.Errorf("vote %d for %q (%v, %v), want %d for %q", gotTerm, got, errTerm, errCand, term, candidate)
		}
	}
	vote(3, "a@1")
	check(3, "a@1")
	if err := s.SetUint64([]byte(keyVoteTerm), 4); err != nil {
		t.Fatal(err)
	}
	check(3, "a@1")
	s.Close()
	s = openTestStable(t, dir) // the crash came before the candidate was stored
	check(3, "a@1")
	vote(5, "b@2")
	s.Close()
	s = openTestStable(t, dir)
	check(5, "b@2")
	s.Close()
}

func openTestStable(t *testing.T, dir string) *stableStore {
	t.Helper()
	s, err := openStableStore(dir, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheStableStoreAnswersAsRaftExpects(t *testing.T) {
	s := openTestStable(t, t.TempDir())
	defer s.Close()
	for _, key := range []string{keyTerm, keyVoteTerm, keyVoteCand, "anything"} {
		_, err := s.Get([]byte(key))
		_, err64 := s.GetUint64([]byte(key))
		if (key != keyTerm && key != keyVoteTerm && (err == nil || err.Error() != "not found")) || (key != keyVoteCand && (err64 == nil || err64.Error() != "not found")) {
			t.Errorf("%s: %v, %v", key, err, err64)
		}
	}
	if !s.missing() {
		t.Error("a new store has a term")
	}
	if err := s.SetUint64([]byte(keyTerm), 7); err != nil {
		t.Fatal(err)
	}
	if err := s.SetUint64([]byte(keyTerm), 6); err == nil {
		t.Error("the term went back")
	}
	if v, err := s.GetUint64([]byte(keyTerm)); v != 7 || err != nil || s.missing() {
		t.Errorf("term %d, %v", v, err)
	}
}

// TestAForgedPeerHasNoEffect: one forged AppendEntries of a higher term deletes committed entries in bare raft. Here it needs the
// secret to be heard, and even with it committed entries stay.
func TestAForgedPeerHasNoEffect(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 20)
		c.converged(time.Second)
		f := c.followers()[0]
		uuid := f.node.dir.identity()
		forge := func(secret string, change func(*hello)) (*link, error) {
			host := c.net.Host("evil")
			conn, err := host.Dial(t.Context(), f.name+":"+testPort)
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(time.Second))
			h := hello{purpose: purposeAppend, uuid: uuid.group(), group: "g", from: "evil@1", to: f.node.ID()}
			change(&h)
			answered, err := greet(conn, []byte(secret), h)
			if err != nil {
				conn.Close()
				return nil, err
			}
			return newLink(&network{links: map[*link]struct{}{}}, conn, answered.id, purposeAppend, false), nil
		}
		if _, err := forge("guess", func(*hello) {}); !errors.Is(err, errSecret) {
			t.Errorf("without the secret: %v", err)
		}
		if _, err := forge("secret", func(h *hello) { h.uuid[0]++ }); !errors.Is(err, errWrongGroup) {
			t.Errorf("from another group of the same name: %v", err)
		}
		if _, err := forge("secret", func(h *hello) { h.to = ServerID(f.name + "@other") }); !errors.Is(err, errWrongMember) {
			t.Errorf("meaning another instance: %v", err)
		}
		// An insider overwrites what is committed: the member stops and keeps its files.
		l, err := forge("secret", func(*hello) {})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Conn.Close()
		first, err := f.node.store.log.Header(4)
		if err != nil {
			t.Fatal(err)
		}
		a := &raft.AppendEntriesRequest{Term: 1000, PrevLogEntry: 4, PrevLogTerm: uint64(first.Term), Entries: []*raft.Log{{Index: 5, Term: 1000, Type: raft.LogCommand, Data: textBatch("forged")}}}
		if err := sendAppend(l, a); err != nil {
			t.Fatal(err)
		}
		err = <-f.ended
		f.ended <- err
		if err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("the member ended with %v", err)
		}
		c.kill(f.name)
		c.start(f.name)
		all := c.converged(10 * time.Second)
		contains(t, all, want)
	})
}

func TestAListenerForOthersNeedsASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := netsim.New().Host("n0").Listen(":1")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		mem := vfs.NewMem()
		o := Options{FS: mem, Dir: "data", RealDir: t.TempDir(), Group: "g", Name: "n0", Peers: []Peer{{"n0", "n0:1"}}, Listener: l, Applier: &testState{fs: mem, dir: "data"}}
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "secret") {
			t.Errorf("open: %v", err)
		}
		o.Insecure = true
		n, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestARestartReadsNoData: what the state has is neither read nor applied again.
func TestARestartReadsNoData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster(t, "n0")
		c.start("n0")
		c.waitLeader()
		c.sendTexts(strings.Repeat("x", 4<<10), 200)
		c.stop("n0")
		read := 0
		remove := c.nodes["n0"].fs.AddHook(func(op *vfs.Op) error {
			if op.Kind == vfs.OpRead && strings.Contains(op.Path, "commitlog/") {
				read += op.Length
			}
			return nil
		})
		defer remove()
		tn := c.start("n0")
		c.waitLeader()
		if tn.state.applies > 2 {
			t.Errorf("%d entries were applied again", tn.state.applies)
		}
		if read > 400<<10 {
			t.Errorf("%d bytes of a log of %d were read", read, tn.node.Status().NextPosition)
		}
		t.Logf("%d bytes of a log of %d were read", read, tn.node.Status().NextPosition)
	})
}

// TestTheGroupOutlivesRepeatedKills kills whoever leads, again and again, under load, and looks for what was acknowledged.
func TestTheGroupOutlivesRepeatedKills(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		var want []string
		for round := range 8 {
			done := make(outcomes, 100)
			texts := map[int]string{}
			l := c.leader()
			for i := range 20 {
				text := fmt.Sprintf("k%d-%d", round, i)
				o := &indexed{done: done, text: text}
				if l.node.Propose(textRecord(text), 1, o) == nil {
					texts[i] = text
				}
				time.Sleep(100 * time.Microsecond)
			}
			victim := l.name
			if round%4 == 3 {
				victim = c.followers()[0].name
			}
			c.kill(victim)
			for range texts {
				if out := <-done; out.Err == nil {
					want = append(want, out.Results[0].Detail.(string))
				}
			}
			c.send(textRecord(fmt.Sprint("s", round)))
			want = append(want, fmt.Sprint("s", round))
			c.start(victim)
			c.until("all three", 5*time.Second, func() bool {
				return c.nodes[victim].node.Status().AppliedIndex >= c.leader().node.Status().CommitIndex
			})
		}
		contains(t, c.converged(5*time.Second), want)
		if len(want) < 50 {
			t.Errorf("only %d proposals were acknowledged", len(want))
		}
	})
}

// indexed tells which proposal an outcome belongs to.
type indexed struct {
	done outcomes
	text string
}

func (i *indexed) Done(out Outcome) {
	if out.Err == nil {
		out.Results = []Result{{Detail: i.text}}
	}
	i.done <- out
}

// TestRN6_StrangersDoNotKeepMembersOut: hosts that connect and say nothing hold what they may, and a member that starts meanwhile is heard.
func TestRN6_StrangersDoNotKeepMembersOut(t *testing.T) {
	bubble(t, func(t *testing.T, c *testCluster) {
		want := c.sendTexts("a", 5)
		away := c.followers()[0]
		c.kill(away.name)
		leader := c.leader()
		evil := c.net.Host("evil")
		held := 0
		for range 3 * greetingsHostMax {
			conn, err := evil.Dial(t.Context(), leader.name+":"+testPort)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			held++
		}
		c.pass(time.Second)
		g := &leader.node.net.greetings
		g.mu.Lock()
		if g.all != greetingsHostMax || g.byHost["evil"] != greetingsHostMax {
			t.Errorf("%d connections: %d in the handshake, by host %v", held, g.all, g.byHost)
		}
		g.mu.Unlock()
		c.start(away.name)
		want = append(want, c.sendTexts("b", 5)...)
		contains(t, c.converged(3*time.Second), want)
		c.pass(handshakeTimeout)
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.all != 0 || len(g.byHost) != 0 {
			t.Errorf("after the handshake's time: %d, %v", g.all, g.byHost)
		}
	})
}
