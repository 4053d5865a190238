package client

import (
	"errors"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
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

func TestRegistrarReachesEveryNameServer(t *testing.T) {
	bubble(t, []string{"b0"}, func(t *testing.T, f *fakeCluster) {
		f.start("ns2:9876")
		c := f.client("c", func(o *Options) { o.NameServers = []string{"ns:9876", "cut:9876", "ns2:9876"} })
		defer c.Close()
		f.net.Host("cut").Listen("cut:9876")
		f.net.Cut("c", "cut")
		var header map[string]string
		f.on("ns2:9876", 103, func(r *remoting.Request) bool {
			header = map[string]string{}
			for _, field := range r.Ext {
				header[field.Key] = field.Value
			}
			r.Reply(&remoting.Command{Ext: protocol.Fields{{Key: "masterAddr", Value: "leader:1"}}})
			return true
		})
		r := c.NewRegistrar(Member{Cluster: "C", Broker: "g", Addr: "h:10911", GroupID: "uuid"})
		ctx := t.Context()
		begin := time.Now()
		got := r.Register(ctx, Registration{ID: 1, Term: 7, Topics: []protocol.TopicConfig{{TopicName: "T", ReadQueueNums: 4, WriteQueueNums: 4, Perm: 6}}})
		if len(got) != 3 || got[0].Err != nil || got[2].Err != nil || got[2].LeaderAddr != "leader:1" || OutcomeOf(got[1].Err) != NotSent {
			t.Errorf("%+v", got)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("took %v", took)
		}
		for k, v := range map[string]string{"brokerName": "g", "brokerAddr": "h:10911", "clusterName": "C", "brokerId": "1",
			"heartbeatTimeoutMillis": "10000", "haServerAddr": "h:10911"} {
			if header[k] != v {
				t.Errorf("header %s = %q, want %q", k, header[k], v)
			}
		}
		if got := r.Heartbeat(ctx, 1); got[0].Err != nil {
			t.Errorf("heartbeat: %v", got[0].Err)
		}
		f.mu.Lock()
		f.forget = true
		f.mu.Unlock()
		if got := r.Heartbeat(ctx, 1); !errors.Is(got[0].Err, ErrNotRegistered) || errors.Is(got[1].Err, ErrNotRegistered) {
			t.Errorf("heartbeat to NameServers that have forgotten us: %+v", got)
		}
		if got := r.Unregister(ctx, 1); got[0].Err != nil || got[2].Err != nil {
			t.Errorf("unregister: %+v", got)
		}
		if n := f.count("", 104); n != 2 {
			t.Errorf("unregistered at %d NameServers", n)
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
