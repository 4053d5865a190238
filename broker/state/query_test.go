package state

import (
	"errors"
	"testing"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting/message"
)

func TestMessagesAreReadWithTheirOffsets(t *testing.T) {
	m := newMember(t)
	topic := m.createTopic("T", 2)
	k := consumequeue.Key{Topic: topic.ID, Queue: 1}
	var at []offset.Physical
	for _, body := range []string{"one", "two", "six"} {
		at = append(at, m.append(send(topic.ID, 0, 1, "other"), send(topic.ID, 1, 2, body))[1].Position)
	}
	units, err := m.state.Units(nil, k, 0, 10)
	if err != nil || len(units) != 3 {
		t.Fatal(units, err)
	}
	out, n, err := m.state.AppendMessages([]byte("before"), k, 0, units, 1<<20)
	if err != nil || n != 3 || string(out[:6]) != "before" {
		t.Fatalf("%d messages, %v", n, err)
	}
	out = out[6:]
	size := 0
	for i, body := range []string{"one", "two", "six"} {
		got, n, err := message.DecodeStored(out)
		if err != nil || string(got.Body) != body || got.QueueOffset != offset.Queue(i) || got.PhysicalOffset != at[i] || got.QueueID != 1 {
			t.Errorf("message %d: %+v, %v", i, got, err)
		}
		size, out = n, out[n:]
	}

	for _, c := range []struct{ bytesMax, want int }{{0, 1}, {1, 1}, {size, 1}, {3*size - 1, 2}, {3 * size, 3}} {
		if _, n, err := m.state.AppendMessages(nil, k, 0, units, c.bytesMax); err != nil || n != c.want {
			t.Errorf("within %d bytes: %d messages, %v; want %d", c.bytesMax, n, err, c.want)
		}
	}
	_, n, err = m.state.AppendMessages(nil, consumequeue.Key{Topic: topic.ID, Queue: 0}, 0, units, 1<<20)
	if n != 0 || !errors.Is(err, commitlog.ErrCorrupt) {
		t.Errorf("units of another queue: %d, %v", n, err)
	}
	again, _, _ := m.state.AppendMessages(nil, k, 0, units[:1], 0)
	stored, err := m.state.MessageAt(at[0])
	if err != nil || string(stored) != string(again) {
		t.Errorf("by physical offset: %v", err)
	}
	if ts, err := m.state.StoreTime(units[2]); err != nil || ts != 2 {
		t.Errorf("store time %d, %v", ts, err)
	}
}

