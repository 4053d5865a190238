package client

import (
	"errors"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
)

func TestTopicsAreManagedOnAllLeaders(t *testing.T) {
	bubble(t, []string{"b0", "b1"}, func(t *testing.T, f *fakeCluster) {
		c := f.client("c")
		defer c.Close()
		a, ctx := c.Admin(), t.Context()
		if err := a.CreateTopic(ctx, "C", TopicSpec{Name: "T", ReadQueues: 6}); err != nil {
			t.Fatal(err)
		}
		if f.topics["T"] != 6 || f.count("b0:10911", 17) != 1 || f.count("b1:10911", 17) != 1 {
			t.Errorf("topic has %d queues; requests %v", f.topics["T"], f.seen)
		}
		r, err := c.Route(ctx, "T")
		if err != nil || len(r.WriteQueues()) != 12 || len(r.ReadQueues()) != 12 {
			t.Errorf("%+v, %v", r, err)
		}
		if err := a.DeleteTopic(ctx, "C", "T"); err != nil {
			t.Fatal(err)
		}
		if f.count("ns:9876", 216) != 1 {
			t.Error("the NameServer was not told")
		}
		if _, err := c.Route(ctx, "T"); !errors.Is(err, ErrNoRoute) {
			t.Errorf("route of the deleted topic: %v", err)
		}
		if err := a.CreateTopic(ctx, "Nowhere", TopicSpec{Name: "T"}); !errors.Is(err, ErrNoRoute) {
			t.Errorf("in an unknown cluster: %v", err)
		}
		f.on("b1:10911", 17, refuse(16, "not for you"))
		if err := a.CreateTopic(ctx, "C", TopicSpec{Name: "T"}); !IsCode(err, 16) {
			t.Errorf("refused: %v", err)
		}
		brokers, err := a.Cluster(ctx, "")
		if err != nil || len(brokers) != 2 || brokers[0].Name != "b0" || brokers[0].Leader() != "b0:10911" || brokers[0].Cluster != "C" {
			t.Errorf("%+v, %v", brokers, err)
		}
	})
}

func TestResetOffsets(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.topics["T"] = 2
		q0, q1 := Queue{"T", "b0", 0}, Queue{"T", "b0", 1}
		f.put(q0, "1", "2")
		elapse(time.Hour)
		middle := time.Now()
		f.put(q0, "3")
		f.put(q1, "1")
		c := f.client("c")
		defer c.Close()
		a, ctx := c.Admin(), t.Context()
		for _, q := range []Queue{q0, q1} {
			if err := c.CommitOffset(ctx, "G", q, 1); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range []struct {
			to           time.Time
			force        bool
			want0, want1 int64
		}{
			{middle, false, 1, 0}, // only backwards
			{middle, true, 2, 0},
			{time.Time{}, true, 3, 1},
			{time.Unix(1, 0), false, 0, 0},
		} {
			if err := a.ResetOffsets(ctx, "G", "T", step.to, step.force); err != nil {
				t.Fatal(err)
			}
			if at0, at1 := f.committed("G", q0), f.committed("G", q1); at0 != step.want0 || at1 != step.want1 {
				t.Errorf("to %v, force %v: %d and %d, want %d and %d", step.to, step.force, at0, at1, step.want0, step.want1)
			}
		}
		f.on("b0:10911", 222, func(r *remoting.Request) bool { r.ReplyCode(0, ""); return true })
		if err := a.ResetOffsets(ctx, "G", "T", middle, true); err != nil || f.committed("G", q0) != 0 {
			t.Errorf("a broker that resets by itself was told offsets: %v", err)
		}
	})
}
