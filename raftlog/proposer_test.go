package raftlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// fakeFuture is what raft would return of Apply; the test answers it. The proposer knows nothing else of raft.
type fakeFuture struct {
	raft.ApplyFuture
	data    []byte
	done    chan struct{}
	err     error
	results []Result
}

func (f *fakeFuture) Error() error  { <-f.done; return f.err }
func (f *fakeFuture) Response() any { return f.results }

func (f *fakeFuture) answer(err error) {
	b, decodeErr := commitlog.DecodeBatch(f.data)
	if decodeErr != nil {
		panic(decodeErr)
	}
	f.err = err
	for i := range b.Count {
		f.results = append(f.results, Result{Code: int32(i)})
	}
	close(f.done)
}

// proposerBubble runs f with a leading proposer whose entries arrive on a channel.
func proposerBubble(t *testing.T, o Options, f func(t *testing.T, p *proposer, entries <-chan *fakeFuture)) {
	synctest.Test(t, func(t *testing.T) {
		o.EnsureDefaults()
		entries := make(chan *fakeFuture, 100)
		p := newProposer(&o, func(data []byte) raft.ApplyFuture {
			f := &fakeFuture{data: data, done: make(chan struct{})}
			entries <- f
			return f
		})
		p.lead(true)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { p.run(ctx) })
		f(t, p, entries)
		cancel()
		synctest.Wait()
		for len(entries) > 0 {
			(<-entries).answer(raft.ErrRaftShutdown)
		}
		wg.Wait()
	})
}

func texts(t *testing.T, data []byte) (all []string) {
	t.Helper()
	if err := commitlog.VerifyBatch(data); err != nil {
		t.Fatal(err)
	}
	b, err := commitlog.DecodeBatch(data)
	if err != nil {
		t.Fatal(err)
	}
	for {
		sub, _, ok, err := b.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return all
		}
		all = append(all, string(sub.Payload))
	}
}

func TestProposalsGatherWhileEntriesAreInFlight(t *testing.T) {
	proposerBubble(t, Options{GroupTime: func() int64 { return 42 }}, func(t *testing.T, p *proposer, entries <-chan *fakeFuture) {
		done := make(outcomes, 100)
		propose := func(text string) {
			t.Helper()
			if err := p.propose(textRecord(text), 1, done, false); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		propose("a")
		propose("b") // two entries in flight: the next ones gather
		first, second := <-entries, <-entries
		for i := range 10 {
			propose(fmt.Sprint("c", i))
		}
		if len(entries) != 0 {
			t.Fatal("a third entry is in flight")
		}
		first.answer(nil)
		synctest.Wait()
		third := <-entries
		if got := texts(t, third.data); len(got) != 10 || got[0] != "c0" || got[9] != "c9" {
			t.Errorf("the third entry holds %q", got)
		}
		if b, _ := commitlog.DecodeBatch(third.data); b.GroupTime != 42 || b.WallTime != time.Now().UnixMilli() {
			t.Errorf("envelope %+v", b)
		}
		second.answer(nil)
		third.answer(nil)
		synctest.Wait()
		for i := range 12 {
			out := <-done
			if want := int32(max(0, i-2)); out.Err != nil || len(out.Results) != 1 || out.Results[0].Code != want {
				t.Errorf("outcome %d is %+v, want code %d", i, out, want)
			}
		}
	})
}

func TestEntriesAreBoundedAndALargeMessageTravelsAlone(t *testing.T) {
	proposerBubble(t, Options{EntryBytesMax: 1000, EntriesInFlight: 1}, func(t *testing.T, p *proposer, entries <-chan *fakeFuture) {
		done := make(outcomes, 100)
		var want [][]byte
		for i, size := range []int{10, 400, 400, 400, 5000, 10, 990, 10, 10} {
			text := bytes.Repeat([]byte{byte('a' + i)}, size)
			want = append(want, text)
			if err := p.propose(textRecord(string(text)), 1, done, false); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				synctest.Wait()
			}
		}
		var got []string
		sizes := []int{}
		for len(got) < len(want) {
			synctest.Wait()
			f := <-entries
			all := texts(t, f.data)
			if len(f.data) > commitlog.BatchHeaderSize+1000 && len(all) > 1 {
				t.Errorf("an entry of %d messages has %d bytes", len(all), len(f.data))
			}
			if cap(f.data) > 2*len(f.data) {
				t.Errorf("an entry of %d bytes keeps a buffer of %d", len(f.data), cap(f.data))
			}
			got, sizes = append(got, all...), append(sizes, len(all))
			f.answer(nil)
		}
		for i := range want {
			if got[i] != string(want[i]) {
				t.Errorf("message %d is out of order", i)
			}
		}
		if fmt.Sprint(sizes) != "[1 2 1 1 1 1 2]" {
			t.Errorf("messages of the entries: %v", sizes)
		}
	})
}

