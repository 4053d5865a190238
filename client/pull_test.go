package client

import (
	"testing"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

func TestPull(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 2
		q := Queue{"T", "b0", 1}
		f.put(q, "A-1", "B-2", "A-3")
		c := f.client("c")
		defer c.Close()
		p := c.NewPullConsumer("G")
		for _, step := range []struct {
			name   string
			at     offset.Queue
			max    int32
			tags   string
			status PullStatus
			bodies string
			next   offset.Queue
		}{
			{"all", 0, 32, "", Found, "A-1B-2A-3", 3},
			{"one", 1, 1, "*", Found, "B-2", 2},
			{"by tag", 0, 32, "A || C", Found, "A-1A-3", 3},
			{"tags filter everything out", 0, 32, "C", Found, "", 3},
			{"the end", 3, 32, "", NoNewMessage, "", 3},
			{"beyond the end", 9, 32, "", OffsetMoved, "", 3},
		} {
			req := NewPullRequest(q, step.at)
			req.Max, req.Tags = step.max, step.tags
			r, err := p.Pull(t.Context(), req)
			bodies := ""
			for _, m := range r.Messages {
				bodies += string(m.Body)
			}
			if err != nil || r.Status != step.status || bodies != step.bodies || r.Next != step.next || r.Bounds.Max != 3 {
				t.Errorf("%s: %+v %q, %v", step.name, r, bodies, err)
			}
		}
	})
}

func TestLongPullWaitsForAMessage(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 1
		q := Queue{"T", "b0", 0}
		c := f.client("c")
		defer c.Close()
		p := c.NewPullConsumer("G")
		req := NewPullRequest(q, 0)
		req.Wait = 15 * time.Second
		begin := time.Now()
		if r, err := p.Pull(t.Context(), req); err != nil || r.Status != NoNewMessage || time.Since(begin).Round(10*time.Millisecond) != 15*time.Second {
			t.Errorf("%+v after %v, %v", r, time.Since(begin), err)
		}
		time.AfterFunc(4*time.Second, func() { f.put(q, "x") })
		begin = time.Now()
		if r, err := p.Pull(t.Context(), req); err != nil || len(r.Messages) != 1 || time.Since(begin).Round(10*time.Millisecond) != 4*time.Second {
			t.Errorf("%+v after %v, %v", r, time.Since(begin), err)
		}
	})
}

func TestPullsFollowTheSuggestedReplica(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 1
		f.start("b0r:10911")
		f.replicas["b0"] = map[int64]string{1: "b0r:10911"}
		q := Queue{"T", "b0", 0}
		f.put(q, "1", "2", "3")
		c := f.client("c")
		defer c.Close()
		p := c.NewPullConsumer("G")
		pull := func(at offset.Queue) PullResult {
			t.Helper()
			req := NewPullRequest(q, at)
			req.Max = 1
			r, err := p.Pull(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		for at, want := range []string{"b0:10911", "b0r:10911", "b0r:10911", "b0:10911"} {
			if r := pull(offset.Queue(at)); r.Addr != want {
				t.Errorf("pull at %d went to %s, want %s", at, r.Addr, want)
			}
		}
		pull(0)
		f.net.Host("b0r").Kill()
		req := NewPullRequest(q, 1)
		if _, err := p.Pull(t.Context(), req); err == nil {
			t.Error("the dead replica answered")
		}
		if r := pull(1); r.Addr != "b0:10911" {
			t.Errorf("after the replica died: %s", r.Addr)
		}
	})
}

func TestOffsets(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 1
		q := Queue{"T", "b0", 0}
		f.put(q, "1")
		elapse(time.Minute)
		second := time.Now()
		f.put(q, "2")
		c := f.client("c")
		defer c.Close()
		ctx := t.Context()
		if at, err := c.MaxOffset(ctx, q); at != 2 || err != nil {
			t.Errorf("max %d, %v", at, err)
		}
		if at, err := c.MinOffset(ctx, q); at != 0 || err != nil {
			t.Errorf("min %d, %v", at, err)
		}
		if at, err := c.OffsetAt(ctx, q, second); at != 1 || err != nil {
			t.Errorf("at %v: %d, %v", second, at, err)
		}
		if _, found, err := c.CommittedOffset(ctx, "G", q); found || err != nil {
			t.Errorf("committed before any commit: %v, %v", found, err)
		}
		if err := c.CommitOffset(ctx, "G", q, 2); err != nil {
			t.Error(err)
		}
		if at, found, err := c.CommittedOffset(ctx, "G", q); at != 2 || !found || err != nil {
			t.Errorf("committed %d, %v, %v", at, found, err)
		}
	})
}