func TestMessageAtFindsOnlyMessagesThatHadTheirEffect(t *testing.T) {
	m := newMember(t)
	topic := m.createTopic("T", 1)
	good := m.append(send(topic.ID, 0, 1, "good"))[0].Position
	r := m.append(AppendAdvanceDelay(nil, 1, 5, 6, 1), send(topic.ID, 0, 2, "cancelled"), send(topic.ID, 5, 3, "no queue"))
	boundary := m.must(AppendBoundary(nil))
	for name, p := range map[string]offset.Physical{
		"cancelled": r[1].Position, "without a queue": r[2].Position, "no message": boundary.Position,
		"inside a message": good + 3, "beyond the log": m.host.log.NextPosition() + 99, "negative": -1,
	} {
		if _, err := m.state.MessageAt(p); !errors.Is(err, commitlog.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.state.MessageAt(good); err != nil {
		t.Error(err)
	}
	m.must(AppendRetain(nil, m.state.Applied()))
	if _, err := m.state.MessageAt(good); !errors.Is(err, commitlog.ErrNotFound) {
		t.Errorf("below what is retained: %v", err)
	}
}

func TestDamagedMessagesAreNeverReturned(t *testing.T) {
	m := newMember(t)
	topic := m.createTopic("T", 1)
	k := consumequeue.Key{Topic: topic.ID, Queue: 0}
	m.append(send(topic.ID, 0, 1, "first"))
	p := m.append(send(topic.ID, 0, 2, "second"))[0].Position
	m.checkpoint()
	m.restart() // the log's cache is cold
	if err := m.fs.FlipBit("m/commitlog/00000000000000000000", 8*(int64(p)+commitlog.SegmentHeaderSize+60)); err != nil {
		t.Fatal(err)
	}
	units, err := m.state.Units(nil, k, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	out, n, err := m.state.AppendMessages(nil, k, 0, units, 1<<20)
	if n != 1 || !errors.Is(err, commitlog.ErrCorrupt) {
		t.Errorf("%d messages, %v", n, err)
	}
	if got, size, err := message.DecodeStored(out); err != nil || string(got.Body) != "first" || size != len(out) {
		t.Errorf("%d bytes before the damage, %v", len(out), err)
	}
}

func TestOffsetByTime(t *testing.T) {
	m := newMember(t)
	topic := m.createTopic("T", 2)
	k := consumequeue.Key{Topic: topic.ID, Queue: 0}
	for _, ts := range []int64{100, 200, 200, 300} {
		m.append(send(topic.ID, 0, ts, "x"))
	}
	check := func(name string, k consumequeue.Key, ts int64, lower, upper offset.Queue) {
		t.Helper()
		l, err1 := m.state.OffsetByTime(k, ts, false)
		u, err2 := m.state.OffsetByTime(k, ts, true)
		if l != lower || u != upper || err1 != nil || err2 != nil {
			t.Errorf("%s, %d: lower %d, upper %d, want %d, %d (%v, %v)", name, ts, l, u, lower, upper, err1, err2)
		}
	}
	check("equal to some", k, 200, 1, 2)
	check("between", k, 250, 3, 2)
	check("the last", k, 300, 3, 3)
	check("after the last", k, 999, 4, 3)
	check("before the first", k, 50, 0, 0)
	check("empty queue", consumequeue.Key{Topic: topic.ID, Queue: 1}, 50, 0, 0)
	check("unknown queue", consumequeue.Key{Topic: 99, Queue: 1}, 50, 0, 0)
	m.must(AppendBoundary(nil))
	boundary := m.state.Applied()
	m.append(send(topic.ID, 0, 400, "x"), send(topic.ID, 0, 500, "x"))
	m.must(AppendRetain(nil, boundary))
	check("before what is retained", k, 100, 4, 4)
	check("the last, rest retained away", k, 500, 5, 5)
	m.must(AppendBoundary(nil))
	m.must(AppendRetain(nil, m.state.Applied()))
	check("nothing retained", k, 450, 6, 6)
}

func TestQueriesBeforeStartFindNothing(t *testing.T) {
	s := New(Options{Dir: "x"})
	k := consumequeue.Key{}
	if s.Topic("t") != nil || s.Group("g") != nil || s.Range(k) != (offset.Range{}) || s.Applied() != 0 || s.FeatureLevel() != 1 || len(s.Boundaries()) != 0 {
		t.Error("something found before the start")
	}
	if _, err := s.Units(nil, k, 0, 1); !errors.Is(err, consumequeue.ErrOutOfRange) {
		t.Error(err)
	}
	if _, err := s.MessageAt(0); !errors.Is(err, commitlog.ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.OffsetByTime(k, 0, true); err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestFailedWriteStopsTheMember(t *testing.T) {
	m := newMember(t, func(o *Options) { o.Queues.DirtyBytesMax = 2000 })
	topic := m.createTopic("T", 1)
	broken := errors.New("broken")
	_, remove := m.fs.FailNth(1, isQueueWrite, broken)
	defer remove()
	var r []raftlog.Result
	for i := 0; i < 1000 && len(m.host.fatal) == 0; i++ {
		r = m.append(send(topic.ID, 0, int64(i), "x"), send(topic.ID, 0, int64(i), "x"))
	}
	if len(m.host.fatal) != 1 || !errors.Is(m.host.fatal[0], broken) {
		t.Fatalf("fatal %v", m.host.fatal)
	}
	wantCodes(t, r, Failed, Failed)
	applied := m.state.Applied()
	wantCodes(t, m.append(send(topic.ID, 0, 1, "x")), Failed)
	if m.state.Applied() != applied {
		t.Error("went on after the failure")
	}
	remove()
	m.host.fatal = nil
	m.restart()
	if got := m.state.Range(consumequeue.Key{Topic: topic.ID, Queue: 0}); int64(got.Max) != int64(m.host.log.LastIndex()-2)*2+1 {
		t.Errorf("range after the restart %v, log to %d", got, m.host.log.LastIndex())
	}
}