func TestAFullQueueRefuses(t *testing.T) {
	proposerBubble(t, Options{QueueBytesMax: 100, EntriesInFlight: 1}, func(t *testing.T, p *proposer, entries <-chan *fakeFuture) {
		done := make(outcomes, 10)
		propose := func(size int) error { return p.propose(textRecord(string(make([]byte, size))), 1, done, false) }
		if err := propose(10); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // in flight: the queue is empty
		if err := propose(500); err != nil {
			t.Errorf("a proposal above the bound into an empty queue: %v", err)
		}
		if err := propose(10); !errors.Is(err, ErrBusy) || !errors.Is(err, ErrNotAppended) {
			t.Errorf("into a full queue: %v", err)
		}
	})
}

func TestEveryErrorOfRaftHasItsFamily(t *testing.T) {
	unknown := []error{raft.ErrLeadershipLost, raft.ErrRaftShutdown, raft.ErrAbortedByRestore, errors.New("no space left on device")}
	not := []error{raft.ErrNotLeader, raft.ErrLeadershipTransferInProgress, raft.ErrEnqueueTimeout}
	for _, err := range append(unknown, not...) {
		proposerBubble(t, Options{}, func(t *testing.T, p *proposer, entries <-chan *fakeFuture) {
			done := make(outcomes, 1)
			if err := p.propose(textRecord("x"), 1, done, false); err != nil {
				t.Fatal(err)
			}
			(<-entries).answer(err)
			out := <-done
			wantUnknown := false
			for _, u := range unknown {
				wantUnknown = wantUnknown || u == err
			}
			if errors.Is(out.Err, ErrUnknown) != wantUnknown || errors.Is(out.Err, ErrNotAppended) == wantUnknown {
				t.Errorf("%v became %v", err, out.Err)
			}
		})
	}
}

func TestLostLeadershipAnswersWhatWaits(t *testing.T) {
	proposerBubble(t, Options{EntriesInFlight: 1}, func(t *testing.T, p *proposer, entries <-chan *fakeFuture) {
		flying, waiting := make(outcomes, 1), make(outcomes, 1)
		if err := p.propose(textRecord("x"), 1, flying, false); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := p.propose(textRecord("y"), 1, waiting, false); err != nil {
			t.Fatal(err)
		}
		p.lead(false)
		if out := <-waiting; !errors.Is(out.Err, ErrNotLeader) {
			t.Errorf("what waited ended with %v", out.Err)
		}
		if err := p.propose(textRecord("z"), 1, waiting, false); !errors.Is(err, ErrNotLeader) {
			t.Errorf("taken without leadership: %v", err)
		}
		select {
		case out := <-flying:
			t.Errorf("what is in flight was answered with %v before raft did", out)
		default:
		}
		(<-entries).answer(raft.ErrLeadershipLost)
		if out := <-flying; !errors.Is(out.Err, ErrUnknown) {
			t.Errorf("what was in flight ended with %v", out.Err)
		}
	})
}

func TestAProposalMustMakeSense(t *testing.T) {
	proposerBubble(t, Options{}, func(t *testing.T, p *proposer, _ <-chan *fakeFuture) {
		for _, c := range []struct{ size, count int }{{0, 0}, {0, 1}, {16, 2}, {16, -1}, {commitlog.DataBytesMax, 1}} {
			if err := p.propose(make([]byte, c.size), c.count, nil, false); !errors.Is(err, ErrNotAppended) {
				t.Errorf("%+v: %v", c, err)
			}
		}
	})
}
